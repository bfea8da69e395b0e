"""Search of many vectors by several engines: ``python -m benchmarks.many_vectors --synthesize POP909``.

100,000, 300,000 and a million vectors as the bundled model makes them (:mod:`benchmarks.drawn_vectors`), under its
head. Every engine indexes them; then a process of its own opens what was written and answers queries on one thread,
one after the other, each a row of the collection, which is not ranked. Half of the queries are synthesised covers,
half are drawn. Counted of each:

- recall@100: how many of the exact 100 nearest under the head are among the 100 that it found;
- versions@100: how many of the query's other versions are among these 100, and how many are among the exact ones;
- seconds to index, bytes written, memory of the process that answers, milliseconds a query.

The exact ranking is that of the flat index, which proves it (:mod:`covsearch.index.flat`). At the largest size
``covsearch query`` is timed too, as a whole process, over an index that ``covsearch build-index --vectors`` made.

A new engine is a class and one entry in :data:`ENGINES`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.children import run_child
from benchmarks.drawn_vectors import VERSIONS, Real, described, draw
from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.evaluate.distractors import distractors, songs_of
from covsearch.index.collection import read_searched_vectors, write_collection
from covsearch.index.generation import Generation
from covsearch.index.head import Head
from covsearch.index.manifest import FORMAT, Manifest
from covsearch.index.searched import SearchedVectors
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.progress import stderr_progress
from covsearch.ranking.nearest import Ranking
from covsearch.synthesis.sources import open_collections
from covsearch.workspace import Workspace, bytes_below, find_workspace

COUNTS = (100_000, 300_000, 1_000_000)
COVERS = 15_000  # synthesised; the rest is drawn from them
K, ALIGNED = 100, 1000  # neighbours that are judged; as many as a default query aligns, which is timed too
WARM = 20  # queries before any is timed


class Rows(Protocol):
    """Vectors that are found by an engine."""

    def rank(self, u: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """As :class:`covsearch.index.searched.SearchedVectors`."""


class Engine(Protocol):
    """Where vectors are indexed, in a folder of its own."""

    def build(self, folder: Path, vectors: NDArray[np.float32], head: Head) -> None:
        """Index `vectors` (N, D) and write all that a search needs."""

    def open(self, folder: Path) -> Rows:
        """What was written, by another process; its ``rank`` is asked."""


@dataclass(frozen=True)
class Local:
    """The local store's index: flat up to `limit` vectors, else FastScan."""

    limit: int

    def build(self, folder: Path, vectors: NDArray[np.float32], head: Head) -> None:
        """As a generation has them."""
        inside = self._generation(folder, len(vectors), head.dim, {})
        inside.folder.mkdir(parents=True)
        pids = [f"t{n}" for n in range(len(vectors))]
        recipe = write_collection(inside.folder, pids, vectors, head, limit=self.limit)
        (folder / "recipe.json").write_text(json.dumps([len(vectors), head.dim, recipe]))

    def open(self, folder: Path) -> SearchedVectors:
        """By the reader of generations."""
        return read_searched_vectors(self._generation(folder, *json.loads((folder / "recipe.json").read_bytes())))

    @staticmethod
    def _generation(folder: Path, count: int, dim: int, recipe: Mapping[str, Any]) -> Generation:
        said: dict[str, Any] = {"covsearch": "", "created": "", "subset": "", "works": 0, "model": "", "source": None}
        said |= {"features": None, "frame_rate": None, "parts": {}, "files": {}}
        manifest = Manifest(format=FORMAT, count=count, dim=dim, recipe=recipe, **said)
        return Generation(Workspace(folder), "gen-0001", manifest)


EXACT = "flat"
ENGINES: Mapping[str, Engine] = {EXACT: Local(sys.maxsize), "FastScan": Local(0)}
"""The exact one first: the others are judged by what it finds."""


