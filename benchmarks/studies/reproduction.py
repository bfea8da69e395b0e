"""The report made again, in one table: what ``covsearch reproduce --json`` printed, beside the report's own figures.

Run as::

    covsearch reproduce --seeds 1 --out report/sample --json > sample.json
    covsearch reproduce ../shared/data/covers80_dev --quick --out report/covers80_dev --json > covers80_dev.json
    python -m benchmarks.studies.reproduction sample.json covers80_dev.json

It chooses nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.counting import counted
from covsearch.reproduce.findings import over_seeds
from covsearch.reproduce.plan import BRANCHES, NAMES, REPORTED, SPLITS

FIGURES = {"validation_accuracy": "validation", "test_accuracy": "accuracy", "test_auc": "auc"}
"""Names in the JSON, and in what the report says."""


def main() -> None:
    """Read the printed figures; write ``benchmarks/results/reproduce.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("printed", nargs="+", type=Path, help="what `covsearch reproduce --json` printed")
    parser.add_argument("--note", default="", help="a sentence about the machine or the run")
    args = parser.parse_args()
    collections = [json.loads(path.read_text(encoding="utf-8")) for path in args.printed]
    for one in collections:
        del one["page"]  # a place on this machine
    told = {"provenance": provenance("studies.reproduction", None), "note": args.note, "collections": collections}
    write_table(RESULTS / "reproduce.json", told, markdown(told))


def markdown(told: Mapping[str, Any]) -> str:
    """A table a collection."""
    parts = [part for one in told["collections"] for part in chapter(one)]
    return "\n\n".join(filter(None, (told["note"], *parts))) + "\n"


def chapter(one: Mapping[str, Any]) -> list[str]:
    """What came out on one collection: how it was trained, the figures, the differences."""
    runs, seeds = one["runs"], len({run["seed"] for run in one["runs"]})
    pairs = "; ".join(f"{NAMES[split]} {_pairs(runs, split)}" for split in SPLITS)
    minutes = sum(run["seconds"] for run in runs) / 60
    kind = "a rehearsal (`--quick`), no reproduction" if one["quick"] else "the report's protocol"
    lines = [
        f"| model | figure | the report | {' | '.join(NAMES[split] for split in SPLITS)} |",
        "|---|---|---:|---:|---:|",
        *(_row(runs, branch, figure) for branch in BRANCHES for figure in FIGURES),
    ]
    return [
        f"## {one['collection']}",
        f"{kind[0].upper()}{kind[1:]}. Seeds: {seeds}. Pairs for training, validation and test: {pairs}. "
        f"{len(runs)} trainings took {counted(round(minutes), 'minute')} by the clock.",
        "\n".join(lines),
        "\n".join(_difference(difference) for difference in one["differences"]),
    ]


def _pairs(runs: Sequence[Mapping[str, Any]], split: str) -> str:
    found = next(run["pairs"] for run in runs if run["split"] == split)
    return " / ".join(f"{found[part]:,}" for part in ("train", "validation", "test"))


def _row(runs: Sequence[Mapping[str, Any]], branch: str, figure: str) -> str:
    own = [
        str(over_seeds([run[figure] for run in runs if (run["model"], run["split"]) == (branch, split)]))
        for split in SPLITS
    ]
    reported = getattr(REPORTED[branch], FIGURES[figure])
    return (
        f"| {NAMES[branch]} | {figure.replace('_', ' ').replace('auc', 'AUC')} | {reported:.2f} | {' | '.join(own)} |"
    )


def _difference(difference: Mapping[str, Any]) -> str:
    """AUC of the quantum model less the CNN's: of each seed, with its interval over works."""
    each = ", ".join(
        f"seed {one['seed']} {one['difference']:+z.3f} [{one['low']:+z.3f}, {one['high']:+z.3f}]"
        for one in difference["within"]
    )
    return f"- {NAMES[difference['split']]}: AUC of the quantum model less the CNN's: {each}"


if __name__ == "__main__":
    main()
