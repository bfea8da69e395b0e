"""How well groups are the works of a collection, found from the music alone: ``python -m benchmarks.groups``.

The bundled sample's test works, and real recordings where they are at hand: pairwise precision and recall of the
groups, and the share of the performances that are put in a group where no other of their work is there. With
``--synthesize`` also the seconds for the sample among synthesised tracks.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL, beside_sample
from covsearch.evaluate.detection_report import Prepared, prepare_detection
from covsearch.evaluate.detection_trials import Bench
from covsearch.evaluate.groups import score_groups
from covsearch.links import find_links
from covsearch.progress import stderr_progress
from covsearch.ranking.cliques import cliques
from covsearch.ranking.scores import warm
from covsearch.stages import Scope
from covsearch.store import in_memory
from covsearch.workspace import find_workspace

ALARMS, DRAWS = 0.01, 10


def main() -> None:
    """Judge every collection, print and write ``benchmarks/results/groups.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, action="append", help="real recordings [those in shared/data]")
    parser.add_argument("--part", help="of the sample: train, validation or test works [test]")
    parser.add_argument("--only-sample", action="store_true", help="leave real recordings out")
    parser.add_argument("--synthesize", action="append", default=[], help="MIDI files for a timed collection")
    parser.add_argument("--count", type=int, default=15_000, help="performances of that [15000]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "groups.json")
    args = parser.parse_args()
    warm()
    runs = []
    for dataset in [None, *([] if args.only_sample else beside_sample(args.dataset, REAL))]:
        part = None if dataset else args.part
        prepared = prepare_detection(dataset, None, find_workspace(), 0, part=part, seed=args.seed)
        runs.append(judge(prepared, args.seed))
    timed = timing(args.synthesize, args.count, args.seed) if args.synthesize else None
    result = {"provenance": provenance("groups", args.seed), "alarms": ALARMS, "runs": runs, "timing": timed}
    write_table(args.out, result, markdown(runs, timed))


def judge(prepared: Prepared, seed: int) -> dict[str, Any]:
    """Groups of one collection beside its works, and the performances grouped where each is alone."""
    bench = prepared.bench
    rng, alone, judged = np.random.default_rng([seed, 12]), 0, 0
    for _ in range(DRAWS):
        order = rng.permutation(len(bench.work))
        rows = np.sort(order[np.unique(bench.work[order], return_index=True)[1]])
        alone += in_groups(grouped(bench, rows))
        judged += len(rows)
    scores = score_groups(grouped(bench, np.arange(len(bench.work))), bench.work, seed=seed)
    return {
        "collection": prepared.subset,
        "protocol": prepared.found.protocol,
        "performances": len(bench.work),
        "works": len(np.unique(bench.work)),
        **scores.to_dict(),
        "alone_but_grouped": alone / judged,
        "alone_draws": DRAWS,
    }


def grouped(bench: Bench, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups of some performances of a bench."""
    names = [str(row) for row in rows.tolist()]
    collection = in_memory(names, np.ascontiguousarray(bench.vectors[rows]), bench.head)
    with stderr_progress() as progress:
        links = find_links(
            Scope(collection, bench.chroma.take(rows.tolist()), None, bench.calibration), ALARMS, progress
        )
    return cliques(links.count, links.a, links.b, links.evidence)


def in_groups(group: NDArray[np.int64]) -> int:
    """Performances that are not alone."""
    return int(np.sum(np.bincount(group)[group] > 1))


def timing(sources: list[str], count: int, seed: int) -> dict[str, Any]:
    """Seconds for the sample among synthesised tracks, `count` in all."""
    own = len(prepare_detection(None, None, find_workspace(), 0, seed=seed).bench.work)
    bench = prepare_detection(None, None, find_workspace(), count - own, sources=sources, seed=seed).bench
    started, cpu = time.perf_counter(), time.process_time()
    found = grouped(bench, np.arange(len(bench.vectors)))
    taken = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
    return {
        "performances": len(bench.vectors),
        **taken,
        "grouped": in_groups(found),
        "cores": len(os.sched_getaffinity(0)),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def markdown(runs: list[dict[str, Any]], timed: dict[str, Any] | None) -> str:
    """A row a collection."""
    lines = [
        f"Groups at {ALARMS:.0%} false alarms. Alone but grouped: the share of performances that are put in a group "
        f"in collections of one performance a work, {DRAWS} drawn.",
        "",
        "| collection | performances | works | precision | recall | wrong pairs | alone but grouped |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for run in runs:
        precision, recall = (_with(run[name], run[f"{name}_ci"]) for name in ("precision", "recall"))
        counts = f"{run['performances']} | {run['works']} | {precision} | {recall} | {run['wrong']}"
        lines.append(f"| {run['collection']}, {run['protocol']} | {counts} | {run['alone_but_grouped']:.4f} |")
    if timed:
        lines += [
            "",
            f"{timed['performances']:,} performances: {timed['seconds']:.0f} s ({timed['cpu_seconds']:.0f} s of the "
            f"processor) on {timed['cores']} cores, {timed['load_1min']:.1f} processes ready to run at the end.",
        ]
    return "\n".join(lines) + "\n"


def _with(value: float | None, interval: dict[str, float] | None) -> str:
    told = "" if value is None else f"{value:.3f}"
    return f"{told} [{interval['low']:.3f}, {interval['high']:.3f}]" if interval else told


if __name__ == "__main__":
    main()
