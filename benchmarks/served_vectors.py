"""Exact search of vectors by servers: ``python -m benchmarks.served_vectors --synthesize POP909``.

The same as ``benchmarks.many_vectors``, of the same vectors, over PostgreSQL with pgvector (a sequential scan, no
index) and over Milvus Lite (index FLAT), beside the flat index of the local store. Both servers are those of the tests,
on this machine. They find candidates by the inner product in float32; the head ranks these in float64, as always.

Each engine has the sizes that are sensible for it. Milvus Lite is a small server for trying, in one Python process: it
gets 4,000 vectors, and its times say nothing of a cluster. Seconds of the processor and memory are those of the client
and the server together, of PostgreSQL of the one process that answers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.many_vectors import ENGINES as LOCAL
from benchmarks.many_vectors import EXACT, Engine, answer, measure, row_of, searched, table_head
from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.index.flat import Bounds, augmented_rows, proven
from covsearch.index.head import Head, load_head, save_head
from covsearch.ranking.nearest import Ranking
from covsearch.workspace import bytes_below

_BATCH = 2_000
COUNTS = (4_000, 100_000, 300_000, 1_000_000)
COVERS = 1_000  # synthesised; the rest is drawn from them


@dataclass(frozen=True)
class Server:
    """A process of this machine."""

    pid: int

    def cpu_s(self) -> float:
        """Seconds of the processor that all its threads took so far."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def own_mb(self) -> float:
        """Memory that is no file's."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))) / 1e3


class Served:
    """Vectors in a server; what :func:`benchmarks.many_vectors.answer` asks."""

    exact = True

    def __init__(self, folder: Path, server: Server) -> None:
        self.vectors: NDArray[np.float32] = np.load(folder / "vectors.npy", mmap_mode="r")
        self.head = load_head(folder / "head.safetensors", self.vectors.shape[1])
        self.server = server
        self._bounds = Bounds(1.001, float(np.abs(self.head.alpha).max()) * 1.002)

    def __len__(self) -> int:
        return len(self.vectors)

    def rank(self, u: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """As the flat index does, of candidates that the server finds."""
        take = self.vectors.__getitem__
        return proven(u, k, self.head, self._bounds, len(self), self.find, take, exclude)

    def find(self, question: NDArray[np.float32], wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of the largest inner products, and these."""
        raise NotImplementedError


def _keep(folder: Path, vectors: NDArray[np.float32], head: Head, size: int) -> None:
    """What the process that answers needs beside the server."""
    np.save(folder / "vectors.npy", vectors)
    save_head(folder / "head.safetensors", head)
    (folder / "stored.json").write_text(json.dumps({"server": size}))


class Pgvector:
    """PostgreSQL with pgvector: a sequential scan by one process."""

    def build(self, folder: Path, vectors: NDArray[np.float32], head: Head) -> None:
        """A table of rows and vectors."""
        import psycopg

        from tests.postgres_server import database

        url = database(f"served {folder}")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute("DROP TABLE IF EXISTS items")
            connection.execute(f"CREATE TABLE items (row integer, v vector({head.dim + 1}))")
            with connection.cursor() as cursor, cursor.copy("COPY items FROM STDIN") as copy:
                for first in range(0, len(vectors), _BATCH):
                    rows = augmented_rows(vectors[first : first + _BATCH], head)
                    for row, vector in enumerate(rows, first):
                        copy.write_row((row, _written(vector)))
            connection.execute("VACUUM ANALYZE items")
            size = connection.execute("SELECT pg_total_relation_size('items')").fetchone()
        (folder / "url").write_text(url)
        _keep(folder, vectors, head, int(size[0]) if size else 0)

    def open(self, folder: Path) -> PgvectorRows:
        """One connection, and no other process to help."""
        import psycopg

        connection = psycopg.connect((folder / "url").read_text(), autocommit=True)
        connection.execute("SET max_parallel_workers_per_gather = 0")
        return PgvectorRows(folder, connection)


