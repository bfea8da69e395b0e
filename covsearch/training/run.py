"""From a dataset folder to a checkpoint folder: the one function behind ``covsearch train``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from covsearch.config import ModelConfig, TrainConfig
from covsearch.dataset.datacos import Dataset
from covsearch.dataset.pairs import Pairs, pairs_by_work, pairs_leaky
from covsearch.dataset.splits import Split, draw_split, read_split
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.progress import Progress, Tell, silent, unheard
from covsearch.synthesis.sources import open_collections, source_names
from covsearch.training import together
from covsearch.training.card import SPLIT, Trained, write_checkpoint
from covsearch.training.loop import begin, forget_state, train
from covsearch.training.losses import LOSSES
from covsearch.training.mixture import MixedBatches, check_features
from covsearch.training.source import TrainingSource, check_unused
from covsearch.training.told import epoch_line, epoch_titles, header, songs_line, too_few
from covsearch.workspace import Workspace


def run_training(
    source: TrainingSource,
    config: ModelConfig,
    training: TrainConfig,
    workspace: Workspace,
    out: Path | None = None,
    progress: Progress = silent,
    tell: Tell = unheard,
    hear: Tell = unheard,
) -> tuple[Path, Trained]:
    """Open, pack, split, train and write a checkpoint; the same call goes on with a training that was killed.

    Parameters
    ----------
    source : TrainingSource
    config : ModelConfig
    training : TrainConfig
    workspace : Workspace
        Its cache keeps the packed frames.
    out : Path, optional
        The checkpoint folder; ``<home>/models/<branch>-<subset>-seed<seed>`` when not given.
    progress : Progress
    tell : Tell
        Hears of songs that are left out, and of pairs that the collection has not enough of.
    hear : Tell
        Hears what is trained on what, and every epoch; a line each.

    Returns
    -------
    (Path, Trained)
        The checkpoint folder and what went into it.

    Raises
    ------
    UsageError
        When the folder already holds a finished checkpoint, or an unfinished training with other choices; or the
        model cannot be made.
    NotFoundError, ArtefactError
        When the dataset or a folder of songs is missing or unreadable.
    MissingExtraError
        When the loss or the songs need an extra that is not installed.
    """
    if training.synthesize:
        check_features(config.features)
    LOSSES[training.loss](training)  # a missing extra is said before hours of packing, not after
    begin(config, training)  # so is a device that PennyLane does not know, and a checkpoint that does not fit
    with together.as_one():
        return _run(source, config, training, workspace, out, progress, tell, hear)


def _run(
    source: TrainingSource,
    config: ModelConfig,
    training: TrainConfig,
    workspace: Workspace,
    out: Path | None,
    progress: Progress,
    tell: Tell,
    hear: Tell,
) -> tuple[Path, Trained]:
    with together.first_before_others():
        dataset = source.open(config.features.names, tell)
        out = out or source.default_folder(config.branch, training.seed, workspace)
        check_unused(out)
        songs = open_collections(source_names(training.synthesize), workspace.cache, progress, tell)
        store = pack_cached(workspace.cache, dataset, config.features, strict=source.strict, progress=progress)
    split, pairs = pairs_by_part(dataset, store, training)
    batches = MixedBatches(store, pairs["train"], songs, training) if songs else None
    for line in (*header(config, training, store, pairs), *(f"songs     {one}" for one in map(songs_line, songs))):
        hear(line)
    for line in too_few(training, pairs):
        tell(line)
    hear(epoch_titles(training))
    report = train(store, pairs, config, training, out, progress, batches, lambda one: hear(epoch_line(one, training)))
    if not report.best_epoch:
        hear("no epoch is better on validation than the weights that the training began with: these are kept")
    trained = Trained(report, config, training, store, pairs, split, tuple(map(songs_line, songs)))
    if together.place()[0] == 0:
        write_checkpoint(out, trained)
        forget_state(out)
    return out, trained


def pairs_by_part(
    dataset: Dataset, store: FrameStore, training: TrainConfig
) -> tuple[Split | None, Mapping[str, Pairs]]:
    """The pairs of each part: by the split that the dataset ships, else by one drawn with the seed.

    Returns
    -------
    (Split or None, dict)
        None for the leaky split by pairs.
    """
    sizes = {
        "train": training.train_pairs,
        "validation": training.validation_pairs,
        "test": training.test_pairs,
    }
    if training.split == "pairs":
        return None, pairs_leaky(store.wids, sizes, training.seed)
    shipped = dataset.root / SPLIT
    split = read_split(shipped, dataset.root) if shipped.exists() else draw_split(store.wids, training.seed)
    return split, pairs_by_work(store.wids, split, sizes, training.seed)