def main() -> None:
    """Measure, print and write ``benchmarks/results/many_vectors.json`` and ``.md``."""
    args = _arguments().parse_args()
    if args.answer:
        print(json.dumps(answer(ENGINES[args.answer], args.folder)))
        return
    head, real, vectors, works = searched(args)
    alike = {"synthesised": described(real.vectors, real.works, head, args.seed)}
    alike["drawn"] = described(vectors[args.covers :], works[args.covers :], head, args.seed)
    result: dict[str, Any] = {"covers": len(real.works), "songs": len(np.unique(real.works)), "vectors": alike}
    result |= {"queries": args.queries, "runs": [], "command": None}
    with tempfile.TemporaryDirectory() as scratch:
        if args.command_alone:
            result = json.loads(args.out.read_bytes())
        for count in () if args.command_alone else sorted(args.count):
            result["runs"] += measure(vectors[:count], works[:count], head, args, Path(scratch) / f"{count}")
            write(result, args)  # after every size: the next takes longer
        if args.commands:
            command = time_command(vectors, Path(scratch) / "command", args.commands)
            write(result | {"command": command | {"provenance": provenance("many_vectors", args.seed)}}, args)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", action="append", default=[], help="folder of MIDI files; repeatable")
    parser.add_argument("--count", type=int, nargs="+", default=COUNTS, help="vectors [100000 300000 1000000]")
    parser.add_argument("--covers", type=int, default=COVERS, help="of them synthesised [15000]")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--commands", type=int, default=5, help="times that `covsearch query` is run, 0 for never [5]")
    alone = "time `covsearch query` alone, and write that into the result that is there"
    parser.add_argument("--command-alone", action="store_true", help=alone)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "many_vectors.json")
    parser.add_argument("--answer", choices=ENGINES, help=argparse.SUPPRESS)  # for the process that answers
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser


def embedded_covers(checkpoint: Checkpoint, sources: Sequence[str], count: int, seed: int, cache: Path) -> Real:
    """Synthesised covers, embedded; kept in `cache`."""
    path = cache / f"covers-{checkpoint.fingerprint}-{'-'.join(Path(s).name for s in sources)}-{count}-{seed}.npz"
    if not path.is_file():
        with stderr_progress() as progress:
            vectors, _ = distractors(checkpoint, sources, count, seed, cache, progress)
            songs = sum(len(one.maker.songs) for one in open_collections(sources, cache, progress))
        np.savez(path, vectors=vectors, works=np.array(songs_of(0, count, songs, seed)))
    with np.load(path) as stored:
        return Real(stored["vectors"], stored["works"])


def searched(args: argparse.Namespace) -> tuple[Head, Real, NDArray[np.float32], NDArray[np.int64]]:
    """The bundled model's head, its vectors of synthesised covers, and with the drawn ones all vectors and works."""
    checkpoint = load_checkpoint(bundled_checkpoint())
    real = embedded_covers(checkpoint, args.synthesize, args.covers, args.seed, find_workspace().cache)
    return Head(checkpoint.alpha, checkpoint.beta), real, *draw(real, max(args.count), args.seed)


