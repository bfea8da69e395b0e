"""Splits and pairs: balanced, deduplicated, and no work in two parts unless asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.dataset.pairs import (
    Pairs,
    balanced_pairs,
    cover_pairs,
    pairs_by_work,
    pairs_leaky,
    read_pairs,
    write_pairs,
)
from covsearch.dataset.splits import Split, draw_split, read_split, write_split
from covsearch.errors import ArtefactError, UsageError

works = st.lists(st.integers(0, 12), min_size=2, max_size=60).map(lambda xs: [f"W_{x}" for x in xs])


def as_set(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))


@given(works)
def test_cover_pairs_against_a_double_loop(wids: list[str]) -> None:
    slow = [(i, j) for i in range(len(wids)) for j in range(i + 1, len(wids)) if wids[i] == wids[j]]
    assert [tuple(row) for row in cover_pairs(wids).tolist()] == slow


@given(works, st.integers(2, 400), st.integers(0, 5))
def test_pairs_are_balanced_distinct_and_truly_labelled(wids: list[str], n: int, seed: int) -> None:
    covers = len(cover_pairs(wids))
    others = len(wids) * (len(wids) - 1) // 2 - covers
    if min(covers, others) == 0:
        with pytest.raises(UsageError, match="pairs need two performances of one work and two of different works"):
            balanced_pairs(wids, n, np.random.default_rng(seed))
        return
    pairs = balanced_pairs(wids, n, np.random.default_rng(seed))
    assert (pairs.label == 0).sum() == (pairs.label == 1).sum() == min(n // 2, covers, others)
    assert len(as_set(pairs)) == len(pairs)
    assert (pairs.a < pairs.b).all()
    assert [int(wids[a] != wids[b]) for a, b in zip(pairs.a, pairs.b, strict=True)] == pairs.label.tolist()


def test_large_collections_draw_by_rejection() -> None:
    wids = [f"W_{i // 5}" for i in range(1000)]
    pairs = balanced_pairs(wids, 3000, np.random.default_rng(0))
    assert len(pairs) == 3000
    assert len(as_set(pairs)) == 3000
    again = balanced_pairs(wids, 3000, np.random.default_rng(0))
    assert as_set(again) == as_set(pairs)


def test_split_by_work_shares_no_work() -> None:
    wids = [f"W_{i // 4}" for i in range(200)]
    split = draw_split(wids, seed=3)
    parts = pairs_by_work(wids, split, {"train": 60, "validation": 20, "test": 20}, seed=3)
    seen = {part: {wids[i] for i in (*pairs.a, *pairs.b)} for part, pairs in parts.items()}
    assert [len(parts[part]) for part in ("train", "validation", "test")] == [60, 20, 20]
    for part, others in (("train", ("validation", "test")), ("validation", ("test",))):
        for other in others:
            assert not seen[part] & seen[other]


def test_leaky_split_leaks_works_but_no_pair() -> None:
    wids = [f"W_{i // 4}" for i in range(40)]
    parts = pairs_leaky(wids, {"train": 60, "validation": 20, "test": 20}, seed=0)
    assert [len(p) for p in parts.values()] == [60, 20, 20]
    assert not as_set(parts["train"]) & as_set(parts["test"])
    seen = [{wids[i] for i in (*pairs.a, *pairs.b)} for pairs in parts.values()]
    assert seen[0] & seen[2]


def test_leaky_split_of_a_small_collection_keeps_proportions() -> None:
    wids = [f"W_{i // 2}" for i in range(40)]  # 20 cover pairs: 40 pairs in all
    parts = pairs_leaky(wids, {"train": 3000, "validation": 1000, "test": 1000}, seed=0)
    assert [len(p) for p in parts.values()] == [24, 8, 8]


@given(st.integers(3, 200), st.integers(0, 100))
def test_split_is_a_partition_and_ignores_order(n: int, seed: int) -> None:
    wids = [f"W_{i}" for i in range(n)]
    split = draw_split(wids, seed)
    assert sorted(split.train + split.validation + split.test) == sorted(wids)
    assert draw_split(wids[::-1] + wids, seed) == split
    assert len(split.train) == round(0.6 * n)


def test_a_work_in_two_parts_is_refused() -> None:
    with pytest.raises(ArtefactError, match=r"every work in one part, but 'W_1'"):
        Split(("W_1", "W_2"), ("W_1",), ())


def test_split_and_pairs_come_back_from_disk(tmp_path: Path) -> None:
    wids = [f"W_{i // 4}" for i in range(80)]
    pids = [f"P_{i}" for i in range(80)]
    split = draw_split(wids, 1)
    write_split(tmp_path / "split.json", split, subset="toy", by="works")
    assert read_split(tmp_path / "split.json") == split
    parts = pairs_by_work(wids, split, {"train": 20, "validation": 8, "test": 8}, 1)
    write_pairs(tmp_path / "pairs.csv", pids, parts)
    for part, pairs in parts.items():
        back = read_pairs(tmp_path / "pairs.csv", pids, part)
        assert (back.a == pairs.a).all()
        assert (back.b == pairs.b).all()
        assert (back.label == pairs.label).all()


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text('{"train": ["W_1"]}')
    with pytest.raises(ArtefactError, match="expected a split"):
        read_split(tmp_path / "split.json")
    with pytest.raises(ArtefactError, match="expected a split"):
        read_split(tmp_path / "none.json")
    (tmp_path / "pairs.csv").write_text("pid_a,pid_b,label,part\nP_1,P_99,0,test\n")
    with pytest.raises(ArtefactError, match=r"'P_99' is not in this collection"):
        read_pairs(tmp_path / "pairs.csv", ["P_1"], "test")
    (tmp_path / "pairs.csv").write_text("pid_a,pid_b,label,part\nP_1,P_1,cover,test\n")
    with pytest.raises(ArtefactError, match="expected pairs"):
        read_pairs(tmp_path / "pairs.csv", ["P_1"], "test")


HEAD = "pid_a,pid_b,label,part\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its first line must be pid_a,pid_b,label,part"),
        ("pid_a,pid_b,label\nP_1,P_2,0\n", "its first line must be"),
        (HEAD + "P_1,P_1,0,test\n", "two performances and 0"),
        (HEAD + "P_1,P_2,2,test\n", "two performances and 0"),
        (HEAD + "P_1,P_2,NaN,test\n", "two performances and 0"),
        (HEAD + "P_1,P_2," + "9" * 5000 + ",test\n", "two performances and 0"),
        (HEAD + "P_1,P_2,0,test\nP_2,P_1,0,test\n", "every pair once"),
        (HEAD + '"P_1,P_2,0,test\n', "unexpected end of data"),
        (HEAD + "P_1,P_2,0," + "x" * 200_000 + "\n", "field larger than field limit"),
        ("\ufeff" + HEAD, "byte order mark"),
    ],
)
def test_strangers_pairs_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ArtefactError, match=message):
        read_pairs(tmp_path / "pairs.csv", ["P_1", "P_2"], "test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "expected a split"),
        ("[" * 100_000, "nested too deeply"),
        ('{"train": "W_1", "validation": [], "test": [], "seed": 0}', "train must be an array of works"),
        ('{"train": ["../W_1"], "validation": [], "test": [], "seed": 0}', "train must be an array of works"),
        ('{"train": [], "validation": [], "test": [[]], "seed": 0}', "test must be an array of works"),
        ('{"train": [], "validation": [], "test": [], "seed": 0.5}', "seed must be a whole number"),
        ('{"train": [], "validation": [], "test": [], "seed": NaN}', "NaN is not JSON"),
        ('{"train": [], "train": [], "validation": [], "test": [], "seed": 0}', "'train' comes twice"),
        ('{"train": [' + '"W_1",' * 1_000_000 + '"W_1"]}', "at most 1,000,000 are read"),
    ],
)
def test_strangers_splits_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(ArtefactError, match=message):
        read_split(tmp_path / "split.json")


def test_a_split_that_is_a_link_out_of_the_dataset_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    write_split(tmp_path / "split.json", Split(("W_1",), (), ()))
    (tmp_path / "dataset" / "split.json").symlink_to(tmp_path / "split.json")
    assert read_split(tmp_path / "dataset" / "split.json").train == ("W_1",)
    with pytest.raises(ArtefactError, match="link out of the dataset"):
        read_split(tmp_path / "dataset" / "split.json", tmp_path / "dataset")
