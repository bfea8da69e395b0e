"""How well whole collections are ranked: a model and the methods without training, with seconds per query.

On the works of the bundled sample that training never saw, all together, and chorales and tunes each alone; and
zero-shot on real recordings where they are at hand (``../shared/data/covers80_dev``, or any ``--dataset``).

Run as ``python -m benchmarks.retrieval``; writes the JSON, a Markdown table and the figures beside it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, provenance
from covsearch.dataset.performance import Performance
from covsearch.evaluate.bootstrap import REPLICATES
from covsearch.evaluate.figures import draw_retrieval
from covsearch.evaluate.retrieval_report import COLUMNS, RetrievalReport, evaluate_retrieval
from covsearch.progress import stderr_progress
from covsearch.workspace import find_workspace

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "covers80_dev"
HEADER = ("collection", *COLUMNS)
BACH = "Johann Sebastian Bach"  # who is said to perform every chorale of the sample, and nothing else
Keep = Callable[[Performance], bool]
SAMPLE: dict[str, Keep | None] = {
    "all": None,
    "chorales": lambda performance: performance.artist == BACH,
    "tunes": lambda performance: performance.artist != BACH,
}


def main() -> None:
    """Rank every collection, write and print the table."""
    args = _arguments().parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    reports: list[tuple[str, RetrievalReport]] = []
    runs: list[dict[str, Any]] = []
    for dataset, part, keep in collections(args.dataset):
        for model in args.model or [None]:
            report, seconds = judge(dataset, model, keep, args)
            name = f"{report.subset}, {part}" if part else report.subset
            reports.append((name, report))
            runs.append({"collection": name, **report.as_json(), "seconds": round(seconds, 2)})
            prefix = "_".join([args.out.stem, report.subset, *([part] if part else []), report.model, ""])
            draw_retrieval(report, args.out.parent, prefix)
    command = shlex.join(["python", "-m", "benchmarks.retrieval", *sys.argv[1:]])
    result = {"provenance": provenance(command, args.seed), "runs": runs}
    args.out.write_text(json.dumps(result, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
    table = markdown(reports)
    args.out.with_suffix(".md").write_text(table, encoding="utf-8")
    print(table)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, action="append", help="Da-TACOS folder, beside the sample; repeatable")
    parser.add_argument(
        "--model", type=Path, action="append", help="checkpoint folder; repeatable [the bundled weights]"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="of the bootstrap over works")
    parser.add_argument("--out", type=Path, default=RESULTS / "retrieval.json")
    return parser


def collections(datasets: list[Path] | None) -> Iterator[tuple[Path | None, str, Keep | None]]:
    """Folder (None for the sample), name of a part of it, and which performances that is."""
    for part, keep in SAMPLE.items():
        yield None, part, keep
    if datasets is None and not REAL.is_dir():
        print(f"only the bundled sample: {REAL} is not there and no --dataset was given", file=sys.stderr)
    for dataset in datasets if datasets is not None else [REAL] if REAL.is_dir() else []:
        yield dataset, "", None


def judge(
    dataset: Path | None, model: Path | None, keep: Keep | None, args: argparse.Namespace
) -> tuple[RetrievalReport, float]:
    """One collection ranked by one model and every baseline, with the seconds it took."""
    started = time.perf_counter()
    with stderr_progress() as progress:
        report = evaluate_retrieval(
            dataset,
            model,
            find_workspace(),
            keep=keep,
            seed=args.seed,
            replicates=args.replicates,
            progress=progress,
        )
    return report, time.perf_counter() - started


def markdown(reports: list[tuple[str, RetrievalReport]]) -> str:
    """All reports as one Markdown table, with what a reader must know of each below."""
    lines = [f"| {' | '.join(HEADER)} |", f"|---|---|{'---:|' * (len(HEADER) - 2)}"]
    for name, report in reports:
        lines += [f"| {' | '.join((name, *system.row()))} |" for system in report.systems]
    lines += [
        "",
        "Ties count against the system; 95 % by bootstrap over works; median is of the first cover's rank.",
        "",
    ]
    for name, report in reports:
        size = f"{report.queries:,} queries in {report.performances:,} performances of {report.works:,} works"
        lines.append(f"- {name}, {report.model}: {size}; {'; '.join(report.notes)}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