class PgvectorRows(Served):
    """Found by `ORDER BY v <#> question`, which is the negative inner product."""

    def __init__(self, folder: Path, connection: Any) -> None:
        super().__init__(folder, Server(connection.info.backend_pid))
        self._connection = connection

    def find(self, question: NDArray[np.float32], wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """A sequential scan."""
        query = "SELECT row, -(v <#> %(q)s::vector) FROM items ORDER BY v <#> %(q)s::vector LIMIT %(n)s"
        found = self._connection.execute(query, {"q": _written(question), "n": wanted}).fetchall()
        rows, products = zip(*found, strict=True)
        return np.array(rows, np.int64), np.array(products, np.float32)


class MilvusLite:
    """The Milvus of the tests, in one process."""

    def build(self, folder: Path, vectors: NDArray[np.float32], head: Head) -> None:
        """A collection as the store makes it."""
        from covsearch.store.milvus.kept import KeptVectors
        from tests.milvus_server import milvus

        kept = KeptVectors(milvus(), f"served_{len(vectors)}")
        every = range(0, len(vectors), _BATCH)
        kept.make(head.dim + 1, ((first, augmented_rows(vectors[first : first + _BATCH], head)) for first in every))
        port, place = kept.address.rpartition(":")[2], "--data-dir"
        lines = {int(path.parent.name): path.read_bytes().decode() for path in Path("/proc").glob("[0-9]*/cmdline")}
        pid, line = next((pid, line) for pid, line in lines.items() if f"--port\0{port}\0" in line)
        stored = Path(line.partition(f"{place}\0")[2].partition("\0")[0])
        (folder / "server.json").write_text(json.dumps([pid, kept.address, kept.name]))
        _keep(folder, vectors, head, bytes_below(stored))

    def open(self, folder: Path) -> MilvusRows:
        """By the client of the store."""
        return MilvusRows(folder, *json.loads((folder / "server.json").read_text()))


class MilvusRows(Served):
    """Found by Milvus."""

    def __init__(self, folder: Path, pid: int, address: str, name: str) -> None:
        from covsearch.store.milvus.kept import KeptVectors

        super().__init__(folder, Server(pid))
        self._kept = KeptVectors(address, name)

    def find(self, question: NDArray[np.float32], wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """One search."""
        return self._kept.search(question, wanted)


def _written(vector: NDArray[np.float32]) -> str:
    """As pgvector reads it, to the bit."""
    return f"[{','.join(map(repr, vector.tolist()))}]"


MOST: Mapping[str, int] = {"pgvector, exact": 1_000_000, "Milvus Lite, FLAT": 5_000}
ENGINES: Mapping[str, Engine] = {EXACT: LOCAL[EXACT], "pgvector, exact": Pgvector(), "Milvus Lite, FLAT": MilvusLite()}
"""The local one first: the others are judged by what it finds."""


def main() -> None:
    """Measure, print and write ``benchmarks/results/served_vectors.json`` and ``.md``."""
    args = _arguments().parse_args()
    if args.answer:
        print(json.dumps(answer(ENGINES[args.answer], args.folder)))
        return
    head, real, vectors, works = searched(args)
    said: dict[str, Any] = {"covers": args.covers, "songs": len(np.unique(real.works)), "queries": args.queries}
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for count in sorted(args.count):
            engines = {name: engine for name, engine in ENGINES.items() if count <= MOST.get(name, count)}
            place = Path(scratch) / f"{count}"
            runs += measure(vectors[:count], works[:count], head, args, place, engines, "benchmarks.served_vectors")
            result = {"provenance": provenance("served_vectors", args.seed), **said, "runs": runs}
            write_table(args.out, result, markdown(result))  # after every size: the next takes longer


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", action="append", default=[], help="folder of MIDI files; repeatable")
    parser.add_argument("--count", type=int, nargs="+", default=COUNTS, help="vectors [4000 100000 300000 1000000]")
    parser.add_argument("--covers", type=int, default=COVERS, help="of them synthesised [1000]")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "served_vectors.json")
    parser.add_argument("--answer", choices=ENGINES, help=argparse.SUPPRESS)  # for the process that answers
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser


def markdown(result: Mapping[str, Any]) -> str:
    """The result as a page."""
    lines = [*table_head(), *map(row_of, result["runs"])]
    told = (
        f"{result['queries']} queries each, one after the other. {result['covers']:,} of the vectors are covers of "
        f"{result['songs']:,} songs, synthesised and embedded by the bundled model; the others are drawn from them. "
        "Seconds of the processor to answer, and memory, are those of client and server together, of PostgreSQL of "
        "the one process that answers; to build, of the client alone. Milvus Lite is a server in one Python process "
        "for a few thousand vectors: it shows that the answers are exact, and nothing of a cluster's times. The "
        "machine was shared by other work (load: processes ready to run at the end, on two cores), so seconds on the "
        "clock are as long as that made them. Columns are those of [many_vectors.md](many_vectors.md)."
    )
    return "\n".join([*lines, "", told]) + "\n"


if __name__ == "__main__":
    main()
