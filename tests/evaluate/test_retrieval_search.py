"""A search as a system: its ranks are those of the search itself, and its costs those of the size asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from collection import write_collection
from published import made_up_calibration
from untrained import write_untrained

import covsearch
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.embedding import embed_store
from covsearch.errors import UsageError
from covsearch.evaluate.ranks import rank_covers
from covsearch.evaluate.retrieval_search import (
    CascadeDistances,
    fused_distances,
    model_systems,
    slow_chroma_of,
    told_distances,
)
from covsearch.features.pack import pack_cached
from covsearch.index.calibration import read_calibration, write_calibration
from covsearch.index.head import Head
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.stages import SPAN, Cascade, Scope, align_with
from covsearch.store import in_memory
from covsearch.workspace import Workspace


@pytest.fixture(scope="module")
def searched(sample_home: Path) -> Scope:
    """The whole bundled sample as the bundled model searches it, in memory."""
    checkpoint = load_checkpoint(bundled_checkpoint())
    dataset = open_dataset(sample_root(), checkpoint.config.features.names)
    store = pack_cached(Workspace(sample_home).cache, dataset, checkpoint.config.features)
    head = Head(checkpoint.alpha, checkpoint.beta)
    chroma = slow_chroma_of(store, store.pids, dataset.frame_rate)
    calibration = read_calibration(checkpoint.folder, checkpoint.fingerprint)
    return Scope(in_memory(store.pids, embed_store(checkpoint, store), head), chroma, None, calibration)


def test_ranks_are_those_of_the_product(searched: Scope, sample_home: Path) -> None:
    index = covsearch.open(sample_home)
    pids, size = searched.collection.pids, len(searched.collection.pids)
    rows = np.array([0, 21, 437, 872])
    for candidates in (1000, 150):  # the default is more than there are; of 150 one hundred are aligned finely
        distances = CascadeDistances(replace(searched, cascade=Cascade(candidates)))(rows)
        for row, found in zip(rows.tolist(), distances, strict=True):
            matches = index.query(pids[row], top=size, candidates=candidates)
            ranked = [pids[k] for k in np.argsort(found, kind="stable").tolist() if k != row]
            assert ranked == [match.pid for match in matches]


def test_all_pairs_are_weighed_like_the_best_candidates(searched: Scope) -> None:
    rows = np.array([3, 500])
    aligned = np.stack(
        [
            align_with(searched.chroma.track(row), [searched.chroma.track(k) for k in range(873)], 1, SPAN)
            for row in rows
        ]
    )
    whole = np.zeros((873, 873))
    whole[rows] = aligned
    fused = fused_distances(searched, whole)(rows)
    cascade = CascadeDistances(searched)(rows)
    for row, all_pairs, told in zip(rows.tolist(), fused, cascade, strict=True):
        best = [k for k in np.argsort(told, kind="stable").tolist() if k != row][:10]  # of the 100 finely aligned
        np.testing.assert_allclose(told[best], all_pairs[best], rtol=0, atol=1e-9)


def test_one_ratio_keeps_the_order_and_equal_evidence_is_a_tie() -> None:
    ratio = np.array([4.0, 2.0, 2.0, 2.0, 2.0, -1.0])
    found = told_distances(ratio, np.array([0.5, 0.1, 0.3, 0.3, 0.2, 0.9]))
    assert (np.diff(found) > 0).tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(found, -ratio, rtol=1e-12)
    ranks = rank_covers(lambda queries: np.array([[0, *found]] * len(queries)), [0, 1, 1, 1, 0, 1, 1])
    assert ranks.rank[0] == 4  # the fourth and the third match are alike: against the system


def test_a_calibrated_model_has_two_rows_and_another_one(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "some", works=6, versions=2)
    folder = write_untrained(tmp_path / "model", root, test=("W_1", "W_2"))
    checkpoint, dataset = load_checkpoint(folder), open_dataset(root, ("hpcp",))
    store = pack_cached(tmp_path / "cache", dataset, checkpoint.config.features)
    pids = store.pids[::-1]

    def systems(align: str) -> list[str]:
        return [one.name for one in model_systems(checkpoint, store, pids, 2.7, align=align)]

    assert systems("candidates") == [checkpoint.fingerprint]
    write_calibration(folder, made_up_calibration(model=checkpoint.fingerprint))
    name = checkpoint.fingerprint
    assert systems("candidates") == [name, f"{name}, aligned"]
    assert systems("all") == [name, f"{name}, all aligned"]
    assert systems("none") == [name]
    with pytest.raises(UsageError, match=r"align must be one of candidates, all, none, not 'most'"):
        systems("most")


def test_what_aligns_finds_melodies_and_costs_its_candidates(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "some", works=6, versions=2)
    folder = write_untrained(tmp_path / "model", root, test=("W_1", "W_2"))
    checkpoint, dataset = load_checkpoint(folder), open_dataset(root, ("hpcp",))
    write_calibration(folder, made_up_calibration(model=checkpoint.fingerprint))
    store = pack_cached(tmp_path / "cache", dataset, checkpoint.config.features)
    wids = dataset.wids_of(store.pids)
    for align, measured in (("candidates", True), ("all", False)):
        _, system = model_systems(checkpoint, store, store.pids, 2.7, align=align)
        assert rank_covers(system.distances, wids).rank.tolist() == [1] * 12
        assert system.measured == measured
        assert system.query_seconds_at(30) > 0
    assert system.query_seconds_at(3_000) == pytest.approx(100 * system.query_seconds_at(30))
