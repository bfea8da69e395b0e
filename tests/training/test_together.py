"""Two processes of torchrun train one model: the loss of the whole batch, its gradient, and equal weights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from collection import write_collection

from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.errors import UsageError
from covsearch.models import Siamese, load_checkpoint
from covsearch.trained import train_and_fit_aligner
from covsearch.training import together
from covsearch.training.batches import Batch
from covsearch.training.losses import LOSSES
from covsearch.workspace import Workspace

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from covsearch.training import together
from covsearch.training.presets import configure
from covsearch.training.run import run_training
from covsearch.training.source import TrainingSource
from covsearch.workspace import Workspace
from training.test_together import step

folder = Path(sys.argv[1])
with together.as_one():
    rank, world = together.place()
    assert world == 2
    for loss in ("pairs", "batch", "supcon"):
        np.savez(folder / f"{loss}-{rank}.npz", **step(loss))
config, training = configure("report", {"epochs": 2, "frames": 256, "batch_pairs": 16})
source, workspace = TrainingSource(folder / "toy"), Workspace(folder / "home")
_, trained = run_training(source, config, training, workspace, folder / "out")
weights = {name: value.numpy() for name, value in trained.report.model.state_dict().items()}
np.savez(folder / f"trained-{rank}.npz", **weights, loss=[epoch.train_loss for epoch in trained.report.history])
"""


def step(loss: str) -> dict[str, np.ndarray]:
    """Loss and gradients of a batch of seven tracks: by however many processes this is one of."""
    torch.manual_seed(0)
    model = Siamese(ModelConfig(norm="group", features=FeatureConfig("hpcp", 128))).train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    works = torch.tensor([0, 0, 1, 1, 2, 2, 3])
    a, b = torch.triu_indices(7, 7, 1)
    lengths = torch.tensor([128, 100, 90, 128, 70, 128, 110])
    frames = torch.rand(7, 128, 12) * (torch.arange(128) < lengths[:, None])[:, :, None]
    batch = Batch(frames, lengths, works, a, b, (works[a] != works[b]).long())
    found, scores = LOSSES[loss](TrainConfig())(together.embed(model, frames, lengths), model.head, batch)
    found.backward()
    together.share_gradients(model)
    gradients = {name: p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None}
    return {"found": found.detach().numpy(), "scores": scores.detach().numpy(), **gradients}


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as found:
        return dict(found)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which both processes left what they found."""
    folder = tmp_path_factory.mktemp("together")
    write_collection(folder / "toy", works=10, frames=120)
    (folder / "script.py").write_text(SCRIPT)
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join([str(root), str(root / "tests")])
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(folder / "script.py")]
    done = subprocess.run(
        [sys.executable, *command, str(folder)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("loss", ["pairs", "batch", "supcon"])
def test_loss_and_gradients_are_those_of_one_process_with_the_whole_batch(ran: Path, loss: str) -> None:
    if loss == "supcon":
        pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'train'")
    alone = step(loss)
    for rank in (0, 1):
        shared = arrays(ran / f"{loss}-{rank}.npz")
        assert shared.keys() == alone.keys()
        for name, value in alone.items():
            np.testing.assert_allclose(shared[name], value, rtol=1e-3, atol=1e-6, err_msg=name)


def test_both_processes_end_with_the_weights_that_are_written(ran: Path) -> None:
    first, second = (arrays(ran / f"trained-{rank}.npz") for rank in (0, 1))
    written = load_checkpoint(ran / "out").model.state_dict()
    assert first.keys() == second.keys() == {*written, "loss"}
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)
    for name, value in written.items():
        np.testing.assert_array_equal(first[name], value.numpy(), err_msg=name)
    assert first["loss"].shape == (2,)
    assert not (ran / "out" / "state.safetensors").exists()


def test_one_process_alone_embeds_as_it_did() -> None:
    assert (together.place(), together.is_first()) == ((0, 1), True)
    torch.manual_seed(0)
    model = Siamese(ModelConfig(features=FeatureConfig("hpcp", 64))).eval()
    frames, lengths = torch.rand(3, 64, 12), torch.tensor([64, 50, 64])
    assert torch.equal(together.embed(model, frames, lengths), model.embed(frames, lengths))
    assert together.agreed(0.25, 2.0) == [0.25, 2.0]


def test_more_processes_than_tracks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "place", lambda: (0, 3))
    model = Siamese(ModelConfig(features=FeatureConfig("hpcp", 64)))
    with pytest.raises(UsageError, match="a batch of 2 tracks cannot be shared by 3 processes: start fewer"):
        together.embed(model, torch.rand(2, 64, 12), torch.tensor([64, 64]))


def test_the_aligner_is_trained_by_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with pytest.raises(UsageError, match="the aligner is trained by one process: run the command without torchrun"):
        train_and_fit_aligner(AlignerConfig(), AlignerTraining("music21"), Workspace(tmp_path), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
