"""How much of the learned ranking the two-stage search keeps, and what it costs; part of ``benchmarks.query_latency``.

Two collections: random directions, and vectors drawn with the spread between works and within a work that the bundled
model's embeddings of the bundled sample have. Three heads over each: the bundled model's own, and random weights, all
positive or of both signs. What a search finds is held against brute force in float64.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.config import EMBEDDING_DIM
from covsearch.index.flat import FlatIndex, ranked
from covsearch.index.head import Head
from covsearch.indexing import build_index
from covsearch.ranking.nearest import Ranking, checked_query
from covsearch.search import open_searcher
from covsearch.workspace import Workspace
from tests.brute_force import rank_all

TOP = 10
CANDIDATES = (10, 50, 100, 500)
EXACT, ALL = "exact", "all"
BLOCK = 25  # queries that one way answers before it is the next one's turn


@dataclass(frozen=True, eq=False)
class Embedded:
    """A real collection's vectors (N, 128), the number of each one's work (N,), and the head that was learned."""

    vectors: NDArray[np.float32]
    work: NDArray[np.int64]
    head: Head
    model: str


def embedded_sample() -> Embedded:
    """The bundled sample, embedded by the bundled model."""
    with tempfile.TemporaryDirectory() as folder:
        build_index(None, None, Workspace(Path(folder)))
        searcher = open_searcher(Workspace(Path(folder)))
        collection, pids = searcher.collection, searcher.collection.names
        performances = searcher.catalogue.get(pids)
        work = np.unique([performances[pid].wid for pid in pids], return_inverse=True)[1]
        every = collection.take(range(len(pids)))
        return Embedded(every, work.astype(np.int64), collection.head, searcher.generation.manifest.model)


def alike(real: Embedded, works: Sequence[int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Unit vectors with the mean of a real collection and its spread between works and within a work.

    Parameters
    ----------
    real : Embedded
    works : sequence of int
        Performances wanted of each work.
    rng : numpy.random.Generator

    Returns
    -------
    NDArray[float32], shape (sum of `works`, 128)
        Those of one work after those of the other.
    """
    within = _within(real)
    _, one_each = np.unique(real.work, return_index=True)
    total = np.cov(real.vectors[one_each], rowvar=False)
    centres = rng.standard_normal((len(works), EMBEDDING_DIM)) @ _root(total - within)
    vectors = np.repeat(centres, works, axis=0) + rng.standard_normal((sum(works), EMBEDDING_DIM)) @ _root(within)
    vectors += real.vectors.mean(axis=0, dtype=np.float64)
    return _unit(vectors)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _within(real: Embedded) -> NDArray[np.float64]:
    """Covariance (128, 128) of vectors about the mean of their work, from works with several."""
    size = np.bincount(real.work)
    sums = np.zeros((len(size), EMBEDDING_DIM))
    np.add.at(sums, real.work, real.vectors)
    apart = (real.vectors - (sums / size[:, None])[real.work])[size[real.work] > 1]
    several = size[size > 1]
    covariance: NDArray[np.float64] = apart.T.astype(np.float64) @ apart / (several - 1).sum()
    return covariance


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix whose product with standard normal rows has `covariance`, or what of it is one."""
    values, directions = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = np.sqrt(np.maximum(values, 0))[:, None] * directions.T
    return root


def study(real: Embedded, works: Sequence[int], queries: int, seed: int) -> dict[str, Any]:
    """Recall@10 of the learned ranking and p50 of every way, for every collection and head; JSON-ready."""
    rng = np.random.default_rng(seed)
    collections = {
        "like the sample": alike(real, works, rng),
        "random directions": _unit(rng.standard_normal((sum(works), EMBEDDING_DIM))),
    }
    weights = rng.normal(0.5, 1.0, EMBEDDING_DIM).astype(np.float32)
    heads = {
        f"of {real.model}": real.head,
        "random, positive": Head(np.abs(weights), 0.0),
        "random, signed": Head(weights, 0.0),
    }
    rows = rng.permutation(sum(works))[:queries]
    cases = [
        {
            "collection": collection,
            "head": name,
            "negative_weights": int((head.alpha < 0).sum()),
            "ways": _measure(FlatIndex(vectors, head), rows),
        }
        for collection, vectors in collections.items()
        for name, head in heads.items()
    ]
    return {"performances": sum(works), "queries": len(rows), "model": real.model, "cases": cases}


def rerank(flat: FlatIndex, u: NDArray[np.float32], k: int, candidates: int, *, exclude: int | None = None) -> Ranking:
    """The `k` nearest under the head among the `candidates` rows with the largest cosine similarity.

    The same FAISS index finds these with ``q' = [u, 0]``. Quicker than the exact search only with a sublinear index.
    """
    u = checked_query(u, k, flat.vectors.shape[1])
    rows, _ = flat._search(np.append(u, np.float32(0)), min(candidates + (exclude is not None), len(flat)))
    kept = rows[rows != exclude][:candidates] if exclude is not None else rows
    return ranked(kept, flat.head.distances(u, flat.vectors[kept]), k)


def _measure(flat: FlatIndex, rows: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    everything = len(flat) - 1

    def answer(way: str, row: int) -> Ranking:
        if way == EXACT:
            return flat.rank(flat.vectors[row], TOP, exclude=row)
        candidates = everything if way == ALL else min(int(way), everything)
        return rerank(flat, flat.vectors[row], TOP, candidates, exclude=row)

    ways = (EXACT, *map(str, CANDIDATES), ALL)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    found = dict.fromkeys(ways, 0)
    wanted = 0
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK].tolist()
        truth = {row: _truth(flat, row) for row in block}
        wanted += sum(map(len, truth.values()))
        for way in ways:
            for row in block:
                started = time.perf_counter()
                came = answer(way, row)
                seconds[way].append(time.perf_counter() - started)
                found[way] += len(truth[row] & set(came.rows.tolist()))
    return {way: {"recall_at_10": found[way] / wanted, "p50_ms": 1000 * float(np.median(seconds[way]))} for way in ways}


def _truth(flat: FlatIndex, row: int) -> set[int]:
    """The first ten by brute force, the query left out."""
    ranked = rank_all(flat.vectors[row], flat.vectors, flat.head)
    return set(ranked[ranked != row][:TOP].tolist())


def markdown(result: Mapping[str, Any]) -> str:
    """The study as a Markdown table, with what it says below."""
    ways = list(result["cases"][0]["ways"])
    titles = [way if way in (EXACT, ALL) else f"N = {way}" for way in ways]
    lines = [
        f"| vectors | head | α < 0 | {' | '.join(titles)} |",
        f"|---|---|---:|{'---:|' * len(ways)}",
    ]
    for case in result["cases"]:
        cells = [f"{way['recall_at_10']:.3f} · {way['p50_ms']:.2f} ms" for way in case["ways"].values()]
        lines.append(
            f"| {case['collection']} | {case['head']} | {case['negative_weights']} | {' | '.join(cells)} |",
        )
    size = f"{result['performances']:,} performances, {result['queries']:,} queries a row"
    lines += [
        "",
        f"Recall@10 of the learned ranking · p50 of a search inside a process, one thread; {size}.",
        "Exact: the default. N: the head ranks only the N nearest by cosine .",
    ]
    return "\n".join(lines) + "\n"
