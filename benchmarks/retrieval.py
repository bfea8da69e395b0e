"""How well whole collections are ranked: models and the methods without training, and what a query costs.

Every collection is ranked once by every ``--model`` and every baseline: one table a collection. On
the works of the bundled sample that training never saw, all together, and chorales and tunes each alone; and
zero-shot on real recordings where they are at hand (``../shared/data/covers80_dev``, or any ``--dataset``).

Run as ``python -m benchmarks.retrieval``; writes the JSON and a Markdown table beside it. The report's
branches on the data of the bundled weights, and on the sample alone, are

    covsearch train --preset invariant --model cnn --key normalised --synthesize POP909 --synthesize music21 --epochs 54
    covsearch train --preset cnn

each with ``--out models/NAME`` for a ``--model models/NAME`` here, and ``--model hybrid`` for the other branch.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL, beside_sample
from covsearch.config import TrainConfig, from_toml
from covsearch.dataset.performance import Performance
from covsearch.evaluate.bootstrap import REPLICATES
from covsearch.evaluate.protocol import read_trained_on
from covsearch.evaluate.retrieval_baselines import RETRIEVAL_BASELINES
from covsearch.evaluate.retrieval_report import RetrievalReport, evaluate_retrieval
from covsearch.evaluate.system_report import COLUMNS, SystemReport
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.models.checkpoint import CONFIG
from covsearch.progress import stderr_progress
from covsearch.synthesis.sources import source_names
from covsearch.workspace import find_workspace

SCALE = 15_000  # performances: the Da-TACOS benchmark
HEADER = ("collection", *COLUMNS, "s/query", f"s/query at {SCALE:,}", "s/track")
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
    trained = trainings(args.model or [bundled_checkpoint()])
    reports: list[tuple[str, RetrievalReport]] = []
    runs: list[dict[str, Any]] = []
    for dataset, part, keep in collections(args.dataset):
        report, seconds = judge(dataset, keep, args)
        name = f"{report.subset}, {part}" if part else report.subset
        reports.append((name, report))
        runs.append({"collection": name, **report.to_dict(), "seconds": round(seconds, 2)})
    result = {"provenance": provenance("retrieval", args.seed), "trained": trained, "runs": runs}
    write_table(args.out, result, markdown(reports, trained))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, action="append", help="Da-TACOS folder, beside the sample; repeatable")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        help="checkpoint folder; repeatable, differences are to the first [the bundled weights]",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="of the bootstrap over works")
    parser.add_argument("--out", type=Path, default=RESULTS / "retrieval.json")
    return parser


def collections(datasets: list[Path] | None) -> Iterator[tuple[Path | None, str, Keep | None]]:
    """Folder (None for the sample), name of a part of it, and which performances that is."""
    for part, keep in SAMPLE.items():
        yield None, part, keep
    for dataset in beside_sample(datasets, REAL):
        yield dataset, "", None


def judge(dataset: Path | None, keep: Keep | None, args: argparse.Namespace) -> tuple[RetrievalReport, float]:
    """One collection ranked by every model and every baseline, with the seconds it took."""
    started = time.perf_counter()
    with stderr_progress() as progress:
        report = evaluate_retrieval(
            dataset,
            args.model,
            find_workspace(),
            keep=keep,
            baselines=tuple(RETRIEVAL_BASELINES),
            scale=SCALE,
            seed=args.seed,
            replicates=args.replicates,
            progress=progress,
        )
    return report, time.perf_counter() - started


def trainings(folders: list[Path]) -> dict[str, dict[str, Any]]:
    """Fingerprint -> what each of the checkpoints was trained on, and how long; without where their data lay."""
    found = {}
    for folder in folders:
        training: TrainConfig = from_toml((folder / CONFIG).read_text(encoding="utf-8"), train=TrainConfig)["train"]
        found[load_checkpoint(folder).fingerprint] = {
            "loss": training.loss,
            "epochs": training.epochs,
            "covers_of": [Path(name).name for name in source_names(training.synthesize)],
            "collection": read_trained_on(folder).subset,
        }
    return found


def row(name: str, system: SystemReport) -> tuple[str, ...]:
    """One line of the table; a query that was not measured at scale is said to be about so long."""
    seconds = system.seconds
    scaled = "" if seconds.query_at is None else f"{'' if seconds.measured else '≈ '}{seconds.query_at:.1e}"
    return (name, *system.row(), f"{seconds.query:.1e}", scaled, f"{seconds.track:.1e}")


def markdown(reports: list[tuple[str, RetrievalReport]], trained: dict[str, dict[str, Any]]) -> str:
    """A Markdown table a collection, with what a reader must know of it below, and what the models were trained on."""
    lines = []
    for name, report in reports:
        lines += [f"| {' | '.join(HEADER)} |", f"|---|---|{'---:|' * (len(HEADER) - 2)}"]
        lines += [f"| {' | '.join(row(name, system))} |" for system in report.systems]
        size = f"{report.queries:,} queries in {report.performances:,} performances of {report.works:,} works"
        lines += ["", f"{name}: {size}; {'; '.join(report.notes)}.", ""]
    for name, training in trained.items():
        covers = "".join(f"covers synthesised from {song}, " for song in training["covers_of"])
        said = f"{covers}training works of {training['collection']}; {training['loss']}, {training['epochs']} epochs"
        lines += [f"- {name} was trained on {said}"]
    return "\n".join([*lines, "", *EXPLAINED]) + "\n"


EXPLAINED = (
    "Ties count against the system; 95 % by bootstrap over works; AUC over all pairs of the collection, ties half;",
    "median is of the first cover's rank. Seconds are of the processor, over all threads. s/query: the distances to",
    f"the collection; at {SCALE:,} performances measured on disturbed copies of the collection's own, ≈ from what a",
    "pair took. s/track: what is made of every performance beforehand, from frames in memory.",
)


if __name__ == "__main__":
    main()
