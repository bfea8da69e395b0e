"""The ladder: every rung gives the same vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.embed import embed_files, embed_frames, embed_store
from covsearch.errors import UsageError
from covsearch.features.pack import pack
from covsearch.models import Checkpoint, Siamese, load_checkpoint, save_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    torch.manual_seed(0)
    config = ModelConfig(features=FeatureConfig("hpcp", 300))
    save_checkpoint(tmp_path / "model", Siamese(config), config)
    return load_checkpoint(tmp_path / "model")


def test_store_files_and_frames_agree(toy: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    store = pack(dataset, checkpoint.config.features, tmp_path / "store")
    seen: list[tuple[str, int, int]] = []
    vectors = embed_store(checkpoint, store, lambda *args: seen.append(args))
    assert vectors.shape == (24, 128)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert seen[-1] == ("embedding", 24, 24)
    for i in (0, 7, 23):
        alone = embed_frames(checkpoint.model, [store.frames(i)])[0]
        np.testing.assert_allclose(vectors[i], alone, atol=1e-5)
        from_files = embed_files(checkpoint, dataset.files[store.pids[i]], dataset.frame_rate)
        np.testing.assert_allclose(from_files, alone, atol=1e-5)


def test_torchs_threads_are_put_back(toy: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    before = torch.get_num_threads()
    embed_store(checkpoint, pack(open_dataset(toy, ["hpcp"]), checkpoint.config.features, tmp_path / "store"))
    assert torch.get_num_threads() == before


def test_store_of_another_configuration_is_refused(toy: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    store = pack(open_dataset(toy, ["hpcp"]), FeatureConfig("hpcp", 50), tmp_path / "store")
    with pytest.raises(UsageError, match=r"was trained on .*frames=300.*the store holds .*frames=50"):
        embed_store(checkpoint, store)


def test_missing_feature_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs hpcp: no file with \['hpcp'\]"):
        embed_files(checkpoint, {"crema": tmp_path / "x.h5"}, 86.13)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_frame_rate_that_cannot_be(checkpoint: Checkpoint, toy: Path, rate: float) -> None:
    with pytest.raises(UsageError, match="frame rate must be a positive number"):
        embed_files(checkpoint, open_dataset(toy).files["P_1"], rate)
