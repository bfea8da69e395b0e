"""The first ten of twenty queries of the bundled sample, by head and by windows, pinned for the bundled weights."""

from __future__ import annotations

import json
from pathlib import Path

import covsearch


def test_rankings_of_the_sample_stay_as_they_are(sample_home: Path) -> None:
    """New weights give new ranks, and nothing else may: then the file is written anew, and the diff looked at."""
    pinned = json.loads((Path(__file__).parent / "pinned.json").read_text(encoding="utf-8"))
    index = covsearch.open(sample_home)
    assert (len(index), len(pinned)) == (873, 20)
    for asked, expected in pinned.items():
        for rerank, ids in expected.items():
            assert [match.pid for match in index.query(asked, rerank=rerank)] == ids, (asked, rerank)
