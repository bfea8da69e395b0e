"""How well pairs are judged: a model, key-invariant mean chroma and noise on the same held-out pairs.

On the works of the bundled sample that training never saw, and zero-shot on real recordings where they are at hand
(``../shared/data/covers80_dev``, or any ``--dataset``); each once on balanced pairs and once on all.

Run as ``python -m benchmarks.eval_pairs``; writes the JSON and a Markdown table beside it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL, beside_sample
from covsearch.evaluate.bootstrap import REPLICATES
from covsearch.evaluate.held_out import PairsReport, evaluate_pairs
from covsearch.evaluate.pairs import COLUMNS
from covsearch.evaluate.protocol import KINDS
from covsearch.progress import stderr_progress
from covsearch.workspace import find_workspace

HEADER = ("collection", "pairs", *COLUMNS)


def main() -> None:
    """Judge on every collection, write and print the table."""
    args = _arguments().parse_args()
    datasets = [None, *beside_sample(args.dataset, REAL)]
    reports: list[PairsReport] = []
    runs: list[dict[str, Any]] = []
    for dataset in datasets:
        for kind in KINDS:
            report, seconds = judge(dataset, args.model, kind, args)
            reports.append(report)
            runs.append({**report.to_dict(), "seconds": round(seconds, 2)})
    result = {"provenance": provenance("eval_pairs", args.seed), "runs": runs}
    write_table(args.out, result, markdown(reports))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, action="append", help="Da-TACOS folder, beside the sample; repeatable")
    parser.add_argument("--model", type=Path, help="checkpoint folder [the bundled weights]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="of the bootstrap over works")
    parser.add_argument("--out", type=Path, default=RESULTS / "eval_pairs.json")
    return parser


def judge(dataset: Path | None, model: Path | None, kind: str, args: argparse.Namespace) -> tuple[PairsReport, float]:
    """One collection and kind of pairs, with the seconds it took."""
    started = time.perf_counter()
    with stderr_progress() as progress:
        report = evaluate_pairs(
            dataset,
            model,
            find_workspace(),
            pairs=kind,
            seed=args.seed,
            replicates=args.replicates,
            progress=progress,
        )
    return report, time.perf_counter() - started


def markdown(reports: list[PairsReport]) -> str:
    """All reports as one Markdown table, with what a reader must know of each below."""
    lines = [f"| {' | '.join(HEADER)} |", f"|---|---|---|{'---:|' * (len(HEADER) - 3)}"]
    for report in reports:
        pairs = f"{report.kind}: {report.covers:,} + {len(report.label) - report.covers:,}"
        for system in report.systems:
            lines.append(f"| {' | '.join((report.subset, pairs, *system.row()))} |")
    lines += ["", "Pairs are covers + non-covers; differences are to mean chroma; 95 % by bootstrap over works.", ""]
    lines += [f"- {report.subset}, {report.kind}: {'; '.join(report.notes)}." for report in reports]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
