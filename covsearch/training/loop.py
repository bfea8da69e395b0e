"""The training loop: binary cross-entropy on pairs, the epoch with the best validation accuracy kept.

Every epoch draws its order, dropout and transpositions from (seed, epoch) alone, so that a training that was
killed goes on from its last whole epoch and ends with the weights of an unbroken run.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from covsearch import durable
from covsearch.config import EMBEDDING_DIM, ModelConfig, TrainConfig, to_toml
from covsearch.dataset.pairs import COVER, Pairs
from covsearch.embedding import embed_frames
from covsearch.errors import CovsearchError, UsageError
from covsearch.features.store import FrameStore
from covsearch.models import Siamese, bundled_checkpoint, load_checkpoint
from covsearch.models.head import pair_loss
from covsearch.progress import Progress, silent
from covsearch.training import together
from covsearch.training.batches import Batch, Batches, StoredBatches
from covsearch.training.choices import other_choices
from covsearch.training.losses import LOSSES
from covsearch.training.presets import BUNDLED
from covsearch.training.state import STATE, TrainingState, load_state, save_state

METRICS = "metrics.jsonl"
_EMBED_BATCH = 32


@dataclass(frozen=True)
class EpochMetrics:
    """One epoch: mean loss and balanced accuracy at 0.5 on what was trained (dropout on) and on validation pairs."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class TrainReport:
    """A finished training.

    Attributes
    ----------
    model : Siamese
        With the weights of `best_epoch`, in evaluation mode.
    history : tuple of EpochMetrics
    best_epoch : int
        1-based; 0 where no epoch was better than the weights that the training began with.
    validation_accuracy : float
        Of `model`.
    test_accuracy, test_auc : float
        On the test pairs, at threshold 0.5 and over all thresholds.
    pairs : dict
        Pairs of each part.
    """

    model: Siamese
    history: tuple[EpochMetrics, ...]
    best_epoch: int
    validation_accuracy: float
    test_accuracy: float
    test_auc: float
    pairs: dict[str, int]


def train(
    store: FrameStore,
    pairs: Mapping[str, Pairs],
    config: ModelConfig,
    training: TrainConfig,
    folder: Path,
    progress: Progress = silent,
    batches: Batches | None = None,
    hear: Callable[[EpochMetrics], None] = lambda _: None,
) -> TrainReport:
    """Train, or go on training, a model of `config`.

    Kept are the weights of the epoch that is best on validation pairs; those that ``training.start`` names, where no
    epoch is better than they are.

    Parameters
    ----------
    store : FrameStore
    pairs : mapping
        ``train``, ``validation`` and ``test`` -> Pairs over positions in the store.
    config : ModelConfig
    training : TrainConfig
    folder : Path
        Where ``state.safetensors`` and ``metrics.jsonl`` are kept while training.
    progress : Progress
    batches : Batches, optional
        What is trained on; by default the training pairs.
    hear : callable
        Hears of every epoch when it is over.

    Raises
    ------
    UsageError
        When `folder` holds an unfinished training with other choices.
    CovsearchError
        When the loss is no longer finite.
    """
    torch.manual_seed(training.seed)
    model = begin(config, training)
    optimizer = torch.optim.AdamW(model.parameters(), training.learning_rate, weight_decay=training.weight_decay)
    seen = f"# {len(store)} performances of {store.subset}, {store.lengths.sum()} frames\n"
    key = to_toml(model=config, train=training) + seen
    folder.mkdir(parents=True, exist_ok=True)
    state = load_state(folder, key, model, optimizer) or TrainingState([], {})
    made = batches or StoredBatches(store, pairs["train"], training)
    while len(state.history) < training.epochs and not _out_of_patience(state, training.patience):
        record, validated = _epoch(model, optimizer, made, store, pairs["validation"], training, state, progress)
        _keep(state, record, validated, training.keep)
        hear(record)
        if together.place()[0] == 0:
            save_state(folder, key, model, optimizer, state)
            durable.replace_text(folder / METRICS, "".join(json.dumps(row) + "\n" for row in state.history))
    kept = goodness(state.history[state.best_epoch - 1])
    model.load_state_dict(state.best)
    if training.start and training.keep == "best":
        begun = begin(config, training).eval()
        loss, accuracy = together.agreed(*_validated(begun, store, pairs["validation"]))
        before = accuracy, -loss
        if before >= kept:
            model, kept, state.best_epoch = begun, before, 0
    return _report(model.eval(), store, pairs, state, kept[0])


