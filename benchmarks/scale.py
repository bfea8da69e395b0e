"""How many candidates are worth aligning in a large collection: ``python -m benchmarks.scale --synthesize POP909``.

The bundled sample's test works, and real recordings where they are at hand, each among synthesised tracks that are
covers of none of them: 15,000 performances in all. Measured of the bundled weights: how many covers are among the
head's nearest, and what a search finds by the head alone, by candidates of which some are aligned finely and judged by
the learned aligner, and by aligning and judging the whole collection so, with the seconds each takes.

The whole collection is aligned for some queries only, spread evenly; the same queries are judged by the other
searches too. The searches that are judged share their alignments; those that are timed make their own.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL, beside_sample
from covsearch import stages
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.evaluate.distractors import distractors
from covsearch.evaluate.protocol import read_trained_on, searched
from covsearch.evaluate.ranks import Ranks, rank_covers, retrieval_metrics
from covsearch.evaluate.retrieval_search import CascadeDistances, ask, slow_chroma_of
from covsearch.evaluate.retrieval_systems import embedded, head_distances
from covsearch.features.pack import pack_cached
from covsearch.index.calibration import read_calibration
from covsearch.index.head import Head
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.progress import stderr_progress
from covsearch.ranking.scores import warm
from covsearch.store import in_memory
from covsearch.store.protocols import ChromaBlobs
from covsearch.workspace import find_workspace

CANDIDATES, FINE = (100, 300, 1000, 3000), (50, 100)
CORES, TOP = (1, 2), 10
HEAD, WHOLE = "head", "whole collection"


@dataclass(frozen=True, eq=False)
class Large:
    """A collection among distractors.

    Attributes
    ----------
    name : str
    searched : Scope
        All N performances, those of the collection first.
    works : NDArray[int64], shape (N,)
        A distractor has a work of its own.
    queries : NDArray[int64], shape (Q,)
        Performances with a cover.
    """

    name: str
    searched: stages.Scope
    works: NDArray[np.int64]
    queries: NDArray[np.int64]


def main() -> None:
    """Measure every collection, print and write ``benchmarks/results/scale.json`` and ``.md``."""
    args = _arguments().parse_args()
    checkpoint = load_checkpoint(bundled_checkpoint())
    warm()
    runs = []
    for dataset in [None, *beside_sample(args.dataset, REAL)]:
        large = among(dataset, checkpoint, args.synthesize, args.count, args.seed)
        runs.append(measure(large, args.whole, args.timed))
        result = {"provenance": provenance("scale", args.seed), "model": checkpoint.fingerprint, "runs": runs}
        write_table(args.out, result, markdown(runs))  # after every collection: the next takes long


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", action="append", required=True, help="folder of MIDI files; repeatable")
    parser.add_argument("--dataset", type=Path, action="append", help="Da-TACOS folder, beside the sample; repeatable")
    parser.add_argument("--count", type=int, default=15_000, help="performances in all [15000]")
    parser.add_argument("--whole", type=int, default=40, help="queries for which the whole collection is aligned [40]")
    parser.add_argument("--timed", type=int, default=20, help="queries that are timed on one core and on two [20]")
    parser.add_argument("--seed", type=int, default=0, help="of the distractors")
    parser.add_argument("--out", type=Path, default=RESULTS / "scale.json")
    return parser


def among(dataset_dir: Path | None, checkpoint: Checkpoint, sources: Sequence[str], count: int, seed: int) -> Large:
    """A collection that the model may be judged on, and distractors up to `count` performances."""
    cache = find_workspace().cache
    with stderr_progress() as progress:
        dataset = open_dataset(dataset_dir or sample_root(), checkpoint.config.features.names)
        dataset = searched(dataset, read_trained_on(checkpoint.folder)).dataset
        store = pack_cached(cache, dataset, checkpoint.config.features, progress=progress)
        own = np.stack(embedded(checkpoint, store, store.pids, progress).rows)
        others, chroma = distractors(checkpoint, sources, count - len(own), seed, cache, progress)
    vectors, head = np.concatenate([own, others]), Head(checkpoint.alpha, checkpoint.beta)
    codes = np.unique(store.wids, return_inverse=True)[1]
    works = np.concatenate([codes, codes.max() + 1 + np.arange(len(others))])
    pids = (*store.pids, *(f"distractor {k}" for k in range(len(others))))
    everything = stages.Scope(
        in_memory(pids, vectors, head),
        slow_chroma_of(store, store.pids, dataset.frame_rate) + chroma,
        None,
        read_calibration(checkpoint.folder, checkpoint.fingerprint),
    )
    return Large(dataset.subset, everything, works, np.flatnonzero(np.bincount(works)[works] > 1))


class SharedAlignments:
    """What the stages align, made once for all searches: a pair's alignment is the same in each of them."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], dict[int, float]] = {}

    def __call__(
        self, chroma: ChromaBlobs, query: NDArray[np.float32], rows: NDArray[np.int64], block: int, span: int
    ) -> NDArray[np.float64]:
        known = self._known.setdefault((query.tobytes(), block), {})
        new = np.array([row for row in rows.tolist() if row not in known], dtype=np.int64)
        if len(new):
            known |= zip(new.tolist(), stages.align_rows(chroma, query, new, block, span).tolist(), strict=True)
        return np.array([known[row] for row in rows.tolist()])


