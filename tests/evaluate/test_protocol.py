"""Held-out pairs are held out: by work, by pair, zero-shot; all pairs are all, or fairly drawn."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from collection import write_collection
from hypothesis import given
from hypothesis import strategies as st
from untrained import write_untrained

from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.evaluate import protocol

TEST = ("W_2", "W_5", "W_7")


@pytest.fixture
def trained(toy: Path, tmp_path: Path) -> tuple[Dataset, Path]:
    return open_dataset(toy, ("hpcp",)), write_untrained(tmp_path / "checkpoint", toy, test=TEST)


def works_of(dataset: Dataset, held_out: protocol.HeldOut, pids: tuple[str, ...]) -> set[str]:
    rows = np.concatenate([held_out.pairs.a, held_out.pairs.b]).tolist()
    return {dataset.performances[pids[i]].wid for i in rows}


@pytest.mark.parametrize("kind", protocol.KINDS)
def test_no_pair_touches_a_work_that_was_trained_on(trained: tuple[Dataset, Path], kind: str) -> None:
    dataset, folder = trained
    origin = protocol.read_trained_on(folder)
    part = protocol.candidates(dataset, origin, kind)
    assert set(part.works) == set(TEST)
    assert part.files.keys() == part.performances.keys()
    pids = tuple(part.performances)
    held_out = protocol.choose_pairs(dataset, origin, pids, kind)
    assert held_out.protocol == "held-out works"
    assert works_of(dataset, held_out, pids) == set(TEST)
    covers = Counter(held_out.pairs.label.tolist())[0]
    assert (len(held_out.pairs), covers) == ((36, 9) if kind == "all" else (18, 9))


def test_balanced_pairs_are_those_of_the_csv(trained: tuple[Dataset, Path]) -> None:
    dataset, folder = trained
    origin = protocol.read_trained_on(folder)
    pids = tuple(protocol.candidates(dataset, origin, "balanced").performances)
    pairs = protocol.choose_pairs(dataset, origin, pids).pairs
    found = [
        ",".join((*sorted((pids[a], pids[b])), str(label)))
        for a, b, label in zip(pairs.a.tolist(), pairs.b.tolist(), pairs.label.tolist(), strict=True)
    ]
    rows = [line.split(",") for line in (folder / "pairs.csv").read_text().splitlines()]
    assert found == [",".join((*sorted((a, b)), label)) for a, b, label, part in rows if part == "test"]


def test_a_refused_performance_takes_its_pairs_along_and_is_counted(trained: tuple[Dataset, Path]) -> None:
    dataset, folder = trained
    origin = protocol.read_trained_on(folder)
    pids = tuple(protocol.candidates(dataset, origin, "balanced").performances)
    whole = protocol.choose_pairs(dataset, origin, pids).pairs
    lost = int(np.sum((whole.a == 0) | (whole.b == 0)))
    fewer = protocol.choose_pairs(dataset, origin, pids[1:])
    assert lost > 0
    assert len(fewer.pairs) == len(whole) - lost
    assert fewer.notes[-1] == f"{lost} test pairs left out: a file of theirs was refused"
    kept = ~((whole.a == 0) | (whole.b == 0))
    np.testing.assert_array_equal(fewer.pairs.a, whole.a[kept] - 1)


def test_performances_of_unknown_works_are_in_no_pair_and_no_query(
    trained: tuple[Dataset, Path], tmp_path: Path
) -> None:
    other = open_dataset(write_collection(tmp_path / "other", subset="other"), ("hpcp",))
    lost = replace(other.performances["P_4"], wid=None)
    dataset = replace(other, performances={**other.performances, "P_4": lost})
    origin = protocol.read_trained_on(trained[1])
    rest = set(other.performances) - {"P_4"}
    assert set(protocol.candidates(dataset, origin, "all").performances) == rest
    assert set(protocol.searched(dataset, origin).dataset.performances) == rest
    with pytest.raises(UsageError, match="the work of P_4 is not known: leave it out"):
        dataset.wids_of(["P_3", "P_4"])
    assert dataset.works["W_2"] == ("P_5", "P_6")


def test_another_collection_is_zero_shot(trained: tuple[Dataset, Path], tmp_path: Path) -> None:
    origin = protocol.read_trained_on(trained[1])
    other = open_dataset(write_collection(tmp_path / "other", works=2, versions=2, subset="other"), ("hpcp",))
    assert protocol.candidates(other, origin, "balanced") is other
    pids = tuple(other.performances)
    balanced, every = (protocol.choose_pairs(other, origin, pids, kind) for kind in protocol.KINDS)
    assert balanced.protocol == every.protocol == "zero-shot"
    assert "trained on toy, judged on other" in balanced.notes[0]
    assert (len(balanced.pairs), len(every.pairs)) == (4, 6)


def test_leaky_split_says_so_and_refuses_all_pairs(trained: tuple[Dataset, Path], tmp_path: Path) -> None:
    dataset, _ = trained
    origin = protocol.read_trained_on(write_untrained(tmp_path / "leaky", dataset.root, by="pairs"))
    part = protocol.candidates(dataset, origin, "balanced")
    held_out = protocol.choose_pairs(dataset, origin, tuple(part.performances))
    assert held_out.protocol == "held-out pairs (leaky)"
    assert "flatter" in held_out.notes[0]
    assert len(part.performances) == len(np.union1d(held_out.pairs.a, held_out.pairs.b))
    with pytest.raises(UsageError, match="saw every work: use --pairs balanced"):
        protocol.candidates(dataset, origin, "all")


def test_a_checkpoint_without_its_split_cannot_be_judged(trained: tuple[Dataset, Path]) -> None:
    (trained[1] / "split.json").unlink()
    with pytest.raises(NotFoundError, match=r"has no split\.json"):
        protocol.read_trained_on(trained[1])


@pytest.mark.parametrize("about", [{"by": "works"}, {"subset": "toy", "by": "luck"}, {"subset": 3, "by": "works"}])
def test_a_split_without_its_origin_is_refused(trained: tuple[Dataset, Path], about: dict[str, object]) -> None:
    path = trained[1] / "split.json"
    parts = {"train": ["W_1"], "validation": ["W_2"], "test": ["W_3"], "seed": 0}
    path.write_text(json.dumps({**parts, **about}))
    with pytest.raises(ArtefactError, match="expected a subset and by works or pairs, got"):
        protocol.read_trained_on(trained[1])


def test_a_namesake_of_the_training_collection_is_noticed(trained: tuple[Dataset, Path], tmp_path: Path) -> None:
    origin = protocol.read_trained_on(trained[1])
    namesake = open_dataset(write_collection(tmp_path / "namesake", works=1), ("hpcp",))  # W_1 was trained on
    with pytest.raises(ArtefactError, match=r"has none of the 3 test works .* another collection with the name toy"):
        protocol.candidates(namesake, origin, "balanced")


def test_labels_that_contradict_the_works_are_refused(trained: tuple[Dataset, Path]) -> None:
    dataset, folder = trained
    path = folder / "pairs.csv"
    path.write_text("pid_a,pid_b,label,part\nP_4,P_5,1,test\n")  # both are W_2
    with pytest.raises(ArtefactError, match="P_4 and P_5 have label 1, but their works are W_2 and W_2"):
        protocol.choose_pairs(dataset, protocol.read_trained_on(folder), ("P_4", "P_5"))


def test_unknown_kind_names_the_known_ones(trained: tuple[Dataset, Path]) -> None:
    with pytest.raises(UsageError, match=r"one of all, balanced, not 'some'"):
        protocol.candidates(trained[0], protocol.read_trained_on(trained[1]), "some")


collections = st.lists(st.sampled_from(["W_1", "W_2", "W_3", "W_4"]), min_size=2, max_size=25)


@given(collections, st.integers(0, 40), st.integers(0, 2**32))
def test_all_pairs_are_every_cover_and_distinct_true_non_covers(wids: list[str], most: int, seed: int) -> None:
    pairs, population = protocol.all_pairs(wids, most, np.random.default_rng(seed))
    rows = list(zip(pairs.a.tolist(), pairs.b.tolist(), pairs.label.tolist(), strict=True))
    every = [(i, j, int(wids[i] != wids[j])) for i in range(len(wids)) for j in range(i + 1, len(wids))]
    others = [row for row in rows if row[2] == 1]
    assert population == len(every)
    assert [row for row in rows if row[2] == 0] == [row for row in every if row[2] == 0]
    assert len(set(others)) == len(others) == min(most, sum(label for _, _, label in every))
    assert set(others) <= set(every)


def test_drawn_non_covers_are_equally_likely() -> None:
    wids = ["W_1", "W_2", "W_1", "W_3", "W_3", "W_2", "W_4"]
    seen: Counter[tuple[int, int]] = Counter()
    for seed in range(3000):
        pairs, _ = protocol.all_pairs(wids, 6, np.random.default_rng(seed))
        other = pairs.label == 1
        seen.update(zip(pairs.a[other].tolist(), pairs.b[other].tolist(), strict=True))
    assert len(seen) == 18
    # 6 of 18 each time: 1,000 expected, standard deviation 26
    assert all(abs(count - 1000) < 130 for count in seen.values())


def test_a_large_collection_is_drawn_from_without_making_all_its_pairs() -> None:
    """15,000 performances make 112 million pairs; 64-bit positions of all of them would be 1.8 GB."""
    wids = [f"W_{k // 13}" for k in range(13_000)] + [f"W_{k}" for k in range(1000, 3000)]
    pairs, population = protocol.all_pairs(wids, 50_000, np.random.default_rng(0))
    assert population == 15_000 * 14_999 // 2
    assert len(pairs) == 1000 * 78 + 50_000
    assert len(np.unique(pairs.a * 15_000 + pairs.b)) == len(pairs)
