"""From a dataset folder to a checkpoint folder: the one function behind ``covsearch train``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from covsearch.config import ModelConfig, TrainConfig
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.pairs import Pairs, pairs_by_work, pairs_leaky
from covsearch.dataset.sample import sample_root
from covsearch.dataset.splits import Split, draw_split, read_split
from covsearch.errors import UsageError
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.models import Siamese
from covsearch.models.checkpoint import WEIGHTS
from covsearch.progress import Progress, Tell, silent, unheard
from covsearch.synthesis.sources import open_collections, source_names
from covsearch.training.card import SPLIT, Trained, write_checkpoint
from covsearch.training.loop import forget_state, train
from covsearch.training.losses import LOSSES
from covsearch.training.mixture import MixedBatches, check_features
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class Source:
    """What to train on.

    Attributes
    ----------
    dataset : Path or None
        A Da-TACOS folder; None is the bundled sample.
    subset : str or None
        Needed when the folder holds several.
    strict : bool
        Stop at the first file that would be skipped.
    frame_rate : float or None
        Frames/s of the files; None is what is known of the subset, else Da-TACOS's 86.13.
    """

    dataset: Path | None = None
    subset: str | None = None
    strict: bool = False
    frame_rate: float | None = None

    def open(self, features: Sequence[str]) -> Dataset:
        """The performances that have all `features`."""
        root = self.dataset or sample_root()
        return open_dataset(root, features, subset=self.subset, strict=self.strict, frame_rate=self.frame_rate)


def run_training(
    source: Source,
    config: ModelConfig,
    training: TrainConfig,
    workspace: Workspace,
    out: Path | None = None,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> tuple[Path, Trained]:
    """Open, pack, split, train and write a checkpoint; the same call goes on with a training that was killed.

    Parameters
    ----------
    source : Source
    config : ModelConfig
    training : TrainConfig
    workspace : Workspace
        Its cache keeps the packed frames.
    out : Path, optional
        The checkpoint folder; ``<home>/models/<branch>-<subset>-seed<seed>`` when not given.
    progress : Progress
    tell : Tell
        Hears of songs that are left out.

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
    Siamese(config)  # so is a device that PennyLane does not know
    dataset = source.open(config.features.names)
    out = out or workspace.home / "models" / f"{config.branch}-{dataset.subset}-seed{training.seed}"
    if (out / WEIGHTS).exists():
        raise UsageError(f"{out} already holds a trained model; delete it or name another --out")
    songs = open_collections(source_names(training.synthesize), workspace.cache, progress, tell)
    store = pack_cached(workspace.cache, dataset, config.features, strict=source.strict, progress=progress)
    split, pairs = pairs_by_part(dataset, store, training)
    batches = MixedBatches(store, pairs["train"], songs, training) if songs else None
    report = train(store, pairs, config, training, out, progress, batches)
    trained = Trained(report, config, training, store, pairs, split)
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
