"""What each choice of the learned aligner is worth: short trainings that differ in one thing, judged on works held out.

Every row is the default of ``covsearch train --aligner`` but for what its name says, trained for as many steps with one
seed. Judged by the MAP with which the network orders the covers and the ten nearest non-covers (by the bundled vectors)
of each performance: of the bundled sample's validation works, and of covers synthesised from songs held out.

Run as ``python -m benchmarks.studies.aligner --synthesize POP909``; writes
``benchmarks/results/aligner_ablation.{json,md}``. Rows are written as they come, and a second run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, provenance, write_result
from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.synthesis.sources import JOIN, SongCollection, open_collections
from covsearch.training.aligner import fit, judge, open_material
from covsearch.workspace import find_workspace

NAME = "aligner_ablation"
JUDGED = 10  # non-covers beside the covers of each performance
ROWS: dict[str, dict[str, Any]] = {
    "default": {},
    "one channel: no standardised rows and columns": {"channels": 1},
    "no hard negatives": {"hard": 0},
    "hard negatives: 2 of 3": {"hard": 2},
    "1.35 frames/s": {"block": 2, "span": 6},
    "single frames instead of spans of 4": {"span": 1},
    "pooling: maximum alone": {"pooling": "max"},
    "pooling: mean alone": {"pooling": "mean"},
    "pooling: mean of the 12 greatest alone": {"pooling": "top"},
    "half as many channels": {"width": 8},
    "easier covers": {"first_hardness": 0.1, "last_hardness": 0.4},
    "harder covers": {"first_hardness": 0.6, "last_hardness": 1.0},
    "no excerpts": {"excerpts": 0.0},
}


def main() -> None:
    """Train every row that is not there yet and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", action="append", required=True, help="folder of MIDI files; repeatable")
    parser.add_argument("--steps", type=int, default=100, help="of each training [100]")
    parser.add_argument("--fresh", action="store_true", help="train rows again that are there")
    args = parser.parse_args()
    path = RESULTS / f"{NAME}.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() and not args.fresh else {}
    collections = open_collections(args.synthesize, find_workspace().cache)
    training = AlignerTraining(JOIN.join(args.synthesize), steps=args.steps, epoch_steps=-(-args.steps // 2))
    for name, changes in ROWS.items():
        if name not in rows:
            rows[name] = measure(collections, training, changes)
            print(name, rows[name], file=sys.stderr)
            write_result(
                NAME, {"provenance": provenance("studies.aligner", training.seed), "steps": args.steps, "rows": rows}
            )
            (RESULTS / f"{NAME}.md").write_text(markdown(rows, args.steps), encoding="utf-8")
    print(markdown(rows, args.steps))


def measure(
    collections: Sequence[SongCollection], training: AlignerTraining, changes: dict[str, Any]
) -> dict[str, float]:
    """Train one row from scratch; MAP of each thing judged, and the last loss."""
    network = {name: value for name, value in changes.items() if hasattr(AlignerConfig, name)}
    config = replace(AlignerConfig(), **network)
    trained = replace(training, **{name: value for name, value in changes.items() if name not in network})
    # what is judged is of one hardness in all rows
    material = open_material(collections, config, training, find_workspace())
    with tempfile.TemporaryDirectory() as folder:
        net, history = fit(config, trained, material, Path(folder))
    found = {name: round(judge(net, one, config, training, JUDGED), 4) for name, one in material.judged.items()}
    return {**found, "train_loss": history[-1]["train_loss"]}


def markdown(rows: dict[str, Any], steps: int) -> str:
    """One row a choice, differences to the default beside each figure."""
    first = rows["default"]
    names = [name for name in first if name != "train_loss"]
    heads = " | ".join(f"MAP, {name} | to default" for name in names)
    lines = [f"{steps} steps each, one seed.", "", f"| choice | {heads} |", f"|---|{'---:|' * 2 * len(names)}"]
    for choice, row in rows.items():
        cells = " | ".join(f"{row[name]:.3f} | {row[name] - first[name]:+.3f}" for name in names)
        lines.append(f"| {choice} | {cells} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
