"""Judge a model and the baselines on the same held-out pairs of a collection: the whole way, in one call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.counting import counted
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.pairs import COVER, Pairs
from covsearch.dataset.sample import sample_root
from covsearch.embedding import embed_store
from covsearch.evaluate.baselines import BASELINES, MEAN_CHROMA
from covsearch.evaluate.bootstrap import REPLICATES, drawn_how
from covsearch.evaluate.calibration import CalibrationScore, judge_calibration
from covsearch.evaluate.metrics import THRESHOLD, accuracy
from covsearch.evaluate.pairs import COLUMNS, PairReport, PairScores, compare_systems, head_scores
from covsearch.evaluate.protocol import assumed_rate, candidates, choose_pairs, read_trained_on, skipped_note
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.index.calibration import Calibration, read_calibration
from covsearch.index.head import Head
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.progress import Progress, silent
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class CalibratedPairs:
    """How a model's calibration does on held-out pairs.

    Attributes
    ----------
    accuracy : float
        Of p against the calibrated threshold, every pair counting the same, as in the accuracies at 0.5.
    score : CalibrationScore
        At even odds.
    """

    accuracy: float
    score: CalibrationScore

    def to_dict(self) -> dict[str, Any]:
        """Everything but the diagrams, ready for :func:`json.dumps`."""
        score = self.score.to_dict()
        even = {f"{name}_at_even_odds": score.pop(name) for name in ("accuracy", "accuracy_calibrated")}
        return {"accuracy": self.accuracy, **even, **score}


@dataclass(frozen=True)
class PairsReport:
    """A model and the baselines on the same held-out pairs.

    Attributes
    ----------
    model, features, subset : str
        Fingerprint of the model, what it hears, the collection it was judged on.
    protocol, kind : str
        Why the pairs count as held out; ``balanced`` or ``all``.
    works, performances : int
        How many the pairs are of.
    label : NDArray[int64], shape (N,)
        0 = cover, 1 = non-cover.
    probability : NDArray[float64], shape (N,)
        The model's p of each pair.
    systems : tuple of PairReport
        The model first; differences are to ``mean chroma``.
    seed, replicates, redrawn : int
        Of the bootstrap over works (and of drawn pairs).
    notes : tuple of str
        What a reader of the numbers must know.
    calibrated : CalibratedPairs or None
        How the model's calibration does; None where it has none.
    which : str
        A checksum of the ids of both sides of every pair: two models with the same were judged on the same pairs.
    """

    model: str
    features: str
    subset: str
    protocol: str
    kind: str
    works: int
    performances: int
    label: NDArray[np.int64]
    probability: NDArray[np.float64]
    systems: tuple[PairReport, ...]
    seed: int
    replicates: int
    redrawn: int
    notes: tuple[str, ...]
    calibrated: CalibratedPairs | None = None
    which: str = ""

    @property
    def covers(self) -> int:
        """How many of the pairs are covers."""
        return int(np.sum(self.label == COVER))

    columns = COLUMNS

    @property
    def rows(self) -> tuple[PairReport, ...]:
        """The rows of the table: one a system."""
        return self.systems

    @property
    def heading(self) -> str:
        """What was judged, in a line; of a calibrated model another one: what calibrating does."""
        return "\n".join(filter(None, [self.judged_on, self.told_of_calibrating]))

    @property
    def judged_on(self) -> str:
        """The pairs, in a line."""
        return (
            f"{self.subset}, {self.protocol}: {counted(self.covers, 'cover')}, "
            f"{counted(len(self.label) - self.covers, 'non-cover')} "
            f"of {counted(self.performances, 'performance')}, {counted(self.works, 'work')}"
        )

    @property
    def told_of_calibrating(self) -> str:
        """What calibrating does, in a line; empty where the model is not calibrated."""
        if self.calibrated is None:
            return ""
        usual, own, score = self.systems[0].accuracy, self.calibrated.accuracy, self.calibrated.score
        accuracy = f"accuracy {usual:.3f} at 0.5, {own:.3f} at the calibrated {score.threshold:.3f}"
        return f"{accuracy}; ECE {score.before.ece:.3f}, calibrated {score.after.ece:.3f}"

    @property
    def caption(self) -> str:
        """What differences and intervals are."""
        return f"differences to {MEAN_CHROMA}; intervals from {self.replicates:,} resamplings of the works"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points of the curves and the single pairs, ready for :func:`json.dumps`."""
        plain = ("model", "features", "subset", "protocol", "kind", "works", "performances")
        return {
            **{name: getattr(self, name) for name in plain},
            "pairs": len(self.label),
            "covers": self.covers,
            "threshold": THRESHOLD,
            "bootstrap": {**drawn_how(self.replicates, self.seed), "redrawn": self.redrawn},
            "reference": MEAN_CHROMA,
            "systems": [_system_json(system) for system in self.systems],
            "calibration": self.calibrated.to_dict() if self.calibrated else None,
            "notes": list(self.notes),
        }


def _system_json(system: PairReport) -> dict[str, Any]:
    values = {name: value for name, value in asdict(system).items() if name != "roc"}
    return {k: [v["low"], v["high"]] if isinstance(v, dict) else v for k, v in values.items()}


