"""What a model's p is worth: accuracy at 0.5 and calibrated, and the expected calibration error before and after.

On pairs that nothing was fitted on: of the test works of the collection that a model was trained on (the bundled
sample), and zero-shot of real recordings where they are at hand (``../shared/data/covers80_dev``, or any
``--dataset``); each once on balanced pairs and once on all. Models must have been calibrated, which is done on their
validation works (``covsearch calibrate``). What a whole search says is judged by ``benchmarks.detection``.

Run as ``python -m benchmarks.studies.calibration``; writes JSON, a Markdown table and a figure a model.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL, beside_sample
from covsearch import plots
from covsearch.errors import UsageError
from covsearch.evaluate.figures import diagrams
from covsearch.evaluate.held_out import CalibratedPairs, PairsReport, evaluate_pairs
from covsearch.evaluate.protocol import KINDS
from covsearch.progress import stderr_progress
from covsearch.workspace import find_workspace

HEADER = (
    "model",
    "collection",
    "pairs",
    "accuracy at 0.5",
    "calibrated",
    "ECE before [95 % CI]",
    "temperature",
    "Platt",
)


def main() -> None:
    """Judge every model on every collection; write and print the tables, draw the figures."""
    args = _arguments().parse_args()
    datasets = [None, *beside_sample(args.dataset, REAL)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    reports: list[PairsReport] = []
    for model in (None, *args.model):
        own = [judge(dataset, model, kind, args.seed) for dataset in datasets for kind in KINDS]
        reports += own
        draw(own, args.out.with_suffix(".png") if model is None else _figure(args.out, own[0].model))
    command = shlex.join(["python", "-m", "benchmarks.studies.calibration", *sys.argv[1:]])
    result = {"provenance": provenance(command, args.seed), "runs": [_run(report) for report in reports]}
    write_table(args.out, result, markdown(reports))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, action="append", help="Da-TACOS folder, beside the sample; repeatable")
    parser.add_argument("--model", type=Path, action="append", default=[], help="checkpoint, beside the bundled one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "calibration.json")
    return parser


def _figure(out: Path, model: str) -> Path:
    return out.with_name(f"{out.stem}_{model}.png")


def judge(dataset: Path | None, model: Path | None, kind: str, seed: int) -> PairsReport:
    """One model on one kind of pairs of one collection.

    Raises
    ------
    UsageError
        When the model was not calibrated.
    """
    with stderr_progress() as progress:
        # the AUC, whose intervals a thousand replicates are for, is told by benchmarks.eval_pairs
        report = evaluate_pairs(
            dataset, model, find_workspace(), pairs=kind, seed=seed, replicates=1, progress=progress
        )
    if report.calibrated is None:
        raise UsageError(f"{report.model} is not calibrated: run `covsearch calibrate` with it first")
    return report


def draw(reports: list[PairsReport], path: Path) -> Path:
    """Reliability diagrams of one model on all pairs of every collection."""
    panels = [
        (f"{report.subset}, {report.protocol}: all pairs", diagrams(_calibrated(report).score))
        for report in reports
        if report.kind == "all"
    ]
    return plots.reliability_diagrams(panels, path, title=f"{reports[0].model}, calibrated on validation works")


def _calibrated(report: PairsReport) -> CalibratedPairs:
    assert report.calibrated is not None  # judge() refuses a model without
    return report.calibrated


def _run(report: PairsReport) -> dict[str, Any]:
    plain = ("model", "subset", "protocol", "kind", "works", "performances", "covers")
    facts = {name: getattr(report, name) for name in plain}
    accuracy = report.systems[0].accuracy
    return {**facts, "pairs": len(report.label), "accuracy_at_0.5": accuracy, **_calibrated(report).to_dict()}


def markdown(reports: list[PairsReport]) -> str:
    """Both tables, with what a reader must know of each below."""
    lines = [_line(HEADER), f"|---|---|---|{'---:|' * (len(HEADER) - 3)}"]
    for report in reports:
        judged, usual = _calibrated(report), report.systems[0].accuracy
        pairs = f"{report.kind}: {report.covers:,} + {len(report.label) - report.covers:,}"
        errors = (judged.score.before, judged.score.temperature, judged.score.after)
        cells = (f"{usual:.3f}", f"{judged.accuracy:.3f}", *(f"{some.ece:.3f} {some.ci:.3f}" for some in errors))
        lines.append(_line((report.model, report.subset, pairs, *cells)))
    lines += [
        "",
        "Pairs are covers + non-covers, none of which was fitted on. In the accuracies every pair counts the same; the",
        "expected calibration error (15 bins of equal mass) is at even odds: both kinds weigh one half each.",
        "95 % by bootstrap over works, whose noise adds to the error: the value itself is often near the lower end.",
    ]
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