def measure(
    vectors: NDArray[np.float32],
    works: NDArray[np.int64],
    head: Head,
    args: argparse.Namespace,
    scratch: Path,
    engines: Mapping[str, Engine] = ENGINES,
    module: str = "benchmarks.many_vectors",
) -> Iterator[dict[str, Any]]:
    """A row an engine, all over the same vectors and queries; `module` answers by them in a process of its own."""
    rng = np.random.default_rng([args.seed, len(vectors)])
    half = args.queries // 2
    asked = rng.choice(args.covers, half, replace=False)
    asked = np.concatenate([asked, args.covers + rng.choice(len(vectors) - args.covers, half, replace=False)])
    asked = rng.permutation(asked)
    exact: NDArray[np.int64] | None = None
    for name, engine in engines.items():
        folder = scratch / name
        folder.mkdir(parents=True)
        started, cpu = time.perf_counter(), time.process_time()
        engine.build(folder, vectors, head)
        taken, cpu = time.perf_counter() - started, time.process_time() - cpu
        sizes = {path.name: path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
        if (stored := folder / "stored.json").is_file():  # by a server, elsewhere
            sizes = json.loads(stored.read_bytes())
        np.savez(folder / "asked.npz", rows=asked, vectors=vectors[asked])
        said = ask(name, folder, module)
        found = np.load(folder / "found.npy")
        exact = found if exact is None else exact
        yield {
            "engine": name,
            "vectors": len(vectors),
            "build_s": taken,
            "build_cpu_s": cpu,
            "bytes": sizes,
            **judge(found, exact, works, asked, args.covers),
            **said,
            "load_1min": round(os.getloadavg()[0], 2),
        }


def ask(name: str, folder: Path, module: str) -> dict[str, Any]:
    """What a process of its own says of its answers (:func:`answer`)."""
    command = (sys.executable, "-m", module, "--answer", name, "--folder", str(folder))
    done = run_child(command, limit_s=3600, environment={"OMP_NUM_THREADS": "1"})
    if done.exit_code != 0:
        raise RuntimeError(done.output)
    said: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return said


def answer(engine: Engine, folder: Path) -> dict[str, Any]:
    """Open what `engine` wrote, answer the queries in ``asked.npz``, and keep what was found in ``found.npy``."""
    with np.load(folder / "asked.npz") as asked:
        rows, vectors = asked["rows"].tolist(), asked["vectors"]
    started = time.perf_counter()
    index = engine.open(folder)
    opened = time.perf_counter() - started
    for u in vectors[:WARM]:
        index.rank(u, K)
    rankings, times = _timed(index, rows, vectors, K)
    np.save(folder / "found.npy", np.stack([ranking.rows for ranking in rankings]))
    _, longer = _timed(index, rows[: len(rows) // 4], vectors, ALIGNED)
    return {"open_s": opened, **_told_times(times), f"of_{ALIGNED}": _told_times(longer), **_memory(index)}


def _timed(
    index: Rows, rows: list[int], vectors: NDArray[np.float32], k: int
) -> tuple[list[Ranking], NDArray[np.float64]]:
    """What was found, and milliseconds of each query on the clock and of the processor, (Q, 2)."""
    found, taken = [], []
    for row, u in zip(rows, vectors, strict=False):
        wall, cpu = time.perf_counter(), _cpu_s(index)
        found.append(index.rank(u, k, exclude=row))
        taken.append((time.perf_counter() - wall, _cpu_s(index) - cpu))
    return found, 1e3 * np.array(taken)


def _cpu_s(index: Rows) -> float:
    """Seconds of the processor so far: of this process, and of the index's server if it has one."""
    server = getattr(index, "server", None)
    return time.process_time() + (server.cpu_s() if server else 0.0)


def _told_times(taken: NDArray[np.float64]) -> dict[str, float]:
    wall, cpu = taken.T
    shares = {"p50": 50, "p99": 99}
    told = {f"{name}_ms": float(np.percentile(wall, share)) for name, share in shares.items()}
    return told | {f"{name}_cpu_ms": float(np.percentile(cpu, share)) for name, share in shares.items()}


def _memory(index: Rows) -> dict[str, float]:
    """Megabytes of this process, and of a server: its own, and of files that it maps, which the system may drop."""
    server = getattr(index, "server", None)
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kilobytes = {
        name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if "Rss" in name
    }
    return {
        "own_mb": kilobytes["RssAnon"] / 1e3 + (server.own_mb() if server else 0.0),
        "mapped_mb": kilobytes["RssFile"] / 1e3,
    }


def judge(
    found: NDArray[np.int64], exact: NDArray[np.int64], works: NDArray[np.int64], asked: NDArray[np.int64], covers: int
) -> dict[str, float]:
    """Recall of the exact neighbours, and versions among them, of all queries and of synthesised covers alone.

    Parameters
    ----------
    found, exact : NDArray[int64], shape (Q, k)
        Neighbours of each query.
    works : NDArray[int64], shape (N,)
    asked : NDArray[int64], shape (Q,)
        Rows of the queries.
    covers : int
        Rows below are synthesised covers.
    """
    recall = np.array([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, exact, strict=True)])
    versions = [(works[rows] == works[asked][:, None]).sum(axis=1) for rows in (found, exact)]
    there = np.bincount(works)[works[asked]] - 1
    known, own = there > 0, asked < covers
    shares = [count[known] / there[known] for count in versions]
    return {
        "recall": float(recall.mean()),
        "recall_of_covers": float(recall[own].mean()),
        "least_recall": float(recall.min()),
        "versions": float(shares[0].mean()),
        "versions_exact": float(shares[1].mean()),
        "versions_of_covers": float(shares[0][own[known]].mean()),
    }


def time_command(vectors: NDArray[np.float32], home: Path, times: int) -> dict[str, Any]:
    """``covsearch build-index --vectors`` and ``covsearch query`` over all vectors, each a process of its own."""
    home.mkdir(parents=True)
    path = home / "many.npz"
    np.savez(path, vectors=vectors, ids=[f"t{n}" for n in range(len(vectors))])
    covsearch = (sys.executable, "-m", "covsearch", "--home", str(home))
    build = _finished((*covsearch, "build-index", "--vectors", str(path)))
    path.unlink()
    first, *others = (_finished((*covsearch, "query", f"t{n}", "--json")) for n in range(times + 1))
    return {
        "vectors": len(vectors),
        "bytes": bytes_below(home),
        "build": build,
        "first": first,
        "others": {name: float(np.median([one[name] for one in others])) for name in first},
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _finished(command: Sequence[str]) -> dict[str, float]:
    """Seconds on the clock and of the processor, and the peak of memory, of a command that succeeds."""
    before = os.times()
    done = run_child(command, limit_s=3600)
    after = os.times()
    if done.exit_code != 0:
        raise RuntimeError(done.output)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"s": done.seconds, "cpu_s": cpu, "peak_mb": done.peak_mb}


def write(result: Mapping[str, Any], args: argparse.Namespace) -> None:
    """The result so far, with its provenance."""
    write_table(args.out, {"provenance": provenance("many_vectors", args.seed), **result}, markdown(result))


COLUMNS = (
    "vectors", "engine", "recall@100", "least", "versions@100", "exact's", "build, CPU s", "build, s", "files, MB",
    "own memory, MB", "mapped, MB", "p50, CPU ms", "p99, CPU ms", "p50, ms", "p99, ms", "p50 of 1,000, CPU ms", "load",
)  # fmt: skip


def markdown(result: Mapping[str, Any]) -> str:
    """The result as a page."""
    return "\n".join([*table_head(), *map(row_of, result["runs"]), "", *_told(result)]) + "\n"


def table_head() -> list[str]:
    """The first two lines of a table of rows."""
    return [f"| {' | '.join(COLUMNS)} |", f"|---:|---|{'---:|' * (len(COLUMNS) - 2)}"]


def row_of(row: Mapping[str, Any]) -> str:
    """A row of a table below :func:`table_head`."""
    times = (row[name] for name in ("p50_cpu_ms", "p99_cpu_ms", "p50_ms", "p99_ms"))
    cells = (
        f"{row['vectors']:,}", row["engine"], f"{row['recall']:.4f}", f"{row['least_recall']:.2f}",
        f"{row['versions']:.4f}", f"{row['versions_exact']:.4f}", f"{row['build_cpu_s']:.1f}", f"{row['build_s']:.1f}",
        f"{sum(row['bytes'].values()) / 1e6:,.0f}", f"{row['own_mb']:,.0f}", f"{row['mapped_mb']:,.0f}",
        *(f"{value:.1f}" for value in times), f"{row[f'of_{ALIGNED}']['p50_cpu_ms']:.1f}", f"{row['load_1min']:.1f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _told(result: Mapping[str, Any]) -> Iterator[str]:
    alike = result["vectors"]
    yield (
        f"{result['queries']} queries each, half of them synthesised covers, on one thread. {result['covers']:,} of "
        f"the vectors are covers of {result['songs']:,} songs, synthesised and embedded by the bundled model; the "
        f"others are drawn from them, {VERSIONS} versions a work (`benchmarks/drawn_vectors.py` says how).\n"
    )
    yield "| vectors | head's distance within works | to anything | directions filled |\n|---|---:|---:|---:|"
    for name, said in alike.items():
        yield f"| {name} | {said['within_works']:.2f} | {said['between_any']:.2f} | {said['directions']:.1f} |"
    yield (
        '\nDistances are medians. Recall is of the flat index\'s answer, which is proven exact; "least" is the worst '
        "query's. Versions: the share of a query's other versions among the 100 nearest, as found and exactly. Load: "
        "processes ready to run at the end, on two cores: the machine was shared, so compare seconds of the processor; "
        "those on the clock are as long as other work made them."
    )
    if command := result["command"]:
        queries, first, build = (command[name] for name in ("others", "first", "build"))
        yield (
            f"\n`covsearch query` as a whole process, {command['vectors']:,} vectors: {queries['cpu_s']:.2f} s of the "
            f"processor ({queries['s']:.2f} s on the clock, medians) and {queries['peak_mb']:,.0f} MB; the first, "
            f"which compares checksums, {first['cpu_s']:.1f} s ({first['s']:.1f} s). "
            f"`covsearch build-index --vectors`: {build['cpu_s']:.0f} s of the processor ({build['s']:.0f} s), "
            f"{build['peak_mb']:,.0f} MB of memory, {command['bytes'] / 1e6:,.0f} MB on disk. "
            f"Load {command['load_1min']:.1f}."
        )


if __name__ == "__main__":
    main()
