"""The study finds a deviation where there is one, and writes what it found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from collection import write_collection
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import provenance
from benchmarks.studies import invariance
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.splits import Split
from covsearch.errors import UsageError
from covsearch.models import Siamese, save_checkpoint


def write_model(folder: Path, branch: str = "invariant", pooling: str = "masked") -> Path:
    torch.manual_seed(0)
    config = ModelConfig(branch, pooling, features=FeatureConfig("hpcp", 256, 2.69))
    save_checkpoint(folder, Siamese(config), config)
    return folder


class Spoilt(Siamese):
    """Adds to a vector what it should not know: the first bin, how far it was padded, or that there are others."""

    law = "rotation"

    def embed(self, frames: Tensor, lengths: Tensor) -> Tensor:
        told = {
            "rotation": frames[:, :1, 0],
            "padding": frames.shape[1] - lengths.max(),
            "batch": torch.tensor(len(set(lengths.tolist())) - 1),
        }
        return super().embed(frames, lengths) + told[self.law] / 100


@pytest.mark.parametrize("law", ["rotation", "padding", "batch"])
def test_each_broken_law_is_found(law: str) -> None:
    model = Spoilt(ModelConfig("invariant")).eval()
    rng = np.random.default_rng(0)
    tracks: list[NDArray[np.float16]] = [rng.random((8 * n, 12)).astype(np.float16) for n in (2, 5, 3, 4)]
    model.law = law
    vectors, found = invariance.deviations(model, tracks, 0)
    assert vectors.shape == (4, 128)
    assert found[law].min() > 1e-3
    if law == "rotation":
        away = [np.abs(track[0].astype(np.float32) - np.float32(track[0, 0])).max() / 100 for track in tracks]
        np.testing.assert_allclose(found[law], away, atol=1e-5)
    others = {name: d.max() for name, d in found.items() if name != law}
    assert max(others.values()) < 1e-5, others


def test_only_test_works_are_measured_and_the_table_says_what_the_json_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = write_collection(tmp_path / "toy")
    monkeypatch.setattr(invariance, "sample_root", lambda: toy)
    monkeypatch.setattr(invariance, "sample_split", lambda: Split(("W_1",), ("W_2",), ("W_3", "W_5")))
    monkeypatch.setattr(invariance, "RESULTS", tmp_path)
    monkeypatch.setattr(provenance, "RESULTS", tmp_path)
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.argv", ["invariance", "--model", str(write_model(tmp_path / "model")), "--seed", "3"])
    invariance.main()
    result = json.loads((tmp_path / "invariance.json").read_text())
    assert result["provenance"]["seed"] == 3
    assert result["tracks"] == 6
    assert {worst["track"] for worst in result["worst"].values()} <= {"P_7", "P_8", "P_9", "P_13", "P_14", "P_15"}
    assert max(worst["deviation"] for worst in result["worst"].values()) < result["bound"]
    table = (tmp_path / "invariance.md").read_text()
    assert capsys.readouterr().out == table + "\n"
    for row, worst in zip(table.splitlines()[2:5], result["worst"].values(), strict=True):
        assert row.split(" | ")[1:3] == [f"{worst['deviation']:.1e}", worst["track"]]


@pytest.mark.parametrize(("branch", "pooling"), [("cnn", "masked"), ("invariant", "unmasked")])
def test_a_branch_that_is_not_invariant_is_refused(tmp_path: Path, branch: str, pooling: str) -> None:
    with pytest.raises(UsageError, match=f"is of {branch} with {pooling} pooling: name another --model"):
        invariance.measure(write_model(tmp_path / "model", branch, pooling), 0)
