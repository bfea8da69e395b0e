"""The bundled sample keeps what its maker promises."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.make_sample import choose, performance
from benchmarks.make_sample.archive import write_archive
from covsearch.dataset.sample import SHA256, sample_archive, sample_root, sample_split


def bundled() -> dict[str, dict[str, dict[str, str]]]:
    path = sample_root() / "da-tacos_metadata" / "da-tacos_sample_subset_metadata.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_the_bundled_sample_is_whole() -> None:
    works = bundled()
    pids = [pid for performances in works.values() for pid in performances]
    assert list(works) == [f"W_{n}" for n in range(1, len(works) + 1)]
    assert pids == [f"P_{n}" for n in range(1, len(pids) + 1)]
    assert "BWV 244.54" in works["W_14"]["P_22"]["perf_title"]
    assert sum(len(one) > 1 for one in works.values()) >= 200
    assert sum(len(one) == 1 for one in works.values()) >= 100
    for feature in ("hpcp", "crema"):
        folder = sample_root() / f"da-tacos_sample_subset_{feature}"
        there = {(path.parent.name, path.name) for path in folder.glob("*/*")}
        assert there == {(f"{w}_{feature}", f"{p}_{feature}.h5") for w, one in works.items() for p in one}


def test_packing_the_bundled_sample_again_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write_archive(sample_root(), tmp_path / "again.zip") == SHA256
    assert (tmp_path / "again.zip").read_bytes() == sample_archive().read_bytes()


def test_the_bundled_split_and_renderings_fit_the_metadata() -> None:
    works = bundled()
    split = sample_split()
    assert sorted([*split.train, *split.validation, *split.test]) == sorted(works)
    assert "W_14" in split.test
    for part, share in choose.SHARES.items():
        assert len(split.part(part)) / len(works) == pytest.approx(share, abs=0.02)
    with (sample_root() / "renderings.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["wid"], row["pid"]) for row in table] == [(w, p) for w, one in works.items() for p in one]
    assert all(20 <= float(row["seconds"]) <= 122 for row in table)
    assert {row["instruments"] for row in table} == {name for kind in performance.ENSEMBLES.values() for name in kind}


def test_hpcp_a_and_crema_c_lie_three_semitones_apart_and_start_together() -> None:
    import h5py

    works = [(w, p) for w, one in bundled().items() for p in one][::25]
    scores = np.zeros((12, 3))
    for wid, pid in works:
        both = []
        for feature in ("hpcp", "crema"):
            path = sample_root() / f"da-tacos_sample_subset_{feature}" / f"{wid}_{feature}" / f"{pid}_{feature}.h5"
            with h5py.File(path) as file:
                both.append(np.asarray(file[feature][:]))
        hpcp, crema = both
        assert hpcp.shape == crema.shape
        for roll in range(12):
            for place, delay in enumerate((-20, 0, 20)):
                moved = np.roll(np.roll(hpcp, -roll, axis=1), delay, axis=0)
                scores[roll, place] += np.corrcoef(moved.ravel(), crema.ravel())[0, 1] / len(works)
    assert np.unravel_index(scores.argmax(), scores.shape) == (3, 1)
    assert scores[3, 1] > 0.5
    assert scores[3, 1] - np.delete(scores[:, 1], 3).max() > 0.2