def measure(large: Large, whole: int, timed: int) -> dict[str, Any]:
    """Everything about one collection, ready for JSON."""
    size = len(large.works)
    spread = spread_of(large.queries, whole)
    collection = large.searched.collection
    by_head = head_distances(collection.head, collection.take(range(size)))
    head, some = rank_covers(by_head, large.works), rank_covers(by_head, large.works, queries=spread)
    row = {"search": HEAD, "candidates": None, "fine": None, **figures(head), "some": figures(some)}
    rows = [{**row, **seconds_of_head(large, timed)}]
    shared = SharedAlignments()
    for candidates, fine in [(c, f) for c in CANDIDATES if c < size for f in FINE]:
        rows.append(measure_search(large, candidates, fine, spread, timed, shared))
    rows.append(measure_search(large, size, size, spread, 0, stages.align_rows))
    found = {str(k): float((head.found(k) / head.covers).mean()) for k in CANDIDATES if k < size}
    own = int(np.sum(large.works <= large.works[large.queries].max()))
    return {
        "collection": large.name,
        "performances": size,
        "distractors": size - own,
        "queries": len(large.queries),
        "queries_of_some": len(spread),
        "recall_of_head": found,
        "searches": rows,
        "load_1min": round(os.getloadavg()[0], 2),
    }


def measure_search(
    large: Large, candidates: int, fine: int, spread: NDArray[np.int64], timed: int, align: stages.AlignRows
) -> dict[str, Any]:
    """A row: how well so many candidates rank, and what they cost; the whole collection only for `spread`."""
    whole = candidates == len(large.works)
    queries = spread if whole else large.queries
    judged = replace(large.searched, cascade=stages.Cascade(candidates, fine, align))
    distances, started = CascadeDistances(judged), time.process_time()
    with stderr_progress() as progress:
        stage = f"{large.name}, {candidates} candidates, {fine} fine"
        ranks = rank_covers(distances, large.works, queries=queries, block=8, stage=stage, progress=progress)
    cpu = (time.process_time() - started) / len(queries)
    searched = replace(judged, cascade=stages.Cascade(candidates, fine))
    taken = {"cpu_s": cpu} if whole else seconds(searched, spread_of(queries, timed).tolist())
    some = rank_covers(distances, large.works, queries=spread)
    row = {"search": WHOLE if whole else "candidates", "candidates": candidates, "fine": fine}
    return {**row, **({} if whole else figures(ranks)), "some": figures(some), **taken}


