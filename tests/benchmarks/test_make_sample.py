"""The pure logic of the sample's maker, and that the bundled sample keeps what its maker promises."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.make_sample import choose, features, grouping, hymns, performance, titles, write
from benchmarks.make_sample.alignment import similarity
from benchmarks.make_sample.catalogue import metadata, rows
from covsearch.synthesis.setting import Setting, from_json

MELODIES = st.lists(st.integers(48, 84), min_size=1, max_size=25)
SHARED = Path(__file__).resolve().parents[3] / "shared"


def tune(source_id: str, pitches: list[int], title: str = "A Tune", kind: str = "tune", **other: object) -> Setting:
    notes = tuple((float(onset), 1.0, pitch) for onset, pitch in enumerate(pitches))
    collection, number = source_id.split("/", 1)
    made: dict[str, Any] = {"lyric": "", "key": "", "quarter_bpm": 0.0, "bar": "4/4", "file": "", **other}
    made |= {"titles": (title,), "melody": notes, "parts": (notes,)}
    return Setting(source_id=source_id, kind=kind, collection=collection, number=number, **made)


def walk(seed: int, length: int = 60) -> list[int]:
    draw = random.Random(seed)
    pitches = [60]
    while len(pitches) < length:
        pitches.append(min(max(pitches[-1] + draw.choice([-5, -4, -2, -1, 1, 2, 3, 5, 7]), 48), 84))
    return pitches


def slow_alignment(first: list[int], second: list[int]) -> float:
    """Smith-Waterman, cell by cell, at every transposition."""
    best = 0
    for shift in range(12):
        score = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
        for i, a in enumerate(first, 1):
            for j, b in enumerate(second, 1):
                hit = 1 if (a + shift - b) % 12 == 0 else -1
                score[i][j] = max(0, score[i - 1][j - 1] + hit, score[i - 1][j] - 1, score[i][j - 1] - 1)
                best = max(best, score[i][j])
    return best / min(len(first), len(second))


@given(MELODIES, st.lists(MELODIES, min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_alignment_equals_the_slow_one(query: list[int], others: list[list[int]]) -> None:
    scores, _ = similarity(query, others)
    assert scores.tolist() == pytest.approx([slow_alignment(query, other) for other in others])


@given(MELODIES, st.integers(-11, 11))
@settings(max_examples=40, deadline=None)
def test_a_transposed_melody_aligns_wholly(query: list[int], by: int) -> None:
    scores, _ = similarity(query, [[pitch + by for pitch in query]])
    assert scores[0] == 1.0


def test_alignment_gives_the_shift_and_does_not_depend_on_the_block() -> None:
    query = walk(1)
    others = [walk(seed, 20 + seed % 50) for seed in range(2, 90)]
    others[40] = [pitch + 3 for pitch in query]
    scores, shifts = similarity(query, others)
    assert (scores[40], shifts[40]) == (1.0, 3)
    assert scores.tolist() == [float(similarity(query, [other])[0][0]) for other in others]
    assert np.delete(scores, 40).max() < grouping.SAME_MELODY


@pytest.mark.parametrize(
    ("printed", "bare", "shown"),
    [
        ("Greencastle Hornpipe., The", "greencastle", "The Greencastle Hornpipe"),
        ("ADMIRAL'S -- HORNPIPE", "admirals", "Admiral's Hornpipe"),
        ("The White Cockade", "white cockade", "The White Cockade"),
        ("Hunt, The (2nd setting)", "hunt", "The Hunt (2nd setting)"),
        ("The March", "march", "The March"),
        ('"Fire Him Out" -- Reel', "fire him out", "Fire Him Out Reel"),
        ("The Unfortunat:e Rake -- Jig.", "unfortunat e rake", "The Unfortunate Rake Jig"),
        ("FLY-BY-NIGHT -- CLOG", "fly by night", "Fly-By-Night Clog"),
    ],
)
def test_titles(printed: str, bare: str, shown: str) -> None:
    assert (titles.normalised(printed), titles.display(printed)) == (bare, shown)


def test_bwv_numbers_as_written() -> None:
    numbers = ["248.64-6", "197.7-a", "18.5-lz", "250", "36.8-2"]
    assert [hymns.bwv(number) for number in numbers] == ["BWV 248.64", "BWV 197a.7", "BWV 18.5", "BWV 250", "BWV 36.8"]


def test_grouping_by_melody_by_title_and_not_by_title_alone() -> None:
    melody = walk(3)
    half = melody[:30] + walk(77, 30)
    members = [
        tune("ryan/a", melody, "First"),
        tune("ryan/b", [pitch + 5 for pitch in melody], "Second"),
        tune("ryan/c", half, "First, The"),
        tune("ryan/d", half[:30] + walk(78, 30), "Other Name"),
        tune("ryan/e", walk(5), "First"),
    ]
    pairs = [pair for one in combinations(members, 2) for pair in grouping.all_pairs(list(one), 0.0)]
    works = grouping.group(members, pairs)
    found = [[setting.source_id for setting in work.settings] for work in works]
    assert found == [["ryan/a", "ryan/b", "ryan/c"], ["ryan/d"], ["ryan/e"]]


def test_duplicates_are_transpositions_and_other_forms_of_one_number() -> None:
    melody = walk(9)
    varied = [pitch + (1 if place % 4 == 0 else 0) for place, pitch in enumerate(melody)]
    work = grouping.Work((tune("ryan/a", melody), tune("ryan/b", [p - 2 for p in melody]), tune("ryan/c", varied)))
    kept, dropped = grouping.without_duplicates(work)
    assert [setting.source_id for setting in kept.settings] == ["ryan/a", "ryan/c"]
    assert dropped == [("ryan/b", "ryan/a")]
    assert grouping.coincidence(work.settings[0], work.settings[2]) == pytest.approx(0.75)
    forms = grouping.Work((tune("bach/1.2-3", melody, kind="chorale"), tune("bach/1.2-s", varied, kind="chorale")))
    assert grouping.without_duplicates(forms)[1] == [("bach/1.2-s", "bach/1.2-3")]


def test_the_smaller_of_two_works_in_doubt_is_left_out() -> None:
    large = grouping.Work((tune("ryan/x", walk(1)), tune("ryan/y", walk(1))))
    small, far = (grouping.Work((tune(f"ryan/{name}", walk(2)),)) for name in "ab")
    pairs = [grouping.Pair("ryan/a", "ryan/y", 0.36, 0), grouping.Pair("ryan/b", "ryan/x", 0.34, 0)]
    kept, left_out = grouping.in_doubt([small, far, large], pairs)
    assert kept == [far, large]
    assert left_out == [("ryan/a", "ryan/x", 0.36)]


def some_works() -> list[grouping.Work]:
    shown = [tune(f"bach/bwv244.{n}", walk(n), kind="chorale") for n in (15, 54, 62)]
    pairs = [grouping.Work((tune(f"ryan/a{n}", walk(n)), tune(f"ryan/b{n}", walk(n)))) for n in range(20)]
    singles = [grouping.Work((tune(f"oneill/{n}", walk(n)),)) for n in range(20)]
    return [grouping.Work(tuple(shown)), *pairs, *singles]


def test_order_puts_the_readme_s_setting_at_w_14_and_p_22() -> None:
    works = choose.in_order(some_works(), 2)
    table = rows(works)
    assert [(row.wid, row.pid) for row in table if row.setting.source_id == choose.README_SETTING] == [("W_14", "P_22")]
    assert [row.performance for row in table] == list(range(1, 64))
    assert {work.settings[0].source_id for work in works} == {work.settings[0].source_id for work in some_works()}
    with pytest.raises(ValueError, match=r"expected bach/bwv244\.54 among the works"):
        choose.in_order(some_works()[1:], 2)


def test_split_is_stratified_and_tests_on_the_readme_s_work() -> None:
    works = choose.in_order(some_works(), 2)
    parts = choose.split(works, 2)
    assert sorted(number for numbers in parts.values() for number in numbers) == list(range(1, 42))
    assert choose.README_WORK in parts["test"]
    singles = {name: sum(len(works[number - 1].settings) == 1 for number in numbers) for name, numbers in parts.items()}
    assert singles == {"train": 11, "validation": 3, "test": 6}
    assert parts == choose.split(works, 2) != choose.split(works, 3)


def test_assignment_hangs_on_seed_and_source_alone_and_stays_in_bounds() -> None:
    made = [performance.assign(tune(f"ryan/{n}", walk(1)), 2) for n in range(300)]
    assert made[7] == performance.assign(tune("ryan/7", walk(5), "Another Title"), 2)
    assert made != [performance.assign(tune(f"ryan/{n}", walk(1)), 3) for n in range(300)]
    tempi = [one.tempo for one in made]
    assert 0.75 <= min(tempi) < max(tempi) <= 1.3
    assert float(np.median(tempi)) == pytest.approx(1.0, abs=0.05)
    assert {one.ensemble for one in made} == set(performance.ENSEMBLES["tune"])


def test_settings_survive_json() -> None:
    setting = tune("aird/2/7", walk(4), extra={"book": "2"})
    assert from_json(json.loads(json.dumps(asdict(setting)))) == setting


def test_metadata_has_the_dataset_s_keys_and_only_strings() -> None:
    aird = tune("aird/2/7", walk(4), "Hunt, The", extra={"book": "2"})
    table = rows([grouping.Work((aird, tune("ryan/Hunt", walk(4))))])
    found = metadata(table)["W_1"]
    assert found["P_1"] == {
        "work_title": "The Hunt", "work_artist": "Traditional", "perf_title": "The Hunt", "instrumental": "Yes",
        "perf_artist": "Aird's Selection of Airs, vol. 2", "release_year": "1785", "work_id": "W_1", "perf_id": "P_1",
    }  # fmt: skip
    assert found["P_2"]["release_year"] == "1883"
    real = SHARED / "data" / "datacos" / "coveranalysis_metadata_sample.json"
    if not real.exists():
        pytest.skip(f"{real} is not here")
    record = json.loads(real.read_text(encoding="utf-8"))["W_163992"]["P_547131"]
    assert set(found["P_1"]) == set(record) - {"perf_artist_mbid", "mb_performances"}


def test_block_means_against_a_loop_and_lengths_made_equal() -> None:
    frames = np.random.default_rng(0).random((21, 12), dtype=np.float32)
    slow = np.stack([frames[start : start + 8].mean(axis=0) for start in range(0, 21, 8)])
    np.testing.assert_allclose(features.block_means(frames), slow, rtol=1e-6)
    assert features.fit_length(frames, 19).tolist() == frames[:19].tolist()
    assert features.fit_length(frames, 23)[20:].tolist() == [frames[20].tolist()] * 3
    with pytest.raises(ValueError, match="expected about 30 frames, got 21"):
        features.fit_length(frames, 30)


def test_a_written_file_is_as_the_dataset_s(tmp_path: Path) -> None:
    import h5py

    frames = write.quantised(np.random.default_rng(0).random((30, 12), dtype=np.float32), 32)
    write.write_h5(tmp_path / "a.h5", "hpcp", frames, "W_14", "P_22")
    with h5py.File(tmp_path / "a.h5") as file:
        assert (file.attrs["label"], file.attrs["track_id"]) == (b"W_14", b"P_22")
        assert (file["hpcp"].compression, file["hpcp"].compression_opts, file["hpcp"].shuffle) == ("gzip", 9, True)
        np.testing.assert_array_equal(file["hpcp"][:], frames)
    np.testing.assert_array_equal(frames * 32, np.round(frames * 32))
    with pytest.raises(ValueError, match=r"expected finite values in \[0, 1\]"):
        write.quantised(np.full((2, 12), 1.5, dtype=np.float32), 32)