def begin(config: ModelConfig, training: TrainConfig) -> Siamese:
    """A model with the weights that a training begins with: fresh ones, or those of ``training.start``.

    Raises
    ------
    UsageError
        When the checkpoint is of another model.
    NotFoundError, ArtefactError
        When it is missing or damaged.
    """
    model = Siamese(config)
    if training.start:
        folder = bundled_checkpoint() if training.start == BUNDLED else Path(training.start)
        checkpoint = load_checkpoint(folder)
        if odd := other_choices(config, checkpoint.config):
            raise UsageError(
                f"--from {training.start}: a model of another {', '.join(odd)}; leave --from out, or say the same"
            )
        model.load_state_dict(checkpoint.model.state_dict())
    return model


def _epoch(
    model: Siamese,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    store: FrameStore,
    validation: Pairs,
    training: TrainConfig,
    state: TrainingState,
    progress: Progress,
) -> tuple[EpochMetrics, Siamese]:
    """Train one epoch; what it was like, and the model that was validated: this one, or its moving average."""
    started = time.monotonic()
    epoch = len(state.history) + 1
    rng = np.random.default_rng([training.seed, epoch])
    torch.manual_seed(int(rng.integers(2**31)) + together.place()[0])  # each process drops other values
    rate = _learning_rate(training, epoch)
    for group in optimizer.param_groups:
        group["lr"] = rate
    made = batches(model, rng, (epoch - 1) / training.epochs)
    loss, accuracy = _train_epoch(model, optimizer, made, training, state.average, epoch)
    progress("training", epoch, training.epochs)
    judged = _averaged(model, state, training.average)
    valid_loss, valid_accuracy = together.agreed(*_validated(judged.eval(), store, validation))
    seconds = round(time.monotonic() - started, 3)
    return EpochMetrics(epoch, loss, accuracy, valid_loss, valid_accuracy, rate, seconds), judged


def _validated(model: Siamese, store: FrameStore, validation: Pairs) -> tuple[float, float]:
    """Loss and accuracy at 0.5 of a model in evaluation mode."""
    scores = pair_scores(model, store, validation)
    loss = float(pair_loss(torch.from_numpy(scores), torch.from_numpy(validation.label)))
    return loss, accuracy_at_half(scores, validation.label)


def _averaged(model: Siamese, state: TrainingState, decay: float) -> Siamese:
    """The model with its averaged weights, which begin with those of the first epoch's end; itself without decay."""
    if not decay:
        return model
    if not state.average:
        state.average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    judged = copy.deepcopy(model)
    judged.load_state_dict(state.average)
    return judged


def _train_epoch(
    model: Siamese,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Batch],
    training: TrainConfig,
    average: Mapping[str, Tensor],
    epoch: int,
) -> tuple[float, float]:
    """Mean loss a track, and accuracy at 0.5 with covers and non-covers weighing the same."""
    model.train()
    objective = LOSSES[training.loss](training)
    losses, done, hits, of = 0.0, 0, np.zeros(2), np.zeros(2)
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=training.precision == "bfloat16"):
            vectors = together.embed(model, batch.frames, batch.lengths)
        loss, scores = objective(vectors.float(), model.head, batch)
        if not math.isfinite(float(loss.detach())):
            raise CovsearchError(f"the loss became {float(loss.detach())} in epoch {epoch}: lower the learning rate")
        _step(model, optimizer, loss, training, average)
        done += len(batch.lengths)
        losses += float(loss.detach()) * len(batch.lengths)
        right = (scores.detach() < 0) == (batch.label == COVER)
        of += torch.bincount(batch.label, minlength=2).numpy()
        hits += torch.bincount(batch.label[right], minlength=2).numpy()
    return losses / done, float(np.mean(hits / np.maximum(of, 1)))