def spread_of(queries: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of the queries, evenly spread."""
    chosen: NDArray[np.int64] = queries[np.linspace(0, len(queries) - 1, min(count, len(queries))).astype(int)]
    return chosen


def seconds(searched: stages.Scope, queries: Sequence[int]) -> dict[str, float]:
    """Median wall-clock seconds of a query on one core and on two, where there are as many; CPU seconds on one."""
    found = {}
    for cores in _on_cores():
        taken, cpu = [], time.process_time()
        for query in queries:
            started = time.perf_counter()
            ask(searched, query, TOP)
            taken.append(time.perf_counter() - started)
        found[f"s_{cores}"] = float(np.median(taken))
        found.setdefault("cpu_s", (time.process_time() - cpu) / len(queries))
    return found


def seconds_of_head(large: Large, timed: int) -> dict[str, float]:
    """The same of the head alone, which uses one core; and its CPU seconds."""
    collection = large.searched.collection
    started, cpu = time.perf_counter(), time.process_time()
    queries = spread_of(large.queries, timed).tolist()
    for query in queries:
        collection.search(collection.take([query])[0], TOP, exclude=query)
    wall = (time.perf_counter() - started) / len(queries)
    return {**{f"s_{cores}": wall for cores in CORES}, "cpu_s": (time.process_time() - cpu) / len(queries)}


def _on_cores() -> Iterator[int]:
    """1, then 2: so many cores this process may use until the next is asked for."""
    allowed = sorted(os.sched_getaffinity(0))
    try:
        for cores in CORES:
            if cores <= len(allowed):
                os.sched_setaffinity(0, allowed[:cores])
                yield cores
    finally:
        os.sched_setaffinity(0, allowed)


def figures(ranks: Ranks) -> dict[str, float]:
    """What is told of a ranking."""
    metrics = retrieval_metrics(ranks)
    recall = {f"recall@{k}": metrics.recall[k] for k in (10, 100)}
    return {"map": metrics.map, "mr1": metrics.mr1, "median_rank": metrics.median_rank, "p1": metrics.p1, **recall}


def markdown(runs: Sequence[dict[str, Any]]) -> str:
    """A table a collection: one row a search."""
    lines = []
    for run in runs:
        some, size = run["queries_of_some"], run["performances"]
        near = ", ".join(f"{share:.1%} at {int(k):,}" for k, share in run["recall_of_head"].items())
        lines += [
            f"{run['collection']}: {run['queries']} queries among {size:,} performances, {run['distractors']:,} of "
            f"them synthesised. Covers among the head's nearest: {near}. Processes ready to run at the end: "
            f"{run['load_1min']:.1f}.",
            "",
            f"| aligned | finely | MAP | MR1 | P@1 | MAP of {some} queries | MR1 | s, 1 core | s, 2 cores | CPU s |",
            f"|---:|---:|{'---:|' * 8}",
            *(_row(row) for row in run["searches"]),
            "",
        ]
    return "\n".join([*lines, *EXPLAINED]) + "\n"


EXPLAINED = (
    "Seconds of a query: the median of some on the clock, and the mean of the processor's. The whole collection is",
    "aligned for some queries only, on which the other searches are judged too. The distractors are synthesised covers",
    "of songs of which the model heard covers in training.",
)


def _row(row: dict[str, Any]) -> str:
    whole = row["search"] == WHOLE
    aligned = "all" if whole else "none" if row["candidates"] is None else f"{row['candidates']:,}"
    finely = "all" if whole else "" if row["fine"] is None else f"{row['fine']}"
    told = [f"{row['map']:.3f}", f"{row['mr1']:.1f}", f"{row['p1']:.3f}"] if "map" in row else [""] * 3
    some = [f"{row['some']['map']:.3f}", f"{row['some']['mr1']:.1f}"]
    taken = [f"{row[key]:.3g}" if key in row else "" for key in ("s_1", "s_2", "cpu_s")]
    return f"| {' | '.join([aligned, finely, *told, *some, *taken])} |"


if __name__ == "__main__":
    main()
