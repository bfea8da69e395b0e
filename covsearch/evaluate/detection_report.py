"""Judge a model's decisions as open-set detection, at several sizes of a collection: the whole way, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covsearch.counting import counted
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.embedding import embed_store
from covsearch.errors import UsageError
from covsearch.evaluate.bootstrap import REPLICATES, drawn_how
from covsearch.evaluate.detection import BINS, Detection, Rate, judge_detection, share_of
from covsearch.evaluate.detection_trials import FAR, Bench, lay_out, run_trials
from covsearch.evaluate.distractors import CHUNK, distractors
from covsearch.evaluate.protocol import Searched, assumed_rate, read_trained_on, searched
from covsearch.features.pack import pack_cached
from covsearch.index.calibration import read_calibration
from covsearch.index.chroma import Chroma
from covsearch.index.head import Head
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.progress import Progress, Tell, silent, unheard
from covsearch.workspace import Workspace

OWN = "own"
SIZES: tuple[int | str, ...] = (1, 2, 10, 87, OWN)
COLUMNS = ("searched", "queries", "detected", "false alarms", "detected at 1 %", "at 5 %", "ECE", "same found")
SAME = ("called_by_probability_alone", f"called_among_{FAR}", f"called_among_{FAR}_by_probability_alone")
"""What the shares of identical recordings that are called a cover are called in JSON."""


@dataclass(frozen=True, eq=False)
class SizeReport:
    """What is decided in collections of one size.

    Attributes
    ----------
    searched : int
        Performances in each.
    detection : Detection
    same_found : Rate
        Every performance as a stranger's query while it is in the collection: the best match is it and called a cover.
    same_unaided, same_far, same_far_unaided : float
        How many are called a cover: by the probability alone, without the rule that the same recording is one; in a
        million performances, by calculation; and there by the probability alone.
    """

    searched: int
    detection: Detection
    same_found: Rate
    same_unaided: float
    same_far: float
    same_far_unaided: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for :func:`json.dumps`."""
        called = zip(SAME, (self.same_unaided, self.same_far, self.same_far_unaided), strict=True)
        same = {"found": self.same_found.to_dict(), **dict(called)}
        return {"performances": self.searched, **self.detection.to_dict(), "same_recording": same}

    def row(self) -> tuple[str, ...]:
        """The figures as text, one for each of :data:`COLUMNS`."""
        found, at = self.detection, self.detection.detected_at.values()
        rates = (f"{found.detected:.3f}", f"{found.false_alarms:.3f}", *(f"{rate:.3f}" for rate in at))
        return (f"{self.searched:,}", f"{found.queries:,}", *rates, f"{found.ece:.3f}", f"{self.same_found.value:.3f}")


