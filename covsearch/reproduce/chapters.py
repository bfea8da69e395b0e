"""The chapters of the page: the report's, then what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from covsearch.config import TrainConfig
from covsearch.dataset.info import DatasetInfo
from covsearch.evaluate.bootstrap import LEVEL
from covsearch.reproduce.findings import Difference, auc_interval, over_seeds, runs_of
from covsearch.reproduce.judged import JudgedRun
from covsearch.reproduce.page import Block, Heading, Items, Picture, Table, Text
from covsearch.reproduce.plan import BRANCHES, NAMES, REPORTED, SPLITS

_PARTS = ("train", "validation", "test")
_KEPT = "In the epoch that was kept. Training accuracy is measured while the model learns, with dropout."
QUICKLY = (
    "This is a rehearsal (--quick): fewer pairs, fewer epochs and shorter sequences than the report's. "
    "Its figures show that everything runs; they are no reproduction."
)
LEAKS = (
    "The report splits pairs: works and recordings of test pairs are trained on in other pairs, so it flatters itself. "
    "The split by works keeps every work in one part; only that says what the model does with a song it never heard."
)


def findings_table(judged: Sequence[JudgedRun], differences: Sequence[Difference], *, quick: bool) -> list[Block]:
    """The answer first: the report's test figures beside ours."""
    rows = []
    for branch in BRANCHES:
        said = REPORTED[branch]
        for what, reported, value in (
            ("test accuracy at 0.5", said.accuracy, "accuracy"),
            ("test AUC", said.auc, "auc"),
        ):
            found = [str(over_seeds([getattr(j, value) for j in runs_of(judged, branch, split)])) for split in SPLITS]
            rows.append((NAMES[branch], what, f"{reported:.2f}", *found))
    columns = ("model", "figure", "the report", *(NAMES[split] for split in SPLITS))
    blocks: list[Block] = [Text(QUICKLY)] if quick else []
    verdicts = Items(tuple(f"{NAMES[d.split]}: {d.verdict} (AUC {d.mean:+.3f}{_ci(d)})" for d in differences))
    caption = "The report's figures are of Da-TACOS's benchmark subset. Ours: mean ± standard deviation over the seeds."
    return [*blocks, Table(caption, columns, tuple(rows)), Text("Does the quantum block help?"), verdicts, Text(LEAKS)]


def dataset_chapter(info: DatasetInfo, pictures: Sequence[Picture]) -> list[Block]:
    """Section 2: what is in the collection, and Figures 1 to 3."""
    found = info.dataset
    rows = [("performances", f"{len(found.performances):,}"), ("works", f"{len(found.works):,}")]
    for name, lengths in info.lengths.items():
        if len(lengths):
            minutes = lengths.mean() / found.frame_rate / 60
            rows.append((f"mean length, {name}", f"{lengths.mean():,.1f} frames = {minutes:.2f} minutes"))
    rows.append(("frame rate", f"{found.frame_rate:.2f} frames/s{'' if found.rate_is_known else ' (assumed)'}"))
    table = Table(f"Collection {found.subset}", ("what", "value"), tuple(rows))
    missing = [
        f"Figure {number} of the report shows {name.upper()}, which this collection does not have."
        for number, name in enumerate(("crema", "hpcp"), 1)
        if not len(info.lengths.get(name, ()))
    ]
    return [Heading("Dataset"), table, *map(Text, missing), *pictures]


def setup_chapter(judged: Sequence[JudgedRun], training: TrainConfig, frames: int, picture: Picture) -> list[Block]:
    """Section 3 and Tables 3 and 4."""
    asked = (training.train_pairs, training.validation_pairs, training.test_pairs)
    sizes = [
        ("the report", "5,000", "3,000", "1,000", "1,000"),
        _counted("asked for", dict(zip(_PARTS, asked, strict=True))),
    ]
    sizes += [_counted(f"got, {NAMES[split]}", runs_of(judged, "cnn", split)[0].pairs) for split in SPLITS]
    got = {split: sum(runs_of(judged, "cnn", split)[0].pairs.values()) for split in SPLITS}
    few = [
        f"{NAMES[split]}: {pairs:,} pairs instead of {sum(asked):,}, as the collection has no more pairs of covers"
        for split, pairs in got.items()
        if pairs < sum(asked)
    ]
    hyper = (str(training.epochs), f"{training.learning_rate:g}", "Adam", "binary cross-entropy", f"{frames:,}")
    weights = [(NAMES[b], f"{runs_of(judged, b, SPLITS[0])[0].parameters:,}") for b in BRANCHES]
    return [
        Heading("Models and training"),
        picture,
        Table("Size of the two models", ("model", "parameters"), tuple(weights)),
        Table("Table 3: pairs, half covers", ("", "total", *_PARTS), tuple(sizes)),
        *([Items(tuple(few))] if few else []),
        Table(
            "Table 4: hyperparameters",
            ("", "epochs", "learning rate", "optimizer", "loss", "frames"),
            (("the report", "20", "0.0005", "Adam", "binary cross-entropy", "2,000"), ("here", *hyper)),
        ),
        Text("The checkpoint of the best validation accuracy is judged on the test pairs, as in the report."),
    ]


