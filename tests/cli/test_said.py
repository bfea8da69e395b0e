"""What commands print, letter by letter, and their JSON, value by value.

``COVSEARCH_WRITE_EXPECTED=1 pytest tests/cli/test_said.py`` writes the files in ``expected/`` anew: read their diff.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from commands import Commands
from published import publish

from covsearch import __version__, api
from covsearch.workspace import Workspace

EXPECTED = Path(__file__).parent / "expected"
SAID = {
    "query": ("plain", "query P_22 --top 39"),
    "query-windows": ("windowed", "query P_22 --rerank windows --top 4 --candidates 20"),
    "query-windows-csv": ("windowed", "query P_22 --rerank windows --top 4 --candidates 20 --csv"),
    "query-calibrated": ("calibrated", "query P_22 --top 5"),
    "query-calibrated-windows": ("calibrated", "query P_22 --rerank windows --top 3"),
    "query-calibrated-csv": ("calibrated", "query P_22 --top 5 --csv"),
    "query-json": ("calibrated", "query P_22 --top 2 --json"),
    "find": ("plain", "find bjork"),
    "find-json": ("plain", "find song 8 writ --limit 2 --json"),
    "stats": ("plain", "stats"),
    "stats-windows": ("windowed", "stats"),
    "stats-json": ("plain", "stats --json"),
    "verify": ("twice", "verify"),
}


@pytest.fixture
def twice(tmp_path: Path) -> Workspace:
    """An index with one before it."""
    for seed in range(2):
        publish(Workspace(tmp_path), seed=seed, windows=True)
    return Workspace(tmp_path)


def steady(text: str, home: Path) -> str:
    """`text` without what another machine, library or moment prints otherwise."""
    text = text.replace(str(home), "HOME").replace(__version__, "VERSION")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+\+00:00", "TIME", text)
    text = re.sub(r"-?\d+\.\d{5,}(e-\d+)?", lambda found: f"{float(found[0]):.4f}", text)
    text = re.sub(r"(?m)^( (index|db)/\S+) +[\d,]+ +", r"\1 BYTES ", text)
    text = re.sub(r"[\d.]+ MB", "SIZE MB", text)
    return re.sub(r'("gen-\d+"|"cache"): \d+', r"\1: BYTES", text)


@pytest.mark.parametrize("name", SAID)
def test_it_says_what_is_expected(name: str, command: Commands, request: pytest.FixtureRequest) -> None:
    home, words = SAID[name]
    workspace = request.getfixturevalue(home)
    said = "".join(
        f"{line.rstrip()}\n" for line in steady(command.out(workspace, *words.split()), workspace.home).splitlines()
    )
    path = EXPECTED / f"{name}.txt"
    if os.environ.get("COVSEARCH_WRITE_EXPECTED"):
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")


LIBRARY: dict[str, Callable[[api.Index], Any]] = {
    "query P_22 --top 3": lambda index: index.query("P_22", top=3).to_dict(),
    "query P_22 --rerank windows --candidates 20 --top 4": lambda index: index.query(
        "P_22", top=4, candidates=20, rerank="windows"
    ).to_dict(),
    "query P_22 --rerank head": lambda index: index.query("P_22", rerank="head").to_dict(),
    "find love --limit 3": lambda index: {
        "text": "love",
        "limit": 3,
        "hits": [hit.to_dict() for hit in index.find("love", 3)],
    },
    "compare P_1 P_4": lambda index: index.compare("P_1", "P_4").to_dict(),
    "stats": lambda index: index.stats().to_dict(),
    "verify": lambda index: index.verify().to_dict(),
}


@pytest.mark.parametrize("words", LIBRARY)
def test_json_is_what_the_library_gives(words: str, command: Commands, calibrated: Workspace) -> None:
    given = LIBRARY[words](api.open_index(calibrated.home))
    assert command.json(calibrated, *words.split()) == json.loads(json.dumps(given))


def test_json_tells_all_of_a_performance(command: Commands, plain: Workspace) -> None:
    (hit, *_) = command.json(plain, "find", "bjork")["hits"]
    values = asdict(api.open_index(plain.home)[hit["pid"]])
    del values["collection"]  # what is printed has it in `pid`, where that alone is not clear
    assert {"versions", "musicbrainz", *values} - {"matches"} == set(hit)
    assert {name: hit[name] for name in values if name != "matches"} == {
        name: value for name, value in values.items() if name != "matches"
    }
