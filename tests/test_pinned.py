"""The first ten of twenty queries of the bundled sample, by head and by windows, as the release before ranked them."""

from __future__ import annotations

import json
from pathlib import Path

import covsearch


def test_rankings_of_the_sample_are_those_of_the_release_before(tmp_path: Path) -> None:
    pinned = json.loads((Path(__file__).parent / "pinned.json").read_text(encoding="utf-8"))
    index = covsearch.build(home=tmp_path, windows=True)
    assert (len(index), len(pinned)) == (873, 20)
    for asked, expected in pinned.items():
        for rerank, ids in expected.items():
            assert [match.pid for match in index.query(asked, rerank=rerank)] == ids, (asked, rerank)
