"""Nothing that the bundled sample judges models by is ever trained on."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from covsearch.dataset.sample import sample_root, sample_split
from covsearch.synthesis.melodies import melody_grams
from covsearch.synthesis.scores import held_out_ids, setting_song, source_id, without_held_out
from covsearch.synthesis.setting import Setting
from covsearch.synthesis.song import HIGH, LOW, MELODY


def setting(name: str, seed: int, *, title: str = "", transposed: int = 0, parts: int = 1) -> Setting:
    pitches = np.random.default_rng(seed).integers(60, 84, size=64).tolist()
    tune = tuple((k / 2, 0.5, pitch + transposed) for k, pitch in enumerate(pitches))
    lower = tuple(tuple((on, length, pitch - 7 * part) for on, length, pitch in tune) for part in range(parts))
    return Setting(name, "tune", "ryan", "1", "f", (title or name,), "", "C", 120.0, "6/8", tune, lower)


def test_a_held_out_tune_its_title_and_its_melody_in_any_key_are_left_out() -> None:
    everything = [
        setting("held", 0, title="The Hen"),
        setting("same title", 1, title="the hen"),
        setting("same melody", 0, transposed=5),
        setting("another", 2),
    ]
    assert [kept.source_id for kept in without_held_out(everything, {"held"})] == ["another"]
    assert len(without_held_out(everything, set())) == 4


def test_grams_are_the_same_in_every_key_and_for_repeated_notes() -> None:
    pitches = np.random.default_rng(0).integers(60, 80, size=40).tolist()
    assert melody_grams([p + 3 for p in pitches for _ in range(2)]) == melody_grams(pitches)
    assert not melody_grams(pitches[:7])


def test_the_samples_validation_and_test_performances_are_held_out() -> None:
    part = sample_split().part_of()
    lines = (sample_root() / "renderings.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(held_out_ids()) == sum(part[line.split(",")[1]] != "train" for line in lines) > 300
    assert "bach/bwv344" in held_out_ids() or part["W_1"] == "train"


def test_a_setting_is_melody_bass_and_what_is_between() -> None:
    song = setting_song(setting("x", 0, parts=3))
    assert song is not None
    assert (song.steps, song.bar, song.beat) == (128, 12, 0.5)
    assert sorted(set(song.notes.layer.tolist())) == [MELODY, HIGH, LOW]
    short = setting("y", 0)
    assert setting_song(Setting(**{**vars(short), "parts": (short.parts[0][:8],)})) is None


def test_no_performance_of_a_training_work_is_held_out() -> None:
    part = sample_split().part_of()
    with (sample_root() / "renderings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ids = [source_id(row) for row in rows]
    assert len(set(ids)) == len(ids)
    held = held_out_ids()
    assert all((source in held) == (part[row["wid"]] != "train") for source, row in zip(ids, rows, strict=True))


@pytest.mark.parametrize(
    ("file", "number", "source"),
    [
        ("bach/bwv344.mxl", "344", "bach/bwv344"),
        ("oneills1850/0626-0635.abc", "630", "oneill/630"),
        ("airdsAirs/book2.abc", "370", "aird/2/370"),
        ("ryansMammoth/BattleTheCashJig.abc", "1", "ryan/BattleTheCashJig"),
    ],
)
def test_a_performances_source_is_named_as_the_corpus_names_it(file: str, number: str, source: str) -> None:
    assert source_id({"source_file": file, "number": number}) == source


def test_a_tune_that_shares_a_quarter_of_its_runs_is_left_out_and_one_that_shares_less_is_not() -> None:
    held, other = setting("held", 0), setting("other", 1)

    def sharing(notes: int) -> Setting:
        melody = held.melody[:notes] + other.melody[notes:]
        return replace(other, source_id=f"shares {notes}", titles=(f"shares {notes}",), melody=melody)

    grams = len(melody_grams(held.pitches))
    some = [sharing(notes) for notes in (8, 14, 30, 64)]
    kept = [one.source_id for one in without_held_out([held, *some], {"held"})]
    shared = [len(melody_grams(one.pitches) & melody_grams(held.pitches)) / grams for one in some]
    assert kept == [one.source_id for one, share in zip(some, shared, strict=True) if share <= 0.25]
    assert kept == ["shares 8", "shares 14"]


@pytest.mark.parametrize(("bar", "steps"), [("6/8", 12), ("4/4", 16), ("2/4", 8), ("3/2", 24), ("", 16)])
def test_a_bar_is_so_many_semiquavers(bar: str, steps: int) -> None:
    song = setting_song(replace(setting("x", 0), bar=bar))
    assert song is not None
    assert song.bar == steps
    assert (song.notes.layer == MELODY).all()


def test_settings_that_are_no_songs_are_left_out() -> None:
    tune = setting("x", 0)
    few = (*tune.parts[0][:18], (31.0, 1.0, 60))  # long enough, with 19 notes
    endless = (*tune.parts[0], (1000.0, 1.0, 60))
    for part in (few, endless, ()):
        assert setting_song(replace(tune, parts=(part,))) is None
    assert setting_song(replace(tune, parts=((*few, (30.0, 1.0, 62)),))) is not None
