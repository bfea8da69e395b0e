"""Which songs are one work, and which may not be trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from covsearch.synthesis.cover import CoverMaker
from covsearch.synthesis.held_out import HeldOutSongs, plain_title, sample_held_out
from covsearch.synthesis.readings import SongReading
from covsearch.synthesis.scores import held_out_ids
from covsearch.synthesis.works import works_of
from tests.songs import make_song


def reading(seed: int, transposed: int = 0, name: str = "", **said: str) -> SongReading:
    song = make_song(seed, transposed)
    return SongReading(replace(song, name=name or f"{seed}+{transposed}"), (f"title {seed}",), **said)  # type: ignore[arg-type]


def test_the_same_tune_in_another_key_is_another_version() -> None:
    songs, again = works_of([reading(1), reading(2), reading(1, 5), reading(3)])
    assert [(song.name, [one.name for one in song.versions]) for song in songs] == [
        ("1+0", ["1+5"]), ("2+0", []), ("3+0", []),
    ]  # fmt: skip
    assert again == 0


def test_one_recording_is_kept_once_and_a_shared_name_alone_makes_no_work() -> None:
    songs, again = works_of([reading(1, recording="r"), reading(2, recording="r"), reading(3)])
    assert ([song.name for song in songs], again) == (["1+0", "3+0"], 1)
    songs, _ = works_of([reading(1, work="w"), reading(2, work="w")])
    assert [song.name for song in songs] == ["1+0", "2+0"]


def test_without_written_melodies_the_name_decides() -> None:
    both = [replace(reading(seed, work="w"), invented=True) for seed in (1, 2)]
    songs, _ = works_of([*both, replace(reading(3, work="v"), invented=True)])
    assert [(song.name, len(song.versions)) for song in songs] == [("1+0", 1), ("3+0", 0)]


def test_covers_are_made_of_every_version() -> None:
    song, other = make_song(1), make_song(2, bars=24)
    maker = CoverMaker([replace(song, versions=(other,))])
    lengths = [int(maker.make([0], np.random.default_rng(k), hardness=0.0)[1][0]) for k in range(12)]
    short, long = (
        int(CoverMaker([one]).make([0], np.random.default_rng(0), hardness=0.0)[1][0]) for one in (song, other)
    )
    assert {abs(length - short) < abs(length - long) for length in lengths} == {True, False}


def test_titles_are_compared_without_case_accents_and_articles() -> None:
    assert plain_title("The Gobby-O!") == plain_title("gobby o") == plain_title("Gobby-O, The")
    assert plain_title("Frühling’s Lied") == "fruhlings lied"


def test_a_title_or_a_quarter_of_the_melody_is_held_out() -> None:
    one, other = reading(1), reading(2)
    held_out = HeldOutSongs(["The Title"], [one.melody])
    assert held_out.reason(["Title"], other.melody) == "has the title of a work that models are judged by"
    assert held_out.reason(["Another"], reading(1, 4).melody) == "has the melody of a work that models are judged by"
    assert held_out.reason(["Another"], other.melody) == ""
    assert HeldOutSongs([""], []).reason([""], one.melody) == ""


def test_the_samples_works_are_held_out_by_what_is_bundled() -> None:
    import json

    from covsearch.synthesis.held_out import BUNDLED

    said = json.loads(BUNDLED.read_text(encoding="utf-8"))
    assert set(said["melodies"]) == held_out_ids()
    held_out = sample_held_out()
    for melody in list(said["melodies"].values())[::20]:
        assert held_out.reason([], [ord(pitch) + 2 for pitch in melody])
    assert held_out.reason([said["titles"][5].upper()], [])
