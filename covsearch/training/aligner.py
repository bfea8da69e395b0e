"""Train the learned aligner on synthesised covers; a training that was killed goes on from its last whole epoch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch.nn import functional

from covsearch import durable
from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.config import to_toml
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.errors import CovsearchError, UsageError
from covsearch.features.pack import pack_cached
from covsearch.features.slow import restored
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.models.aligner import AlignerNet, folded
from covsearch.progress import Progress, silent
from covsearch.ranking.learned import CONFIG, WEIGHTS
from covsearch.synthesis.sources import SongCollection
from covsearch.training.aligner_pairs import (
    PairGroups,
    Pool,
    covers_pool,
    judged_groups,
    matrices,
    mean_average_precision,
    pool,
    training_groups,
)
from covsearch.training.loop import METRICS, forget_state
from covsearch.training.state import TrainingState, load_state, save_state
from covsearch.workspace import Workspace

HELD_OUT = 0.05  # of each collection's songs
_MOST_HELD_OUT = 16
_JUDGED = 5  # non-covers beside the covers of each performance judged
_AT_ONCE = 32  # pairs judged together
_CLIP = 2.0
_WARM_UP = 50  # steps
SAMPLE = "sample"


@dataclass(frozen=True, eq=False)
class Material:
    """What a training hears.

    Attributes
    ----------
    collections : sequence of SongCollection
    songs : list of NDArray[int64]
        Of each collection, the positions of the songs that are trained on.
    judged : dict
        Name -> what is judged after each epoch: covers of the songs held out, and the sample's validation works.
    """

    collections: Sequence[SongCollection]
    songs: list[NDArray[np.int64]]
    judged: Mapping[str, Pool]


def train_aligner(
    collections: Sequence[SongCollection],
    config: AlignerConfig,
    training: AlignerTraining,
    workspace: Workspace,
    out: Path | None = None,
    progress: Progress = silent,
) -> tuple[Path, list[dict[str, float]]]:
    """Train, or go on training, and write weights, configuration and the curve.

    Parameters
    ----------
    collections : sequence of SongCollection
        What ``training.synthesize`` names.
    config : AlignerConfig
    training : AlignerTraining
    workspace : Workspace
        Its cache keeps packed frames.
    out : Path, optional
        ``<home>/models/aligner-seed<seed>`` when not given.
    progress : Progress

    Returns
    -------
    (Path, list of dict)
        The folder, and one record an epoch.

    Raises
    ------
    UsageError
        When the folder holds a finished training, or an unfinished one with other choices.
    CovsearchError
        When the loss is no longer finite.
    """
    out = out or default_folder(workspace, training)
    check_free(out)
    material = open_material(collections, config, training, workspace, progress)
    net, history = fit(config, training, material, out, progress)
    durable.replace_text(out / CONFIG, to_toml(aligner=config, train=training))
    with durable.replacing(out / WEIGHTS) as draft:
        draft.write_bytes(safetensors.numpy.save(folded(net)))
    forget_state(out)
    return out, history


def default_folder(workspace: Workspace, training: AlignerTraining) -> Path:
    """Where a training goes that names no folder."""
    return workspace.home / "models" / f"aligner-seed{training.seed}"


def check_free(folder: Path) -> None:
    """Refuse a folder with a finished training.

    Raises
    ------
    UsageError
    """
    if (folder / WEIGHTS).exists():
        raise UsageError(f"{folder} already holds a trained aligner; delete it or name another --out")


def open_material(
    collections: Sequence[SongCollection],
    config: AlignerConfig,
    training: AlignerTraining,
    workspace: Workspace,
    progress: Progress = silent,
) -> Material:
    """Hold some songs of each collection out, and make what is judged."""
    model = load_checkpoint(bundled_checkpoint())
    songs, judged = [], {}
    for k, collection in enumerate(collections):
        rng = np.random.default_rng([training.seed, 1, k])
        held_out, kept = split_songs(len(collection.maker), rng)
        songs.append(kept)
        judged[collection.name] = covers_pool(
            collection.maker, held_out, model.model, config, training, training.last_hardness, rng
        )
    dataset = open_dataset(sample_root(), model.config.features.names)
    store = pack_cached(workspace.cache, dataset, model.config.features, progress=progress)
    validation = set(sample_split().validation)
    rows = [row for row, wid in enumerate(store.wids) if wid in validation]
    works = np.unique([store.wids[row] for row in rows], return_inverse=True)[1].astype(np.int64)
    judged[SAMPLE] = pool([restored(store.slow(row)) for row in rows], works, model.model, config)
    return Material(collections, songs, judged)


def split_songs(count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of a collection's songs that are held out, at least 2, and of those that are trained on."""
    order = rng.permutation(count).astype(np.int64)
    held_out = min(_MOST_HELD_OUT, max(2, round(HELD_OUT * count)))
    return order[:held_out], np.sort(order[held_out:])


