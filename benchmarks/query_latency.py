"""How long a query takes at the size of Da-TACOS's benchmark subset: ``python -m benchmarks.query_latency``.

Publishes a generated collection of 15,000 performances (1,000 works of 13, the rest alone) in a temporary workspace,
then times the whole command, the default query inside a process on one core and on two, and the head beside the same
answer by brute force in numpy. The ways take turns of 25 queries, so that a busy machine slows all of them alike and
none finds the cache as another left it. The whole command is timed over the bundled sample too.

Every performance has about 4 minutes of chroma: tunes of the bundled sample one after the other, in any key, as
alignments of random numbers take less time. The vectors are random directions and the head's weights random, a third
of them negative. Latency does not depend on that.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import covsearch
from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.config import EMBEDDING_DIM, FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import DATACOS_RATE, SLOW_RATE
from covsearch.dataset.hdf5 import read_chroma
from covsearch.dataset.performance import Performance
from covsearch.dataset.sample import sample_root
from covsearch.features.slow import slow_chroma
from covsearch.index.calibration import read_calibration, write_calibration
from covsearch.index.chroma import Chroma
from covsearch.index.flat import FlatIndex
from covsearch.index.generation import MODEL_FILES, read_model
from covsearch.index.head import Head
from covsearch.indexing import publish
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.ranking import HEAD
from covsearch.search import Searcher, open_searcher
from covsearch.workspace import Workspace
from tests.brute_force import rank_all

TITLES = Path(__file__).resolve().parents[2] / "shared" / "data" / "datacos" / "benchmark_metadata.json.gz"
FRAMES = 645  # of a track on average: four minutes at 2.69 frames/s
TUNES = 200  # of the sample that tracks are made of
CORES = (1, 2)
WORDS = ("love", "night", "moon", "you", "river", "blue", "song", "the", "heart", "away", "tonight", "rain")
TOP = 10
EXACT = "the head, exact"
BRUTE, PRODUCT = "numpy float64, (u − v)² summed", "numpy float64, matrix product"

METADATA = "metadata of 11 performances alone"
WARM_UP = 20  # queries before any is timed
BLOCK = 25  # queries that one way answers before it is the next one's turn

Rank = Callable[[int], list[str]]


def works_of(count: int) -> NDArray[np.int64]:
    """The work of each of `count` performances: 1,000 of 13, the rest alone, as in Da-TACOS's benchmark subset."""
    row = np.arange(count)
    return np.where(row < 13_000, row // 13, 1000 + row - 13_000)


def make_performances(count: int, rng: np.random.Generator) -> dict[str, Performance]:
    """P_1 to P_count; real titles of the benchmark subset where they lie beside the clone."""
    texts = _real_texts() if TITLES.is_file() else [_made_up(rng) for _ in range(count)]
    performances = {}
    for row, work in enumerate(works_of(count).tolist()):
        title, artist, work_title, work_artist = texts[row % len(texts)]
        pid = f"P_{row + 1}"
        year = int(rng.integers(1920, 2020))
        performances[pid] = Performance(pid, f"W_{work + 1}", title, artist, work_title, work_artist, year, False)
    return performances


def _real_texts() -> list[tuple[str, str, str, str]]:
    with gzip.open(TITLES, "rt", encoding="utf-8") as file:
        works: dict[str, dict[str, dict[str, str]]] = json.load(file)
    fields = ("perf_title", "perf_artist", "work_title", "work_artist")
    texts = [tuple(p[name] for name in fields) for work in works.values() for p in work.values()]
    return [(a, b, c, d) for a, b, c, d in texts]


def _made_up(rng: np.random.Generator) -> tuple[str, str, str, str]:
    """As long as real ones: 18 characters on average."""
    title, artist = (" ".join(rng.choice(WORDS, rng.integers(2, 7))).title() for _ in range(2))
    return title, artist, title, artist


def medleys(count: int, rng: np.random.Generator) -> Chroma:
    """`count` tracks of about 4 minutes, made of the tunes of the bundled sample."""
    tunes = _tunes()
    lengths = rng.integers(FRAMES * 4 // 5, FRAMES * 6 // 5, count, endpoint=True)
    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    frames = np.empty((int(first[-1]), 12), dtype=np.uint8)
    played, at = np.concatenate(tunes), 0
    for start, length, key in zip(first, lengths.tolist(), rng.integers(12, size=count).tolist(), strict=False):
        if at + length > len(played):
            played, at = np.concatenate([tunes[i] for i in rng.permutation(len(tunes)).tolist()]), 0
        frames[start : start + length] = np.roll(played[at : at + length], key, axis=1)
        at += length
    return Chroma(frames, first, np.full(count, SLOW_RATE))


def _tunes() -> list[NDArray[np.uint8]]:
    """Slow chroma of some of the sample's performances."""
    dataset = open_dataset(sample_root(), ("hpcp",))
    found = []
    for pid in list(dataset.performances)[:TUNES]:
        chroma = {"hpcp": read_chroma(dataset.files[pid]["hpcp"], "hpcp")}
        found.append(slow_chroma(chroma, ("hpcp",), dataset.frame_rate)[0])
    return found


def build(home: Path, count: int, seed: int) -> float:
    """Publish the generated collection, with a calibrated model; returns the seconds that took."""
    rng = np.random.default_rng(seed)
    performances = make_performances(count, rng)
    vectors = rng.standard_normal((count, EMBEDDING_DIM))
    units = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    head = Head(rng.normal(0.5, 1.0, EMBEDDING_DIM).astype(np.float32), 0.0)
    model = home / "model"
    model.mkdir()
    for name in MODEL_FILES:
        (model / name).write_text("not read by a query by id")
    named = calibrate(model)
    chroma = medleys(count, rng)
    started = time.perf_counter()
    publish(
        Workspace(home),
        list(performances),
        units,
        head,
        performances,
        model_files=read_model(model, named),
        fingerprint=named,
        features=FeatureConfig(),
        subset="generated",
        frame_rate=DATACOS_RATE,
        parts={"chroma": chroma},
    )
    return time.perf_counter() - started


def calibrate(model: Path) -> str:
    """Give a model that was never trained the bundled one's name and calibration: a query then does all that it can."""
    bundled = bundled_checkpoint()
    found = read_calibration(bundled, load_checkpoint(bundled).fingerprint)
    assert found is not None
    write_calibration(model, found)
    return found.model


def time_process(arguments: Sequence[str], runs: int) -> dict[str, Any]:
    """Wall-clock and CPU seconds of a Python process, from its start to its end."""
    wall, cpu = [], []
    for run in range(runs + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        if run:  # the first one reads the files into the page cache
            wall.append(time.perf_counter() - started)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"runs": runs, "wall_s": _summary(wall), "cpu_s": _summary(cpu)}


def _summary(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "min": min(values), "max": max(values)}


def ways(searcher: Searcher) -> dict[str, Rank]:
    """Each way from a row to the PIDs of its `TOP` matches, their metadata read too."""
    pids = searcher.collection.names
    flat = FlatIndex(searcher.collection.take(range(len(pids))), searcher.collection.head)
    wide = flat.vectors.astype(np.float64)  # (N, 128)
    alpha = flat.head.alpha.astype(np.float64)
    weighted = (wide * wide) @ alpha  # (N,)

    def read(rows: NDArray[np.int64], row: int) -> list[str]:
        best = [pids[i] for i in rows[rows != row][:TOP].tolist()]
        searcher.catalogue.get([pids[row], *best])
        return best

    def by_searcher(row: int) -> list[str]:
        return [match.pid for match in searcher.query(pids[row], TOP, rerank=HEAD)]

    def by_product(row: int) -> list[str]:
        distances = weighted - wide @ (2 * alpha * wide[row])
        nearest = np.argpartition(distances, TOP + 1)[: TOP + 1]
        return read(nearest[np.argsort(distances[nearest])], row)

    return {
        EXACT: by_searcher,
        BRUTE: lambda row: read(rank_all(flat.vectors[row], flat.vectors, flat.head), row),
        PRODUCT: by_product,
        METADATA: lambda row: read(np.arange(row, row + TOP + 1) % len(pids), row),
    }


def time_queries(searcher: Searcher, queries: int, seed: int) -> dict[str, dict[str, float]]:
    """p50 and p99 of every way over distinct queries, and how much of brute force's answer each gives."""
    rows = np.random.default_rng(seed).permutation(len(searcher.collection.names))[:queries].tolist()
    all_ways = ways(searcher)
    for row in rows[:WARM_UP]:
        for rank in all_ways.values():
            rank(row)
    seconds: dict[str, list[float]] = {name: [] for name in all_ways}
    answers: dict[str, list[list[str]]] = {name: [] for name in all_ways}
    for start in range(0, len(rows), BLOCK):
        for name, rank in all_ways.items():
            for row in rows[start : start + BLOCK]:
                started = time.perf_counter()
                answer = rank(row)
                seconds[name].append(time.perf_counter() - started)
                answers[name].append(answer)
    agreed = {name: _agreement(given, answers[BRUTE]) for name, given in answers.items()}
    return {name: _percentiles(values, agreed[name]) for name, values in seconds.items()}


def time_searches(searcher: Searcher, queries: int, seed: int) -> dict[str, dict[str, Any]]:
    """p50 and p99 of the default query, by how many cores it may use; all ask the same, one after the other."""
    pids = searcher.collection.names
    rows = np.random.default_rng([seed, 1]).permutation(len(pids))[:queries].tolist()
    allowed = sorted(os.sched_getaffinity(0))
    seconds: dict[int, list[tuple[float, float]]] = {cores: [] for cores in CORES if cores <= len(allowed)}
    searcher.query(pids[rows[0]], TOP)  # loads the loops
    try:
        for row in rows:
            for cores, found in seconds.items():
                os.sched_setaffinity(0, allowed[:cores])
                started, cpu = time.perf_counter(), time.process_time()
                searcher.query(pids[row], TOP)
                found.append((time.perf_counter() - started, time.process_time() - cpu))
    finally:
        os.sched_setaffinity(0, allowed)
    return {f"{cores} core{'s'[: cores - 1]}": _spread(found) for cores, found in seconds.items()}


def _spread(seconds: list[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = np.array(seconds).T
    p50, p99 = (float(np.percentile(wall, q)) for q in (50, 99))
    return {
        "queries": len(wall),
        "p50_s": p50,
        "p99_s": p99,
        "min_s": float(wall.min()),
        "cpu_s": float(np.median(cpu)),
    }


def _agreement(given: list[list[str]], expected: list[list[str]]) -> float:
    """The part of the expected matches that were given."""
    return sum(len(set(a) & set(b)) for a, b in zip(given, expected, strict=True)) / sum(map(len, expected))


def _percentiles(seconds: list[float], agreed: float) -> dict[str, float]:
    p50, p99 = (1000 * float(np.percentile(seconds, q)) for q in (50, 99))
    return {"queries": len(seconds), "p50_ms": p50, "p99_ms": p99, "recall_at_10": agreed}


def show(result: dict[str, Any]) -> None:
    """Print `result` as tables."""
    console = Console(width=110)
    process = Table("whole process", "wall s: median", "min", "max", "CPU s: median")
    for name, row in result["processes"].items():
        wall = (f"{row['wall_s'][key]:.3f}" for key in ("median", "min", "max"))
        process.add_row(name, *wall, f"{row['cpu_s']['median']:.3f}")
    console.print(process)
    search = Table("default query, in process", "p50 s", "p99 s", "min s", "CPU s: median")
    for name, row in result["searches"].items():
        search.add_row(name, *(f"{row[key]:.2f}" for key in ("p50_s", "p99_s", "min_s", "cpu_s")))
    console.print(search)
    query = Table("in process", "p50 ms", "p99 ms", f"p50 / {EXACT}", "recall@10")
    exact = result["in_process"][EXACT]["p50_ms"]
    for name, row in result["in_process"].items():
        recall = "" if name == METADATA else f"{row['recall_at_10']:.3f}"
        query.add_row(name, f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", f"{row['p50_ms'] / exact:.2f}", recall)
    console.print(query)


def markdown(result: dict[str, Any]) -> str:
    """What a user waits for."""
    head, load = result["in_process"][EXACT], result["load_1min"]
    lines = [
        "| of 15,000 performances of 4 minutes | p50 | p99 | min | CPU, median |".replace(
            "15,000", f"{result['performances']:,}"
        )
    ]
    lines += [
        "|---|---:|---:|---:|---:|",
        f"| the head alone | {head['p50_ms']:.1f} ms | {head['p99_ms']:.1f} ms | | |",
    ]
    for name, row in result["searches"].items():
        cells = " | ".join(f"{row[key]:.2f} s" for key in ("p50_s", "p99_s", "min_s", "cpu_s"))
        lines.append(f"| default query, {name} | {cells} |")
    lines += ["", "| whole process | median wall s | min | CPU s |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {row['wall_s']['median']:.2f} | {row['wall_s']['min']:.2f} | {row['cpu_s']['median']:.2f} |"
        for name, row in result["processes"].items()
    ]
    sizes = f"The index has {result['index_mb']:.0f} MB, {result['chroma_mb']:.0f} MB of them chroma"
    lines += ["", f"{sizes}; it was published in {result['publish_s']:.1f} s."]
    waiting = ", ".join(f"{value:.1f}" for value in load)
    return "\n".join([*lines, f"Processes ready to run meanwhile, before, between and after: {waiting}.", ""])


def measure(count: int, queries: int, searches: int, runs: int, seed: int, *, sample: bool = True) -> dict[str, Any]:
    """Build the collection and time everything; a JSON-ready result without its provenance."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "large"
        home.mkdir()
        seconds, load = build(home, count, seed), [os.getloadavg()[0]]
        commands = {f"covsearch query P_22, of {count:,}": query_in(home)}
        if sample:
            covsearch.build(home=Path(folder) / "sample")
            commands["covsearch query P_22, bundled sample"] = query_in(Path(folder) / "sample")
        commands |= {
            "covsearch find love": ["-m", "covsearch", "--home", str(home), "find", "love"],
            "python, numpy, faiss and numba imported": ["-c", "import numpy, faiss, numba"],
            "python, numpy and faiss imported": ["-c", "import numpy, faiss"],
            "python alone": ["-c", "pass"],
        }
        processes = {name: time_process(command, runs) for name, command in commands.items()}
        load.append(os.getloadavg()[0])
        searcher = open_searcher(Workspace(home))
        result = {
            "performances": count,
            "titles": "Da-TACOS benchmark subset" if TITLES.is_file() else "made up",
            "publish_s": seconds,
            "index_mb": megabytes(home.glob("index/gen-*/**/*")) + megabytes(home.glob("db/*")),
            "chroma_mb": megabytes(home.glob("index/gen-*/chroma*")),
            "processes": processes,
            "searches": time_searches(searcher, searches, seed),
            "in_process": time_queries(searcher, queries, seed),
        }
        return {**result, "load_1min": [round(value, 2) for value in (*load, os.getloadavg()[0])]}


def query_in(home: Path) -> list[str]:
    """Arguments of a Python process that asks a workspace for covers."""
    return ["-m", "covsearch", "--home", str(home), "query", "P_22"]


def megabytes(paths: Iterable[Path]) -> float:
    """Sizes of files, together."""
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> None:
    """Measure, print and write ``benchmarks/results/query_latency.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=15_000, help="performances [15000]")
    parser.add_argument("--queries", type=int, default=1000, help="distinct queries of the head in process [1000]")
    parser.add_argument("--searches", type=int, default=100, help="distinct default queries in process [100]")
    parser.add_argument("--runs", type=int, default=15, help="runs of every whole process [15]")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    result = measure(args.count, args.queries, args.searches, args.runs, args.seed)
    show(result)
    payload = {"provenance": provenance("query_latency", args.seed), **result}
    write_table(RESULTS / "query_latency.json", payload, markdown(result))


if __name__ == "__main__":
    main()
