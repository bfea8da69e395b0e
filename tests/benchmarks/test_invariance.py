"""The benchmark of invariance measures what it says: small for the branch, large for one that is not invariant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.invariance import deviations, make_direct, measure
from covsearch.config import ModelConfig
from covsearch.embed import embed_frames
from covsearch.models import Siamese

TRACKS = [np.random.default_rng(i).random((40 + i, 12)).astype(np.float16) for i in range(4)]


def model(branch: str) -> Siamese:
    torch.manual_seed(0)
    return Siamese(ModelConfig(branch)).eval()


def test_the_branch_is_invariant_on_the_sample_and_both_ways_are_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path))
    result = measure(None, count=3, runs=1)
    assert set(result["worst"]) == {"rotation", "padding", "batch"}
    assert max(result["worst"].values()) < 1e-5
    assert min(time for way in result["ms"].values() for time in way.values()) > 0


def test_a_branch_that_hears_the_key_deviates_in_it_only() -> None:
    found = deviations(model("cnn"), TRACKS)
    assert found["rotation"] > 1e-3
    assert max(found["padding"], found["batch"]) < 1e-5


def test_the_direct_network_is_the_same_network() -> None:
    fourier, direct = model("invariant"), model("invariant")
    make_direct(direct)
    np.testing.assert_allclose(embed_frames(direct, TRACKS), embed_frames(fourier, TRACKS), atol=1e-5)
