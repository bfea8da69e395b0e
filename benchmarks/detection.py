"""Are covers called covers, and nothing else? Open-set detection, from one performance to thousands.

The test works of the bundled sample, and real recordings where they are at hand (``../shared/data/covers80_dev``, or
any ``--dataset``). Every performance with a cover is asked for with its covers in the collection and without, by the
search that ``covsearch query`` does. Collections larger than these are filled with covers synthesised from the MIDI
files of ``--synthesize``; without, they are left out.

Run as ``python -m benchmarks.detection --synthesize POP909``; writes the JSON and a Markdown table beside it after
every size, and goes on where it was when it is run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL, beside_sample
from covsearch.evaluate.bootstrap import REPLICATES, Interval
from covsearch.evaluate.calibration import Reliability
from covsearch.evaluate.detection import Detection, Rate
from covsearch.evaluate.detection_report import (
    COLUMNS,
    SAME,
    DetectionReport,
    Prepared,
    SizeReport,
    prepare_detection,
)
from covsearch.index.calibration import CALIBRATION
from covsearch.models import bundled_checkpoint
from covsearch.progress import stderr_progress
from covsearch.ranking.learned_fit import bundled_fit
from covsearch.workspace import find_workspace

SIZES = (1, 2, 10, 87, 873, 3_000, 15_000)
MORE = ("same, by probability alone", "same among 1,000,000", "by probability alone")
ALIKE = 0.02  # of the collection's own size, so near to which no other is judged


def main() -> None:
    """Judge every collection at every size, writing as it goes."""
    args = _arguments().parse_args()
    told = {"seed": args.seed, "replicates": args.replicates, "queries_beyond_own_size": args.queries}
    told["synthesised_from"] = [path.name for path in args.synthesize]
    told["calibration"] = _calibration(args.model or bundled_checkpoint())
    told["aligner"] = dataclasses.asdict(bundled_fit())
    before = _read(args.out, told)
    reports: list[DetectionReport] = []
    runs: list[dict[str, Any]] = []
    for dataset in [None, *beside_sample(args.dataset, REAL)]:
        prepared = _prepared(dataset, args)
        done = before.get((prepared.checkpoint.fingerprint, prepared.subset), {})
        found: list[tuple[SizeReport, float]] = []
        for size in sizes_for(prepared, SIZES):
            found.append(done[size] if size in done else _judge(prepared, size, args))
            report = prepared.report([one for one, _ in found], args.replicates)
            run = {**report.to_dict(), "seconds": [round(seconds, 1) for _, seconds in found]}
            if size not in done:
                _write(args.out, [*reports, report], [*runs, run], told)
        reports.append(report)
        runs.append(run)
    _write(args.out, reports, runs, told)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, action="append", help="Da-TACOS folder, beside the sample; repeatable")
    parser.add_argument("--model", type=Path, help="calibrated checkpoint folder [the bundled weights]")
    parser.add_argument("--synthesize", type=Path, action="append", default=[], help="folder of MIDI files; repeatable")
    parser.add_argument("--queries", type=int, default=100, help="at most, beyond the collection's own size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="of the bootstrap over works")
    parser.add_argument("--out", type=Path, default=RESULTS / "detection.json")
    return parser


def _calibration(folder: Path) -> str:
    """A hash of what a model's decisions are made by; empty where it has none."""
    path = folder / CALIBRATION
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""


def _prepared(dataset: Path | None, args: argparse.Namespace) -> Prepared:
    sources = [str(path) for path in args.synthesize]
    count, home = max(SIZES) if sources else 0, find_workspace()
    with stderr_progress() as progress:
        return prepare_detection(
            dataset, args.model, home, count, sources=sources, seed=args.seed, progress=progress, tell=print
        )


def sizes_for(prepared: Prepared, sizes: tuple[int, ...]) -> list[int]:
    """The sizes there can be, with the collection's own instead of one that is nearly that."""
    own, largest = prepared.bench.own, prepared.bench.largest
    return sorted([own, *(n for n in sizes if n <= largest and abs(n / own - 1) > ALIKE)])


def _judge(prepared: Prepared, size: int, args: argparse.Namespace) -> tuple[SizeReport, float]:
    """The report at one size and the seconds it took."""
    queries = args.queries if size > prepared.bench.own else None
    started = time.perf_counter()
    with stderr_progress() as progress:
        report = prepared.judge(size, queries, replicates=args.replicates, progress=progress)
    return report, time.perf_counter() - started


def _write(out: Path, reports: list[DetectionReport], runs: list[dict[str, Any]], told: dict[str, Any]) -> None:
    named = [word for name in told["synthesised_from"] for word in ("--synthesize", name)]
    origin = provenance("detection", told["seed"], named)
    write_table(out, {"provenance": origin, "asked": told, "runs": runs}, markdown(reports))


def _read(out: Path, told: dict[str, Any]) -> dict[tuple[str, str], dict[int, tuple[SizeReport, float]]]:
    """What an earlier run with the same arguments judged: by model and collection, by size."""
    earlier = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    if earlier.get("asked") != told:
        return {}
    return {
        (run["model"], run["subset"]): {
            values["performances"]: (restored(values), seconds)
            for values, seconds in zip(run["sizes"], run["seconds"], strict=True)
        }
        for run in earlier["runs"]
    }


def restored(values: dict[str, Any]) -> SizeReport:
    """The report at one size from its JSON."""

    def rate(told: dict[str, Any]) -> Rate:
        return Rate(told["value"], Interval(*told["ci"]))

    diagram = Reliability(**{name: np.array(some) for name, some in values["reliability"].items()})
    at = {float(share): found for share, found in values["detected_at_false_alarms"].items()}
    detected, alarms, same = rate(values["detected"]), rate(values["false_alarms"]), values["same_recording"]
    detection = Detection(values["queries"], detected, alarms, at, diagram)
    return SizeReport(values["performances"], detection, rate(same["found"]), *(same[name] for name in SAME))


def markdown(reports: list[DetectionReport]) -> str:
    """A Markdown table a collection, with what a reader must know of it below."""
    lines = []
    for report in reports:
        lines += [f"### {report.heading}", ""]
        lines += [f"| {' | '.join([*COLUMNS, *MORE])} |", f"|{'---:|' * (len(COLUMNS) + len(MORE))}"]
        for one in report.sizes:
            more = (one.same_unaided, one.same_far, one.same_far_unaided)
            lines += [f"| {' | '.join([*one.row(), *(f'{share:.3f}' for share in more)])} |"]
        lines += ["", f"{'; '.join(report.notes)}.", ""]
    return "\n".join([*lines, reports[0].caption.replace("\n", ";\n") + ";", *EXPLAINED]) + "\n"


EXPLAINED = (
    "by probability alone: without the rule that the same recording is a cover; among 1,000,000: by calculation, from",
    "the match that was found: the level of chance is raised by the logarithm of how many times more performances that",
    "is. There the recording itself stays among the candidates: its distance by the head is 0. Distractors are of the",
    "kind of music of their MIDI files: to queries of another kind they are less alike than more of their own kind.",
)


if __name__ == "__main__":
    main()
