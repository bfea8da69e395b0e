"""Calibrate a checkpoint: what its p is worth, fitted on its validation works and judged on its test pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch import plots
from covsearch.counting import counted
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.pairs import COVER, Pairs
from covsearch.dataset.sample import sample_root
from covsearch.embedding import embed_store
from covsearch.errors import UsageError
from covsearch.evaluate.calibration import REPLICATES, CalibrationScore, Fitted, fit_calibration, judge_calibration
from covsearch.evaluate.figures import diagrams
from covsearch.evaluate.pairs import head_scores
from covsearch.evaluate.protocol import (
    MAX_NON_COVERS,
    PAIRS,
    TrainedOn,
    all_pairs,
    candidates,
    choose_pairs,
    only,
    read_trained_on,
    recorded_pairs,
    searched,
)
from covsearch.evaluate.search_fit import PairMatrices, fit_search, whole_works
from covsearch.features.pack import pack_cached
from covsearch.features.slow import restored
from covsearch.features.store import FrameStore
from covsearch.index.calibration import WHAT, Calibration, facts, write_calibration
from covsearch.index.head import Head
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.progress import Progress, silent
from covsearch.stages import BLOCK, COARSE_SPAN, SPAN, align_all
from covsearch.training.card import calibrate_card
from covsearch.workspace import Workspace

ENOUGH = 256  # performances to fit a search on: 33,000 pairs are aligned
COLUMNS = ("part", "pairs", "accuracy at 0.5", "calibrated", "ECE before", "temperature", "Platt [95 % CI]")
LEAST_PAIRS = 8  # of covers and of non-covers that a calibration is fitted on


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs with the model's scores, ready to be fitted on or judged.

    Attributes
    ----------
    score : NDArray[float64], shape (N,)
        Logits s; high = non-cover.
    label : NDArray[int64], shape (N,)
    work_a, work_b : NDArray[int64], shape (N,)
        Numbers of the works of both sides.
    performances : int
        Of which the pairs are.
    """

    score: NDArray[np.float64]
    label: NDArray[np.int64]
    work_a: NDArray[np.int64]
    work_b: NDArray[np.int64]
    performances: int

    @property
    def covers(self) -> int:
        """How many of the pairs are covers."""
        return int(np.sum(self.label == COVER))

    def judge(self, calibration: Calibration | Fitted, seed: int, progress: Progress) -> CalibrationScore:
        """How `calibration` does on these pairs."""
        works = self.work_a, self.work_b
        return judge_calibration(
            self.score, self.label, *works, calibration, replicates=REPLICATES, seed=seed, progress=progress
        )


@dataclass(frozen=True)
class CalibratedPart:
    """How a calibration does on one part of a checkpoint's split.

    Attributes
    ----------
    name : str
    pairs : int
        How many were judged.
    score : CalibrationScore
    """

    name: str
    pairs: int
    score: CalibrationScore

    def to_dict(self) -> dict[str, Any]:
        """Everything but the diagrams, ready for :func:`json.dumps`."""
        return {"part": self.name, "pairs": self.pairs, **self.score.to_dict()}

    def row(self) -> tuple[str, ...]:
        """The figures as text, one for each of :data:`COLUMNS`."""
        s = self.score
        errors = (f"{s.before.ece:.3f}", f"{s.temperature.ece:.3f}", f"{s.after.ece:.3f} {s.after.ci:.3f}")
        return (self.name, f"{self.pairs:,}", f"{s.accuracy:.3f}", f"{s.accuracy_calibrated:.3f}", *errors)


@dataclass(frozen=True)
class CalibrationReport:
    """A calibration and how it does.

    Attributes
    ----------
    folder : Path
        The checkpoint, into which it was written.
    calibration : Calibration
    parts : tuple of CalibratedPart
        ``validation``, all pairs that it was fitted on; ``test``, on whose list of pairs nothing was fitted, unless the
        checkpoint has none.
    """

    folder: Path
    calibration: Calibration
    parts: tuple[CalibratedPart, ...]

    columns = COLUMNS
    caption = "at even odds; 95 % by bootstrap over works"
    notes = ()

    @property
    def rows(self) -> tuple[CalibratedPart, ...]:
        """The rows of the table: one a part."""
        return self.parts

    @property
    def heading(self) -> str:
        """What the calibration says, in a few lines."""
        return "\n".join(facts(self.calibration))

    def to_dict(self) -> dict[str, Any]:
        """Everything but the diagrams, ready for :func:`json.dumps`."""
        calibration = {**asdict(self.calibration), "calibrated_threshold": self.calibration.calibrated_threshold}
        parts = [part.to_dict() for part in self.parts]
        return {"checkpoint": str(self.folder), "calibration": calibration, "parts": parts}


