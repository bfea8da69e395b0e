"""Vectors kept beside a packed store: what changed is embedded, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from collection import melody, write_feature
from numpy.typing import NDArray
from untrained import write_model

from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.embedding import embed_cached, embed_store
from covsearch.evaluate import retrieval_systems
from covsearch.features.pack import pack
from covsearch.features.store import FrameStore
from covsearch.models import Checkpoint, load_checkpoint


def make_checkpoint(folder: Path, seed: int) -> Checkpoint:
    return load_checkpoint(write_model(folder, seed, features=FeatureConfig("hpcp", 300)))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return make_checkpoint(tmp_path / "model", 0)


def packed(toy: Path, folder: Path, checkpoint: Checkpoint) -> FrameStore:
    return pack(open_dataset(toy, ["hpcp"]), checkpoint.config.features, folder / "store", workers=1)


def embedded(checkpoint: Checkpoint, store: FrameStore) -> tuple[NDArray[np.float32], int]:
    """The vectors, and how many of them were made."""
    made = [0]
    vectors = embed_cached(checkpoint, store, lambda _, done, total: made.append(done))
    return vectors, made[-1]


def test_a_second_time_nothing_is_embedded(toy: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    first, made = embedded(checkpoint, packed(toy, tmp_path, checkpoint))
    assert made == 24
    np.testing.assert_array_equal(first, embed_store(checkpoint, packed(toy, tmp_path, checkpoint)))
    again, made = embedded(checkpoint, packed(toy, tmp_path, checkpoint))
    assert made == 0
    np.testing.assert_array_equal(again, first)


def test_an_evaluation_takes_what_a_build_made(
    toy: Path, tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = packed(toy, tmp_path, checkpoint)
    vectors = embed_cached(checkpoint, store)
    monkeypatch.setattr(retrieval_systems, "TIMED_TRACKS", 5)
    made: list[int] = []
    monkeypatch.setattr(retrieval_systems, "embed_store", lambda _, some: made.append(len(some)))
    kept = retrieval_systems.embedded(checkpoint, store, store.pids[::-1], lambda *_: made.append(-1))
    np.testing.assert_array_equal(np.stack(kept.rows), vectors[::-1])
    assert made == [5]  # for the time that it takes


def test_a_changed_and_a_new_file_are_embedded(toy: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    before, _ = embedded(checkpoint, packed(toy, tmp_path, checkpoint))
    write_feature(toy, "toy", "hpcp", "W_1", "P_2", melody(99, 180))
    write_feature(toy, "toy", "hpcp", "W_1", "P_3", melody(98, 170))
    store = packed(toy, tmp_path, checkpoint)
    vectors, made = embedded(checkpoint, store)
    assert made == 2
    np.testing.assert_allclose(vectors, embed_store(checkpoint, store), atol=1e-5)
    moved = np.abs(vectors - before).max(axis=1)
    assert np.flatnonzero(moved > 1e-3).tolist() == [1, 2]
    assert not moved[[0, *range(3, 24)]].any()


def test_every_model_has_its_own(toy: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    store, other = packed(toy, tmp_path, checkpoint), make_checkpoint(tmp_path / "other", 1)
    first, _ = embedded(checkpoint, store)
    vectors, made = embedded(other, store)
    assert made == 24
    np.testing.assert_array_equal(vectors, embed_store(other, store))
    assert embedded(checkpoint, store)[1] == 0
    assert not np.allclose(vectors, first, atol=1e-3)


@pytest.mark.parametrize("damage", ["cut", "changed", "emptied", "of another shape"])
def test_a_damaged_file_is_no_file(toy: Path, tmp_path: Path, checkpoint: Checkpoint, damage: str) -> None:
    store = packed(toy, tmp_path, checkpoint)
    first, _ = embedded(checkpoint, store)
    (path,) = store.folder.glob("vectors-*.npz")
    content = bytearray(path.read_bytes())
    if damage == "of another shape":
        with np.load(path) as file:
            np.savez(path, key=file["key"], vectors=file["vectors"][:, :64])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes({"cut": content[:-100], "changed": content, "emptied": b""}[damage])
    vectors, made = embedded(checkpoint, store)
    assert made == 24
    np.testing.assert_array_equal(vectors, first)
    assert embedded(checkpoint, store)[1] == 0


def test_a_folder_that_cannot_be_written_is_no_failure(
    toy: Path, tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    store = packed(toy, tmp_path, checkpoint)
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        for _ in range(2):
            assert embedded(checkpoint, store)[1] == 24
    assert not [path.name for path in store.folder.iterdir() if "vectors" in path.name]