def evaluate_pairs(
    dataset_dir: Path | None,
    model: Path | None,
    workspace: Workspace,
    *,
    subset: str | None = None,
    pairs: str = "balanced",
    frame_rate: float | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
    progress: Progress = silent,
) -> PairsReport:
    """Judge a checkpoint on held-out pairs, beside key-invariant mean chroma and noise.

    Parameters
    ----------
    dataset_dir : Path or None
        A Da-TACOS folder; None is the bundled sample. When its subset is the one that the checkpoint was
        trained on, only held-out pairs are used; any other is zero-shot.
    model : Path or None
        A checkpoint folder; None is the bundled weights.
    workspace : Workspace
        Packed frames are kept in its cache.
    subset : str, optional
        Needed when the folder holds several.
    pairs : str
        ``balanced`` or ``all``, see :func:`covsearch.evaluate.protocol.choose_pairs`.
    frame_rate : float, optional
        Frames/s of the files; by default what is known of the subset, else Da-TACOS's 86.13.
    seed : int
        Of drawn pairs, the random baseline and the bootstrap.
    replicates : int
        Of the bootstrap over works.
    progress : Progress

    Returns
    -------
    PairsReport

    Raises
    ------
    NotFoundError
        When the dataset, the checkpoint, or the record of what it was trained on is not there.
    ArtefactError
        When checkpoint and dataset do not belong together, or one is damaged.
    UsageError
        When these pairs cannot be formed, or the frame rate is no positive number.
    """
    checkpoint = load_checkpoint(model or bundled_checkpoint())
    origin = read_trained_on(checkpoint.folder)
    features = checkpoint.config.features
    dataset = open_dataset(dataset_dir or sample_root(), features.names, subset=subset, frame_rate=frame_rate)
    store = pack_cached(workspace.cache, candidates(dataset, origin, pairs), features, progress=progress)
    held_out = choose_pairs(dataset, origin, store.pids, pairs, seed)
    works = np.unique(store.wids, return_inverse=True)[1]  # numbers: a million names are slow to sort
    vectors = embed_store(checkpoint, store, progress)
    systems = _scores(checkpoint, vectors, store, held_out.pairs, seed, progress)
    reports, draws = compare_systems(
        systems,
        held_out.pairs.label,
        works[held_out.pairs.a],
        works[held_out.pairs.b],
        reference=MEAN_CHROMA,
        replicates=replicates,
        seed=seed,
        progress=progress,
    )
    assert systems[0].probability is not None
    calibration = read_calibration(checkpoint.folder, checkpoint.fingerprint)
    return PairsReport(
        model=checkpoint.fingerprint,
        features=features.features,
        subset=store.subset,
        protocol=held_out.protocol,
        kind=pairs,
        works=draws.works,
        performances=len(np.union1d(held_out.pairs.a, held_out.pairs.b)),
        label=held_out.pairs.label,
        probability=systems[0].probability,
        systems=reports,
        seed=seed,
        replicates=replicates,
        redrawn=draws.redrawn,
        notes=(
            *held_out.notes,
            *skipped_note([store]),
            *assumed_rate(dataset, bool(features.rate)),
            *_base_rate(held_out.pairs),
            *_verdict(reports[0]),
            *([] if calibration else [f"p is not calibrated: `covsearch calibrate --model {checkpoint.folder}`"]),
        ),
        calibrated=_calibrated(calibration, systems[0], held_out.pairs, works, seed) if calibration else None,
        which=_which(held_out.pairs, store.pids),
    )


def _which(pairs: Pairs, pids: Sequence[str]) -> str:
    """A checksum of the ids of both sides of every pair."""
    sides = [[pids[row] for row in side.tolist()] for side in (pairs.a, pairs.b)]
    return hashlib.sha256(json.dumps(sides).encode()).hexdigest()


def _calibrated(
    calibration: Calibration, model: PairScores, pairs: Pairs, works: NDArray[np.int64], seed: int
) -> CalibratedPairs:
    """Judge the calibration on the pairs."""
    assert model.probability is not None
    score = judge_calibration(model.score, pairs.label, works[pairs.a], works[pairs.b], calibration, seed=seed)
    return CalibratedPairs(accuracy(model.probability, pairs.label, calibration.threshold), score)


def _scores(
    checkpoint: Checkpoint,
    vectors: NDArray[np.float32],
    store: FrameStore,
    pairs: Pairs,
    seed: int,
    progress: Progress,
) -> list[PairScores]:
    """The model's scores, then every baseline's."""
    head = Head(checkpoint.alpha, checkpoint.beta)
    model = head_scores(vectors, pairs, head, checkpoint.fingerprint)
    return [
        model,
        *(
            PairScores(name, baseline(_watched(store, name, progress), pairs, seed))
            for name, baseline in BASELINES.items()
        ),
    ]


def _watched(store: FrameStore, stage: str, progress: Progress) -> Iterator[NDArray[np.float16]]:
    """The frames of every performance, telling how far a baseline has come."""
    for done, frames in enumerate(store, 1):
        yield frames
        progress(stage, done, len(store))


def _base_rate(pairs: Pairs) -> list[str]:
    share = float(np.mean(pairs.label != COVER))
    if share == 0.5:
        return []
    return [f"{share:.1%} of these pairs are non-covers: calling every pair one would have that accuracy"]


def _verdict(model: PairReport) -> list[str]:
    """The sentence that keeps a reader from taking noise for progress."""
    difference = model.difference_ci
    if difference is None or difference.low > 0:
        return []
    surely = difference.high < 0
    what = "is worse than" if surely else "cannot be told from"
    return [
        f"on these pairs {model.name} {what} {MEAN_CHROMA}: the 95 % interval of the difference is {difference:+z.3f}"
    ]
