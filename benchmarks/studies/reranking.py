"""What is gained over one vector a track: windows by Chamfer similarity, and local scaling of hubs.

By MAP on the bundled sample's validation works, where such a choice may be made, and zero-shot on the real recordings
of ``../shared/data/covers80_dev`` where they are at hand. Every performance is compared with every other.

Run as ``python -m benchmarks.studies.reranking``; writes ``benchmarks/results/reranking.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.embedding import embed_store, embed_windows
from covsearch.evaluate.protocol import read_trained_on, searched
from covsearch.evaluate.ranks import Distances, rank_covers, retrieval_metrics
from covsearch.evaluate.retrieval_systems import head_distances
from covsearch.features.frames import seen_rate
from covsearch.features.pack import pack_cached
from covsearch.features.windows import WindowRecipe
from covsearch.index.head import Head
from covsearch.index.windows import chamfer_to_all
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.workspace import find_workspace

NEIGHBOURS = (3, 5, 10)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=bundled_checkpoint(), help="checkpoint folder [bundled]")
    checkpoint = load_checkpoint(parser.parse_args().model)
    runs = {"sample, validation works": measure(checkpoint, sample_root(), "validation")}
    if REAL.is_dir():
        runs["covers80_dev"] = measure(checkpoint, REAL, None)
    result = {"provenance": provenance("studies.reranking", None), "model": checkpoint.fingerprint, "map": runs}
    write_table(RESULTS / "reranking.json", result, markdown(checkpoint.fingerprint, runs))


def measure(checkpoint: Checkpoint, root: Path, part: str | None) -> dict[str, float]:
    """MAP of every way to rank the performances of a collection, or of a `part` of the one trained on."""
    features = checkpoint.config.features
    dataset = searched(open_dataset(root, features.names), read_trained_on(checkpoint.folder), part).dataset
    store = pack_cached(find_workspace().cache, dataset, features)
    vectors = embed_store(checkpoint, store)
    windows, cuts = embed_windows(checkpoint, store, WindowRecipe(seen_rate(features, dataset.frame_rate)))
    ways = rankings(Head(checkpoint.alpha, checkpoint.beta), vectors, window_distances(windows, cuts.first))
    return {name: retrieval_metrics(rank_covers(way, store.wids)).map for name, way in ways.items()}


def rankings(head: Head, vectors: NDArray[np.float32], chamfer: Distances) -> dict[str, Distances]:
    """Name -> distances; the vectors are (N, 128)."""
    learned = head_distances(head, vectors)

    def cosine(queries: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(1 - vectors[queries] @ vectors.T, dtype=np.float64)

    table = learned(np.arange(len(vectors)))
    hubs = {f"one vector, local scaling, k = {k}": local_scaling(table, k).__getitem__ for k in NEIGHBOURS}
    return {
        "one vector, learned head": learned,
        "one vector, cosine": cosine,
        "windows": chamfer,
        "windows and one vector, cosine": lambda queries: chamfer(queries) + cosine(queries),
        **hubs,
    }


def window_distances(vectors: NDArray[np.float32], first: NDArray[np.int64]) -> Distances:
    """One minus the Chamfer similarity of a query's windows with those of every performance, in [0, 2].

    Rows ``first[i]`` to ``first[i + 1]`` of `vectors` (M, 128) are the windows of performance i.
    """

    def distances(queries: NDArray[np.int64]) -> NDArray[np.float64]:
        own = (vectors[first[q] : first[q + 1]] for q in queries.tolist())
        return np.stack([1 - chamfer_to_all(query, vectors, first) for query in own])

    return distances


def local_scaling(table: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Squared distances (N, N), each divided by how far the k-th neighbours of both sides are: hubs move away.

    Where some are negative, the least distance between two performances is subtracted from all. The published form is
    ``1 - exp(-x)`` of this, in the same order: Zelnik-Manor, Perona, "Self-tuning spectral clustering", NIPS 2004;
    Schnitzer, Flexer, Schedl, Widmer, "Local and global scaling reduce hubs in space", JMLR 13 (2012), eq. 2.
    """
    others = table[~np.eye(len(table), dtype=np.bool_)].reshape(len(table), -1)  # without the distances to themselves
    least = min(0.0, float(others.min()))
    scale = np.maximum(np.partition(others, k - 1, axis=1)[:, k - 1] - least, 1e-12)
    scaled: NDArray[np.float64] = np.maximum(table - least, 0.0) / np.sqrt(scale[:, None] * scale)
    return scaled


def markdown(model: str, runs: dict[str, dict[str, Any]]) -> str:
    """One row a way, one column a collection."""
    lines = [f"| {model}, MAP | {' | '.join(runs)} |", f"|---|{'---:|' * len(runs)}"]
    first = next(iter(runs.values()))
    lines += [f"| {way} | {' | '.join(f'{found[way]:.3f}' for found in runs.values())} |" for way in first]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