def _step(
    model: Siamese, optimizer: torch.optim.Optimizer, loss: Tensor, training: TrainConfig, average: Mapping[str, Tensor]
) -> None:
    """One step down the gradient; the moving average follows, once it has begun."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    together.share_gradients(model)
    if training.clip:
        torch.nn.utils.clip_grad_norm_(model.branch.parameters(), training.clip)
    optimizer.step()
    now = model.state_dict() if average else {}
    for name, value in average.items():
        if value.is_floating_point():
            value.lerp_(now[name].detach(), 1 - training.average)
        else:
            value.copy_(now[name])


def _learning_rate(training: TrainConfig, epoch: int) -> float:
    if training.schedule == "constant":
        return training.learning_rate
    return training.learning_rate * (1 + math.cos(math.pi * (epoch - 1) / training.epochs)) / 2


def _out_of_patience(state: TrainingState, patience: int) -> bool:
    return bool(patience) and len(state.history) - state.best_epoch >= patience


def goodness(epoch: Mapping[str, float]) -> tuple[float, float]:
    """What the epoch that is kept has most of: validation accuracy, then as little loss as can be."""
    return epoch["validation_accuracy"], -epoch["validation_loss"]


def _keep(state: TrainingState, record: EpochMetrics, model: Siamese, which: str) -> None:
    """Append the record; keep the weights when validation accuracy is better, or as good with a lower loss.

    With `which` ``last``, they are kept in any case.
    """
    state.history.append(asdict(record))

    if (
        which == "last"
        or not state.best_epoch
        or goodness(state.history[-1]) > goodness(state.history[state.best_epoch - 1])
    ):
        state.best = {name: value.detach().clone() for name, value in model.state_dict().items()}
        state.best_epoch = record.epoch


def pair_scores(model: Siamese, store: FrameStore, pairs: Pairs) -> NDArray[np.float32]:
    """Scores s (N,) of pairs; every track that occurs is embedded once, in evaluation mode."""
    tracks, rows = np.unique(np.stack([pairs.a, pairs.b]), return_inverse=True)
    by_length = tracks[np.argsort(store.lengths_of(tracks.tolist()), kind="stable")].tolist()
    vectors = np.empty((len(store), EMBEDDING_DIM), dtype=np.float32)
    for i in range(0, len(by_length), _EMBED_BATCH):
        some = by_length[i : i + _EMBED_BATCH]
        vectors[some] = embed_frames(model, [store.frames(row) for row in some])
    a, b = (torch.from_numpy(vectors[tracks[side]]) for side in rows.reshape(2, -1))
    with torch.inference_mode():
        scores: NDArray[np.float32] = model.head(a, b).numpy()
    return scores


def accuracy_at_half(scores: NDArray[np.float32], label: NDArray[np.int64]) -> float:
    """Share of pairs on the right side of p = 0.5, that is s = 0."""
    return float(np.mean((scores < 0) == (label == COVER)))


def _report(
    model: Siamese, store: FrameStore, pairs: Mapping[str, Pairs], state: TrainingState, validated: float
) -> TrainReport:
    scores = pair_scores(model, store, pairs["test"])
    label = pairs["test"].label
    history = tuple(
        EpochMetrics(int(row["epoch"]), *(float(v) for k, v in row.items() if k != "epoch")) for row in state.history
    )
    sizes = {part: len(some) for part, some in pairs.items()}
    auc = float(roc_auc_score(label, scores))
    return TrainReport(model, history, state.best_epoch, validated, accuracy_at_half(scores, label), auc, sizes)


def forget_state(folder: Path) -> None:
    """Remove the state of a training whose checkpoint has been written."""
    (folder / STATE).unlink(missing_ok=True)