def calibrate(
    model: Path | None,
    dataset_dir: Path | None,
    workspace: Workspace,
    *,
    subset: str | None = None,
    frame_rate: float | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> CalibrationReport:
    """Fit a checkpoint's calibration on its validation pairs and write it beside the weights.

    Fitted on all pairs of the validation works' performances, at even odds: the list that training validates by has
    all covers among them already but only as many non-covers, and how low those reach is what a calibration is about.
    Of a checkpoint whose training split pairs and not works, on the list. Test pairs are only ever judged.

    Parameters
    ----------
    model : Path or None
        A checkpoint folder; None is the bundled weights.
    dataset_dir : Path or None
        The collection that it was trained on; None is the bundled sample.
    workspace : Workspace
        Packed frames are kept in its cache.
    subset : str, optional
        Needed when the folder holds several.
    frame_rate : float, optional
        Frames/s of the files; by default what is known of the subset, else Da-TACOS's 86.13.
    seed : int
        Of non-covers where there are too many to take all, and of the bootstrap.
    progress : Progress

    Raises
    ------
    NotFoundError
        When the dataset, the checkpoint, or the record of what it was trained on is not there.
    ArtefactError
        When checkpoint and dataset do not belong together, one is damaged, or the model ranks no better than chance.
    UsageError
        For another collection than the one trained on, and for fewer validation pairs of a class than
        :data:`LEAST_PAIRS`.
    """
    checkpoint = load_checkpoint(model or bundled_checkpoint())
    origin = read_trained_on(checkpoint.folder)
    names = checkpoint.config.features.names
    dataset = open_dataset(dataset_dir or sample_root(), names, subset=subset, frame_rate=frame_rate)
    if dataset.subset != origin.subset:
        raise UsageError(
            f"{checkpoint.folder} was trained on {origin.subset}, whose validation works calibrate it, "
            f"not on {dataset.subset}: name its dataset with --dataset"
        )
    pairs, store, fitted_on = _validation(checkpoint, dataset, origin, workspace, seed, progress)
    _check_enough(pairs)
    fitted = fit_calibration(pairs.score, pairs.label)
    score = pairs.judge(fitted, seed, progress)
    calibration = Calibration(
        model=checkpoint.fingerprint,
        **asdict(fitted),
        **vars(fit_search(_all_pairs(checkpoint, store, seed, progress), fitted, seed)),
        subset=dataset.subset,
        pairs=fitted_on,
        works=len(np.union1d(pairs.work_a, pairs.work_b)),
        performances=pairs.performances,
        covers=pairs.covers,
        non_covers=len(pairs.label) - pairs.covers,
        seed=seed,
        ece_before=score.before.ece,
        ece_temperature=score.temperature.ece,
        ece_after=score.after.ece,
    )
    held_out = _test(checkpoint, dataset, origin, workspace, seed, progress)
    parts = [CalibratedPart("validation", len(pairs.label), score)]
    if held_out:
        parts.append(CalibratedPart("test", len(held_out.label), held_out.judge(calibration, seed, progress)))
    write_calibration(checkpoint.folder, calibration)
    calibrate_card(checkpoint.folder, card_note(calibration, parts[1].score if held_out else None))
    return CalibrationReport(checkpoint.folder, calibration, tuple(parts))


def _check_enough(pairs: ScoredPairs) -> None:
    """Refuse a handful of pairs: a curve through them can have any slope."""
    others = len(pairs.label) - pairs.covers
    if min(pairs.covers, others) < LEAST_PAIRS:
        came = f"{counted(pairs.covers, 'pair')} of covers and {others:,} of non-covers"
        raise UsageError(
            f"a calibration needs at least {LEAST_PAIRS} pairs of covers and {LEAST_PAIRS} of non-covers among the "
            f"validation works, there are {came}: train on a collection with more works"
        )


def card_note(calibration: Calibration, test: CalibrationScore | None) -> str:
    """What a calibration is of, in a line or two for the model's card."""
    pairs = f"{counted(calibration.covers, 'cover')}, {counted(calibration.non_covers, 'non-cover')}, at even odds"
    text = f"Calibrated on {WHAT[calibration.pairs]} ({pairs}): cover below p = {calibration.threshold:.3f}"
    return f"{text}." if test is None else f"{text}. On the test pairs: {test.sentence()}."


def _validation(
    checkpoint: Checkpoint, dataset: Dataset, origin: TrainedOn, workspace: Workspace, seed: int, progress: Progress
) -> tuple[ScoredPairs, FrameStore, str]:
    """What to fit on, the performances, and which of :data:`WHAT` it is."""
    if origin.by == "works":
        if not origin.split.validation:
            raise UsageError(f"{origin.folder} kept no works for validation: nothing to calibrate it on")
        store = _pack(checkpoint, searched(dataset, origin, "validation").dataset, workspace, progress)
        pairs, _ = all_pairs(list(store.wids), MAX_NON_COVERS, np.random.default_rng([seed, 3]))
        return _scored(checkpoint, store, pairs, progress), store, "all validation works"
    pids = tuple(dataset.performances)
    listed, _ = recorded_pairs(dataset, origin, pids, "validation")
    part = only(dataset, {pids[i] for i in np.concatenate([listed.a, listed.b]).tolist()})
    store = _pack(checkpoint, part, workspace, progress)
    pairs, _ = recorded_pairs(dataset, origin, store.pids, "validation")
    return _scored(checkpoint, store, pairs, progress), store, "validation list"


def _test(
    checkpoint: Checkpoint, dataset: Dataset, origin: TrainedOn, workspace: Workspace, seed: int, progress: Progress
) -> ScoredPairs | None:
    """The checkpoint's list of test pairs, if it kept one."""
    if not (origin.folder / PAIRS).is_file():
        return None
    store = _pack(checkpoint, candidates(dataset, origin, "balanced"), workspace, progress)
    pairs = choose_pairs(dataset, origin, store.pids, "balanced", seed).pairs
    return _scored(checkpoint, store, pairs, progress)


def _pack(checkpoint: Checkpoint, dataset: Dataset, workspace: Workspace, progress: Progress) -> FrameStore:
    return pack_cached(workspace.cache, dataset, checkpoint.config.features, progress=progress)


def _scored(checkpoint: Checkpoint, store: FrameStore, pairs: Pairs, progress: Progress) -> ScoredPairs:
    """`pairs` of positions in `store`."""
    head, vectors = Head(checkpoint.alpha, checkpoint.beta), embed_store(checkpoint, store, progress)
    score = head_scores(vectors, pairs, head, checkpoint.fingerprint).score
    works = np.unique(store.wids, return_inverse=True)[1]
    performances = len(np.union1d(pairs.a, pairs.b))
    return ScoredPairs(score, pairs.label, works[pairs.a], works[pairs.b], performances)


def _all_pairs(checkpoint: Checkpoint, store: FrameStore, seed: int, progress: Progress) -> PairMatrices:
    """Scores and alignments of all pairs in a store, or in some of its works where it has many performances."""
    works = np.unique(store.wids, return_inverse=True)[1]
    rows = whole_works(works, ENOUGH, np.random.default_rng([seed, 8]))
    head, vectors = Head(checkpoint.alpha, checkpoint.beta), embed_store(checkpoint, store, progress)[rows]
    score = np.stack([head.distances(vector, vectors) for vector in vectors]) + head.beta
    tracks = [restored(store.slow(row)) for row in rows.tolist()]
    coarse, fine = (align_all(tracks, *how, progress) for how in ((BLOCK, COARSE_SPAN), (1, SPAN)))
    return PairMatrices(score, coarse, fine, works[rows])


def draw_reliability(report: CalibrationReport, path: Path) -> list[Path]:
    """Draw reliability before and after, on the validation pairs and on the test pairs.

    Parameters
    ----------
    report : CalibrationReport
    path : Path
        A ``.png`` or ``.svg`` file, or a folder, in which the picture is called ``reliability.png``.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    subset = report.calibration.subset
    panels = [(f"{subset}: {part.pairs:,} {part.name} pairs", diagrams(part.score)) for part in report.parts]
    file = path if path.suffix in plots.SUFFIXES else path / "reliability.png"
    return [plots.reliability_diagrams(panels, file, title=report.calibration.model)]
