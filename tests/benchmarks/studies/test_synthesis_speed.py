from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.studies.synthesis_speed import (
    HERE,
    LAYERS,
    PROTOTYPE,
    THERE,
    as_prototype,
    load_prototype,
    markdown,
    study,
)
from covsearch.synthesis.chords import estimate_chords
from covsearch.synthesis.song import Song, on_grid


@pytest.fixture(scope="module")
def song() -> Song:
    """Sixteen bars of random notes in all four layers."""
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(250, size=200)).astype(np.float64)
    layer, pitch = rng.integers(4, size=200), rng.integers(40, 80, size=200)
    notes = on_grid(start, start + rng.integers(1, 30, size=200), pitch, rng.uniform(0.3, 1, size=200), layer, 256)
    return Song("random", 256, 0.5, 16, notes, estimate_chords(notes, 256))


def test_a_converted_song_sounds_in_the_same_steps(song: Song) -> None:
    found = as_prototype(song)
    for name, number in LAYERS.items():
        theirs = found["lay"][name]
        mine = np.flatnonzero(song.notes.layer == number)
        expected = sorted(
            (int(song.notes.start[k] + age), int(song.notes.pitch[k] % 12), float(song.notes.velocity[k]))
            for k in mine
            for age in range(song.notes.length[k])
        )
        step = theirs["note_s"][theirs["nid"]] + theirs["age"]
        got = zip(
            step.tolist(), theirs["pc"][theirs["nid"]].tolist(), theirs["vel"][theirs["nid"]].tolist(), strict=True
        )
        assert sorted(got) == expected
    assert (found["n"], found["spb"]) == (256, 0.5)


def test_a_turn_makes_covers_of_the_same_songs_both_ways(song: Song) -> None:
    asked: list[dict[str, Any]] = []

    def version(rng: np.random.Generator, known: dict[str, Any], **how: Any) -> None:
        asked.append({"name": known["name"], **how})
        sum(range(20_000))

    case = study([song], SimpleNamespace(version=version), 40, rounds=2, seed=0)
    assert len(asked) == 3 * 72
    assert asked[0] == {"name": "random", "hard": 0.9, "T": 40}
    assert set(case["ms"]) == {HERE, THERE}
    assert 0 < case["ratio"]["min"] <= case["ratio"]["median"] <= case["ratio"]["max"]


def test_without_the_prototype_the_table_says_so(song: Song) -> None:
    case = study([song], None, 40, rounds=1, seed=0)
    facts = {"load_1min": 0.0, "cores": 2}
    result = {"provenance": facts, "songs": 1, "batch": 72, "hardness": 0.9, "rounds": 1, "cases": [case]}
    table = markdown({**result, "note": "the prototype was not measured"})
    assert "The prototype was not measured." in table
    assert THERE + " /" not in table


@pytest.mark.skipif(not PROTOTYPE.is_file(), reason="needs ../shared/prototype")
def test_the_prototype_plays_a_converted_song(song: Song) -> None:
    frames = load_prototype(PROTOTYPE).version(np.random.default_rng(0), as_prototype(song), hard=0.9, full=True)
    assert frames.shape[1] == 12
    assert np.isfinite(frames).all()
    assert frames.max() > 0
