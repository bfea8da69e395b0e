"""What a training says of itself, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from covsearch.config import ModelConfig, TrainConfig
from covsearch.counting import counted
from covsearch.dataset.pairs import Pairs

if TYPE_CHECKING:
    from covsearch.features.store import FrameStore
    from covsearch.synthesis.sources import SongCollection
    from covsearch.training.loop import EpochMetrics

_TITLES, _WIDTHS = ("loss", "validation", "accuracy", "validation", "left"), (6, 10, 8, 10, 8)


def header(config: ModelConfig, training: TrainConfig, store: FrameStore, pairs: Mapping[str, Pairs]) -> Iterator[str]:
    """Which model is trained, on what and how."""
    seen = config.features
    rate = f", {seen.rate:.2f} frames/s" if seen.rate else ""
    works = counted(len(set(store.wids)), "work")
    got = ", ".join(f"{part} {len(some):,}" for part, some in pairs.items())
    songs = f", with covers synthesised from {training.synthesize}" if training.synthesize else ""
    begun = f", begun from {training.start}" if training.start else ""
    yield f"model     {config.branch}, {config.pooling} pooling, head with {config.alpha} weights{begun}"
    yield f"sees      {seen.features}, at most {seen.frames:,} frames{rate}, key {seen.key}"
    yield f"data      {store.subset}: {counted(len(store), 'performance')} of {works}{songs}"
    yield f"pairs     {got}, split by {training.split}"
    yield (
        f"training  {counted(training.epochs, 'epoch')}, loss {training.loss}, learning rate {training.learning_rate:g}"
        f" ({training.schedule}), seed {training.seed}"
    )


def songs_line(collection: SongCollection) -> str:
    """What one source of synthesised covers has, and its licence."""
    works = counted(len(collection.maker), "work")
    return f"{collection.name}: {works}, {counted(collection.notes, 'note')}; {collection.licence}"


def too_few(training: TrainConfig, pairs: Mapping[str, Pairs]) -> Iterator[str]:
    """Of which parts there are fewer pairs than were asked for."""
    for part, some in pairs.items():
        wanted = getattr(training, f"{part}_pairs")
        if len(some) < wanted:
            yield f"{wanted:,} {part} pairs were asked for, the collection has {len(some):,}: half covers, half not"


def epoch_titles(training: TrainConfig) -> str:
    """What the numbers of :func:`epoch_line` are."""
    return _row(training, "epoch", *_TITLES)


def epoch_line(record: EpochMetrics, training: TrainConfig) -> str:
    """One epoch: loss and accuracy of training and validation, and how long the rest will take at this pace."""
    values = (record.train_loss, record.validation_loss, record.train_accuracy, record.validation_accuracy)
    left = _time((training.epochs - record.epoch) * record.seconds)
    return _row(training, f"{record.epoch}/{training.epochs}", *(f"{value:.3f}" for value in values), left)


def _row(training: TrainConfig, epoch: str, *cells: str) -> str:
    """At most 60 characters up to 999 epochs."""
    width = max(len("epoch"), len(f"{training.epochs}/{training.epochs}"))
    return "  ".join([epoch.rjust(width), *map(str.rjust, cells, _WIDTHS)])


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