@dataclass(frozen=True, eq=False)
class DetectionReport:
    """A model's decisions at several sizes of a collection.

    Attributes
    ----------
    model, subset, protocol : str
        Fingerprint, the collection, and why that counts as held out.
    performances, works, distractors : int
        What collections are drawn from.
    threshold : float
        The model's, on the cover probability.
    sizes : tuple of SizeReport
    seed, replicates : int
        Of the drawn collections and the bootstrap over works.
    notes : tuple of str
        What a reader of the numbers must know.
    """

    model: str
    subset: str
    protocol: str
    performances: int
    works: int
    distractors: int
    threshold: float
    sizes: tuple[SizeReport, ...]
    seed: int
    replicates: int
    notes: tuple[str, ...]

    columns = COLUMNS

    @property
    def rows(self) -> tuple[SizeReport, ...]:
        """The rows of the table: one a size."""
        return self.sizes

    @property
    def heading(self) -> str:
        """What was searched, in a line."""
        more = f" and {counted(self.distractors, 'distractor')}" if self.distractors else ""
        drawn = f"{counted(self.performances, 'performance')} of {counted(self.works, 'work')}{more}"
        return f"{self.subset}, {self.protocol}, {self.model}: collections drawn from {drawn}"

    @property
    def caption(self) -> str:
        """What the columns mean, in a few lines."""
        return (
            f"called a cover: probability above {self.threshold:.3f}. Rates with 95 % intervals from "
            f"{self.replicates:,} resamplings of the works\n"
            "detected: the best match is a cover and is called one; at 1 % and 5 % false alarms, by another threshold\n"
            "false alarms: a best match is called a cover where no cover is there; "
            f"ECE: of best matches, in {BINS} bins\n"
            "same found: the recording asked for is in the collection, comes first and is called a cover"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for :func:`json.dumps`."""
        plain = ("model", "subset", "protocol", "performances", "works", "distractors", "threshold")
        return {
            **{name: getattr(self, name) for name in plain},
            "bins": BINS,
            "bootstrap": drawn_how(self.replicates, self.seed),
            "sizes": [size.to_dict() for size in self.sizes],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class Prepared:
    """A collection and a model, ready to be judged at one size after the other; made by :func:`prepare_detection`.

    Attributes
    ----------
    checkpoint : Checkpoint
    subset : str
    found : Searched
        Which performances, and why.
    bench : Bench
    notes : tuple of str
    """

    checkpoint: Checkpoint
    subset: str
    found: Searched
    bench: Bench
    notes: tuple[str, ...]

    def judge(
        self, size: int | str, queries: int | None, *, replicates: int = REPLICATES, progress: Progress = silent
    ) -> SizeReport:
        """The report at one size; :data:`OWN` is the collection as it is. See :func:`run_trials`."""
        count = self.bench.own if size == OWN else int(size)
        trials = run_trials(self.bench, count, queries, progress)
        found, seed = trials.itself.called & trials.itself.right, self.bench.seed
        return SizeReport(
            searched=trials.searched,
            detection=judge_detection(trials.present, trials.absent, replicates=replicates, seed=seed),
            same_found=share_of(found, trials.itself.work, replicates=replicates, seed=seed),
            same_unaided=float(trials.unaided.mean()),
            same_far=float(trials.far.mean()),
            same_far_unaided=float(trials.far_unaided.mean()),
        )

    def report(self, sizes: Sequence[SizeReport], replicates: int) -> DetectionReport:
        """The report on `sizes`."""
        performances = len(self.bench.pids)
        return DetectionReport(
            model=self.checkpoint.fingerprint,
            subset=self.subset,
            protocol=self.found.protocol,
            performances=performances,
            works=len(set(self.bench.work.tolist())),
            distractors=len(self.bench.vectors) - performances,
            threshold=self.bench.calibration.by_alignment.threshold,
            sizes=tuple(sizes),
            seed=self.bench.seed,
            replicates=replicates,
            notes=self.notes,
        )


def evaluate_detection(
    dataset_dir: Path | None,
    model: Path | None,
    workspace: Workspace,
    *,
    subset: str | None = None,
    part: str | None = None,
    frame_rate: float | None = None,
    sizes: Sequence[int | str] | None = None,
    queries: int | None = None,
    sources: Sequence[str] = (),
    seed: int = 0,
    replicates: int = REPLICATES,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> DetectionReport:
    """Ask for every performance that has a cover, with its covers in the collection and without, at several sizes.

    Parameters
    ----------
    dataset_dir : Path or None
        A Da-TACOS folder; None is the bundled sample.
    model : Path or None
        A calibrated checkpoint; None is the bundled weights.
    workspace : Workspace
        Packed frames and distractors are kept in its cache.
    subset : str, optional
        Needed when the folder holds several.
    part : str, optional
        ``train``, ``validation`` or ``test`` works of the checkpoint's own collection. By default the test works of
        the collection trained on, and the whole of any other (zero-shot).
    frame_rate : float, optional
        Frames/s of the files; by default what is known of the subset, else Da-TACOS's 86.13.
    sizes : sequence of int or str, optional
        Performances that are searched; ``own`` for as many as the collection has. A larger one needs `sources`. By
        default those of :data:`SIZES` that need none.
    queries : int, optional
        At most so many queries, drawn; by default all.
    sources : sequence of str
        Of distractors (:func:`~covsearch.evaluate.distractors.distractors`); none for none.
    seed : int
        Of distractors, drawn collections and the bootstrap.
    replicates : int
        Of the bootstrap over works.
    progress : Progress
    tell : Tell
        Hears of MIDI files that are left out.

    Raises
    ------
    NotFoundError
        When the dataset, the checkpoint, or the record of what it was trained on is not there.
    ArtefactError
        When checkpoint and dataset do not belong together, or one is damaged.
    UsageError
        When the model is not calibrated, nothing has a cover, or a size needs distractors.
    """
    largest = max((size for size in sizes or () if isinstance(size, int)), default=1)
    prepared = prepare_detection(
        dataset_dir, model, workspace, max(largest, CHUNK) if sources else 0, subset=subset, part=part,
        frame_rate=frame_rate, sources=sources, seed=seed, progress=progress, tell=tell,
    )  # fmt: skip
    bench = prepared.bench
    if largest > max(bench.own, bench.largest):
        raise UsageError(
            f"{largest:,} performances are more than {prepared.subset} has ({len(bench.pids):,}): name MIDI files to "
            "synthesise distractors from with --distractors, or choose smaller --sizes"
        )
    if sizes is None:
        sizes = [size for size in SIZES if size == OWN or int(size) < bench.own]
    judged = [prepared.judge(size, queries, replicates=replicates, progress=progress) for size in sizes]
    return prepared.report(judged, replicates)


def read_sizes(text: str) -> tuple[int | str, ...]:
    """Sizes from text such as ``1,2,own``.

    Raises
    ------
    UsageError
        For anything but whole numbers from 1 and ``own``.
    """
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word != OWN and not (word.isascii() and word.isdecimal() and int(word) > 0):
            raise UsageError(f"sizes must be whole numbers from 1, or {OWN!r}, separated by commas, not {word!r}")
    return tuple(dict.fromkeys(word if word == OWN else int(word) for word in words))


def prepare_detection(
    dataset_dir: Path | None,
    model: Path | None,
    workspace: Workspace,
    count: int,
    *,
    subset: str | None = None,
    part: str | None = None,
    frame_rate: float | None = None,
    sources: Sequence[str] = (),
    seed: int = 0,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Prepared:
    """Embed a collection and `count` distractors; parameters and errors are those of :func:`evaluate_detection`."""
    checkpoint = load_checkpoint(model or bundled_checkpoint())
    calibration = read_calibration(checkpoint.folder, checkpoint.fingerprint)
    if calibration is None:
        raise UsageError(
            f"{checkpoint.folder} has no calibration, by which covers are called: run `covsearch calibrate`"
        )
    features = checkpoint.config.features
    dataset = open_dataset(dataset_dir or sample_root(), features.names, subset=subset, frame_rate=frame_rate)
    found = searched(dataset, read_trained_on(checkpoint.folder), part)
    store = pack_cached(workspace.cache, found.dataset, features, progress=progress)
    vectors = embed_store(checkpoint, store, progress)
    head, chroma = Head(checkpoint.alpha, checkpoint.beta), Chroma.of_store(store, dataset.frame_rate)
    added = distractors(checkpoint, sources, count, seed, workspace.cache, progress, tell) if count else None
    bench = lay_out(store.pids, store.wids, vectors, chroma, head, calibration, distractors=added, seed=seed)
    notes = (*found.notes, *_drawn_from(bench, sources), *assumed_rate(dataset, True))
    return Prepared(checkpoint, dataset.subset, found, bench, notes)


def _drawn_from(bench: Bench, sources: Sequence[str]) -> list[str]:
    count = len(bench.vectors) - len(bench.pids)
    if not count:
        return ["no distractors: at its own size the collection without a query's covers is smaller by these"]
    names = " and ".join(Path(source).name for source in sources)
    return [f"beyond its works collections are filled with {count:,} covers synthesised from {names}"]