def fit(
    config: AlignerConfig, training: AlignerTraining, material: Material, folder: Path, progress: Progress = silent
) -> tuple[AlignerNet, list[dict[str, float]]]:
    """Train a fresh network, or go on; the state in `folder` is replaced after every epoch.

    Returns
    -------
    (AlignerNet, list of dict)
        In evaluation mode, and one record an epoch.
    """
    torch.manual_seed(training.seed)
    net = AlignerNet(config)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), training.learning_rate, weight_decay=training.weight_decay)
    folder.mkdir(parents=True, exist_ok=True)
    named = zip(material.collections, material.songs, strict=True)
    known = "".join(f"# {one.name}: {len(songs)} songs\n" for one, songs in named)
    key = to_toml(aligner=config, train=training) + known
    state = load_state(folder, key, net, optimizer) or TrainingState([], {})
    while (done := _done(state, training)) < 1:
        state.history.append(_epoch(net, optimizer, config, training, material, len(state.history), done, progress))
        save_state(folder, key, net, optimizer, state)
        durable.replace_text(folder / METRICS, "".join(json.dumps(row) + "\n" for row in state.history))
    return net.eval(), state.history


def _done(state: TrainingState, training: AlignerTraining) -> float:
    """Which share of the training is over, from 0 to 1."""
    if training.steps:
        return sum(row["steps"] for row in state.history) / training.steps
    return sum(row["seconds"] for row in state.history) / 60 / training.minutes


def _epoch(
    net: AlignerNet,
    optimizer: torch.optim.Optimizer,
    config: AlignerConfig,
    training: AlignerTraining,
    material: Material,
    epoch: int,
    done: float,
    progress: Progress,
) -> dict[str, float]:
    """Train on one pool of fresh covers, then judge."""
    started = time.monotonic()
    rng = np.random.default_rng([training.seed, 2, epoch])
    torch.manual_seed(int(rng.integers(2**31)))
    hardness = training.first_hardness + (training.last_hardness - training.first_hardness) * done
    notes = np.array([one.notes for one in material.collections], dtype=np.float64)
    kind = int(rng.choice(len(notes), p=np.sqrt(notes) / np.sqrt(notes).sum()))
    songs = rng.permutation(material.songs[kind])[: training.songs]
    model = load_checkpoint(bundled_checkpoint()).model
    heard = covers_pool(material.collections[kind].maker, songs, model, config, training, hardness, rng)
    steps = training.epoch_steps
    if training.steps:
        steps = min(steps, round(training.steps * (1 - done)))
    rate = training.learning_rate * (1 + math.cos(math.pi * done)) / 2
    losses, hits = [], []
    net.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (epoch * training.epoch_steps + step + 1) / _WARM_UP)
        loss, right = _step(net, optimizer, heard, config, training, rng)
        losses.append(loss)
        hits.append(right)
        progress(f"training, epoch {epoch + 1}", step + 1, steps)
    judged = {f"map_{name}": judge(net, one, config, training) for name, one in material.judged.items()}
    return {
        "epoch": epoch + 1,
        "steps": steps,
        "kind": kind,
        "train_loss": round(float(np.mean(losses)), 5),
        "train_first": round(float(np.mean(hits)), 5),
        **{name: round(value, 5) for name, value in judged.items()},
        "learning_rate": rate,
        "hardness": round(hardness, 4),
        "seconds": round(time.monotonic() - started, 3),
    }


def _step(
    net: AlignerNet,
    optimizer: torch.optim.Optimizer,
    heard: Pool,
    config: AlignerConfig,
    training: AlignerTraining,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """One step down: which is the cover of each group, and what is a cover. The loss, and how often the first is it."""
    x, sizes = matrices(heard, training_groups(heard, training, rng), config)
    logits = _logits(net, x, sizes, training).view(-1, 1 + training.negatives)
    cover = torch.zeros_like(logits)
    cover[:, 0] = 1
    weight = torch.tensor(float(training.negatives))
    first = functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))
    loss = first + functional.binary_cross_entropy_with_logits(logits, cover, pos_weight=weight)
    if not math.isfinite(float(loss.detach())):
        raise CovsearchError(f"the loss became {float(loss.detach())}: lower the learning rate")
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), _CLIP)
    optimizer.step()
    return float(loss.detach()), float((logits.argmax(1) == 0).float().mean())


def _logits(net: AlignerNet, x: torch.Tensor, sizes: torch.Tensor, training: AlignerTraining) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=training.precision == "bfloat16"):
        logits: torch.Tensor = net(x.contiguous(memory_format=torch.channels_last), sizes)
    return logits.float()


def judge(
    net: AlignerNet, judged: Pool, config: AlignerConfig, training: AlignerTraining, negatives: int = _JUDGED
) -> float:
    """MAP where each performance with a cover looks through its covers and its nearest non-covers, as many as said."""
    net.eval()
    groups = judged_groups(judged, negatives)
    scores = []
    with torch.inference_mode():
        for i in range(0, len(groups.a), _AT_ONCE):
            some = PairGroups(groups.a[i : i + _AT_ONCE], groups.b[i : i + _AT_ONCE], groups.cover, groups.start)
            scores.append(_logits(net, *matrices(judged, some, config), training).numpy())
    return mean_average_precision(np.concatenate(scores), groups)