def model_chapter(judged: Sequence[JudgedRun], branch: str, pictures: Sequence[Picture]) -> list[Block]:
    """Section 4 of one model: its curves and its ROC on both splits."""
    said = REPORTED[branch]
    reported = (said.train, said.validation, said.accuracy, said.auc)
    rows: list[tuple[str, ...]] = [("the report", *(f"{value:.2f}" for value in reported))]
    for split in SPLITS:
        for one in runs_of(judged, branch, split):
            figures = (one.best["train_accuracy"], one.best["validation_accuracy"], one.accuracy)
            area = f"{one.auc:.3f} {auc_interval(one):.3f}"
            rows.append((f"{NAMES[split]}, seed {one.run.seed}", *(f"{value:.3f}" for value in figures), area))
    columns = ("run", "train accuracy", "validation accuracy", "test accuracy at 0.5", "test AUC [95 % CI over works]")
    return [Heading(NAMES[branch]), Table(_KEPT, columns, tuple(rows)), *pictures]


def contradictions(info: DatasetInfo) -> list[Block]:
    """Where the report contradicts itself or what is known, and what is done here."""
    lengths = next((some for some in info.lengths.values() if len(some)), np.zeros(1))
    return [
        Heading("Where the report contradicts itself"),
        Items(
            (
                "6,000 pairs in section 4, 5,000 in Table 3 and as 'training pairs' in the limitations. Here: Table 3.",
                "Pairs with p ≥ 0.5 are 'non-cover (label 0)', but its loss gives non-covers label 1. Here: label 0 is "
                "cover, p near 0 is cover.",
                "The mean duration is '18,124.5 ms', which would be 18 seconds. It is the mean number of frames of the "
                "benchmark subset, 3.5 minutes at 86.13 frames/s. Here the mean is "
                f"{lengths.mean():,.1f} frames at {info.dataset.frame_rate:.2f} frames/s.",
                "The equation of the comparator has no bias, the dense head of Table 1 has one. Here: with bias; "
                "without it p could not fall below 0.5 where all weights are positive.",
                "'Downsample to 2,000 frames' does not say how. Here: means of blocks of frames.",
                "The hybrid is better by .05 in validation accuracy, .03 in test accuracy and .01 in AUC: of one seed, "
                "without intervals. See the next section.",
            )
        ),
    ]


def next_steps(judged: Sequence[JudgedRun], differences: Sequence[Difference]) -> list[Block]:
    """The report's next steps, done: calibration, seeds, intervals, significance."""
    calibration = []
    for split in SPLITS:
        for branch in BRANCHES:
            for one in runs_of(judged, branch, split):
                calibration.append((one.run.name, *_calibration(one)))
    seeds = [
        (NAMES[d.split], str(seed), f"{value:+.3f}", f"{interval:+.3f}")
        for d in differences
        for seed, value, interval in d.within
    ]
    over = [
        (NAMES[d.split], f"{d.mean:+.3f}", f"{d.interval:+.3f}" if d.interval else "-", _p(d.p), d.verdict)
        for d in differences
    ]
    return [
        Heading("Its next steps, done"),
        Table(
            "Threshold and Platt scaling, fitted on the validation pairs, judged on the test pairs. Covers and "
            "non-covers weigh one half each here, however many there are. An ECE grows in resampling: its interval may "
            "lie above it.",
            ("run", "accuracy at 0.5", "at the calibrated threshold", "ECE", "ECE after Platt [95 % CI]"),
            tuple(calibration),
        ),
        Table(
            f"AUC of the quantum model less AUC of the CNN on the same test pairs; {LEVEL:.0%} interval over works",
            ("split", "seed", "difference", "interval"),
            tuple(seeds),
        ),
        Table(
            "The same over the seeds: Student's t, paired by seed",
            ("split", "mean", "95 % interval", "p", "what may be said"),
            tuple(over),
        ),
    ]


def colophon(facts: Mapping[str, str]) -> list[Block]:
    """How the page was made."""
    return [Heading("How this was made"), Table("", ("what", "value"), tuple(facts.items()))]


def _counted(name: str, pairs: Mapping[str, int]) -> tuple[str, ...]:
    return (name, f"{sum(pairs.values()):,}", *(f"{pairs[part]:,}" for part in _PARTS))


def _calibration(one: JudgedRun) -> tuple[str, ...]:
    score = one.calibration
    if score is None:
        return ("-", "-", "-", f"not calibrated: {one.uncalibrated}")
    after = f"{score.after.ece:.3f} {score.after.ci:.3f}"
    return (f"{score.accuracy:.3f}", f"{score.accuracy_calibrated:.3f}", f"{score.before.ece:.3f}", after)


def _ci(difference: Difference) -> str:
    return f" {difference.interval:+.3f}" if difference.interval else ""


def _p(p: float | None) -> str:
    return "-" if p is None else f"{p:.3f}"
