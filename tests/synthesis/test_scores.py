"""Nothing that the bundled sample judges models by is ever trained on."""

from __future__ import annotations

import numpy as np

from covsearch.dataset.sample import sample_root, sample_split
from covsearch.synthesis.scores import held_out_ids, melody_grams, setting_song, without_held_out
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
