"""``covsearch score`` on three systems and on 15,000 performances: ``python -m benchmarks.score``.

Three systems rank the bundled sample's test works: one vector, the default query, and mean chroma. Their distances are
written to files, and judged as anybody's would be. What scikit-learn and pytorch-metric-learning make of the same
distances stands beside. Then made-up distances of Da-TACOS's size are judged from a file, for seconds and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.children import run_child
from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.evaluate.cliques import PROTOCOLS
from covsearch.evaluate.distances import cosine
from covsearch.evaluate.protocol import read_trained_on, searched
from covsearch.evaluate.retrieval_search import model_systems
from covsearch.evaluate.retrieval_systems import baseline_systems
from covsearch.evaluate.score_files import ScoreReport, score_files
from covsearch.features.pack import pack_cached
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.progress import stderr_progress
from covsearch.workspace import find_workspace

NAMES = ("one vector", "covsearch query", "mean chroma")
BACH = "Johann Sebastian Bach"  # who is said to perform every chorale of the sample, and nothing else
DIM, NOISE, BLOCK = 128, 1.5, 500
LIMIT_S = 3600.0


def main() -> None:
    """Judge everything, print and write ``benchmarks/results/score.json`` and ``.md``."""
    args = _arguments().parse_args()
    with tempfile.TemporaryDirectory(dir=args.scratch) as name:
        folder = Path(name)
        files, works = three_systems(folder)
        report = score_files(files, works)
        deviations = [against_others(path, works) for path in files]
        large = judge_large(folder, args.part, args.seed)
    sample = report.to_dict()
    for system in sample["systems"]:
        del system["by_size"], system["by_source"]  # they are in the table
    result = {"provenance": provenance("score", args.seed), "sample": sample, "large": large}
    result["deviations"] = {path.stem: one for path, one in zip(files, deviations, strict=True)}
    write_table(args.out, result, markdown(report, result))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=int, default=1, help="one in so many works of Da-TACOS's size [1: all]")
    parser.add_argument("--seed", type=int, default=0, help="of the made-up vectors")
    parser.add_argument("--scratch", type=Path, help="folder for 1 GB of distances [the system's]")
    parser.add_argument("--out", type=Path, default=RESULTS / "score.json")
    return parser


def three_systems(folder: Path) -> tuple[list[Path], Path]:
    """Write the distances (N, N) of each system, and the CSV of works; their paths."""
    checkpoint, cache = load_checkpoint(bundled_checkpoint()), find_workspace().cache
    features = checkpoint.config.features
    dataset = searched(open_dataset(sample_root(), features.names), read_trained_on(checkpoint.folder)).dataset
    with stderr_progress() as progress:
        store = pack_cached(cache, dataset, features, progress=progress)
        systems = model_systems(checkpoint, store, store.pids, dataset.frame_rate, progress=progress)
        systems += baseline_systems(["mean chroma"], dataset, store.pids, features.names[0], progress=progress)
    files = []
    for name, system in zip(NAMES, systems, strict=True):
        files.append(folder / f"{name}.npy")
        np.save(files[-1], system.distances(np.arange(len(store.pids))))
    rows = ["id,work,source"]
    for pid, wid in zip(store.pids, store.wids, strict=True):
        rows.append(f"{pid},{wid},{'chorales' if dataset.performances[pid].artist == BACH else 'tunes'}")
    (folder / "works.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return files, folder / "works.csv"


def against_others(path: Path, works: Path) -> dict[str, float]:
    """Absolute differences from scikit-learn's and pytorch-metric-learning's figures of the same file."""
    table, ours = np.load(path), score_files([path], works, replicates=1).rows[0].scored
    codes = np.array([line.split(",")[1] for line in works.read_text(encoding="utf-8").splitlines()[1:]])
    off, same = ~np.eye(len(codes), dtype=bool), codes[:, None] == codes
    queries = np.flatnonzero(same.sum(axis=1) > 1)
    precision = [average_precision_score(same[q][off[q]], -table[q][off[q]]) for q in queries.tolist()]
    theirs = neighbours_judged(table, np.unique(codes, return_inverse=True)[1])
    return {
        "sklearn_map": abs(ours["map"].value - float(np.mean(precision))),
        "sklearn_auc": abs(ours["auc"].value - float(roc_auc_score(same[off], -table[off]))),
        **{f"pml_{name}": abs(ours[name].value - value) for name, value in theirs.items()},
    }


def neighbours_judged(table: NDArray[np.float64], codes: NDArray[np.int64]) -> dict[str, float]:
    """What pytorch-metric-learning's calculator says of distances (N, N), through its interface for neighbours."""
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    itself = table.copy()
    np.fill_diagonal(itself, -np.inf)  # it drops the first neighbour as the query

    def nearest(query: object, k: int, reference: object, ref_includes_query: bool) -> tuple[Any, Any]:
        order = np.argsort(itself, axis=1, kind="stable")[:, 1 : k + 1]
        return torch.from_numpy(np.take_along_axis(table, order, axis=1)), torch.from_numpy(order)

    names = {"mean_average_precision": "map", "precision_at_1": "precision@1", "mean_reciprocal_rank": "mrr"}
    calculator = AccuracyCalculator(
        include=tuple(names), k=len(codes) - 1, knn_func=nearest, device=torch.device("cpu")
    )
    found = calculator.get_accuracy(torch.zeros(len(codes), 1, dtype=torch.float64), torch.from_numpy(codes))
    return {ours: float(found[theirs]) for theirs, ours in names.items()}


def judge_large(folder: Path, part: int, seed: int) -> list[dict[str, Any]]:
    """Seconds and memory of ``covsearch score`` on files of made-up distances, and on the vectors themselves."""
    sizes = [size for size, count in PROTOCOLS["datacos"].items() for _ in range(count // part)]
    work = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((len(sizes), DIM))[work] + NOISE * rng.standard_normal((len(work), DIM))
    np.save(folder / "vectors.npy", vectors.astype(np.float32))
    distances, mapped = cosine(vectors), open_memmap(folder / "made up.npy", "w+", np.float32, (len(work), len(work)))
    for k in range(0, len(work), BLOCK):
        mapped[k : k + BLOCK] = distances(np.arange(k, min(k + BLOCK, len(work))))
    mapped.flush()
    del mapped
    (folder / "large.csv").write_text("work\n" + "\n".join(f"W_{one}" for one in work.tolist()), encoding="utf-8")
    more = ["--protocol", "datacos"] if part == 1 else []
    return [
        _timed(folder / "made up.npy", folder / "large.csv", more),
        _timed(folder / "vectors.npy", folder / "large.csv", [*more, "--metric", "cosine"]),
    ]


def _timed(path: Path, works: Path, more: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "covsearch", "score", str(path), "--works", str(works), *more, "--json"]
    load, done = os.getloadavg()[0], run_child(command, limit_s=LIMIT_S)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output[done.output.index("{") :])["systems"][0]
    shown = ["covsearch", "score", f"'{path.name}'", "--works", works.name, *more]
    return {
        "command": " ".join(shown),
        "file_mb": round(path.stat().st_size / 2**20),
        "performances": told["performances"],
        "queries": told["queries"],
        "map": told["figures"]["map"]["value"],
        "seconds": round(done.seconds, 1),
        "peak_mb": done.peak_mb,
        "load_1min_before": round(load, 1),
    }


def markdown(report: ScoreReport, result: dict[str, Any]) -> str:
    """The sample's tables, the deviations, and the large files."""
    lines = [f"The sample's test works: {report.heading}.", ""]
    lines += _table(report.columns, [row.row() for row in report.rows])
    lines += _table(("queries of", "system", *report.group_columns), report.group_rows())
    lines += _table(
        ("MAP of", "less that of", "difference [95 % CI]", "p", "p, Holm"), [one.row() for one in report.differences]
    )
    names = list(next(iter(result["deviations"].values())))
    lines += ["Absolute differences from scikit-learn (sklearn) and pytorch-metric-learning (pml):", ""]
    told = [(system, *(f"{one[name]:.0e}" for name in names)) for system, one in result["deviations"].items()]
    lines += _table(("system", *names), told)
    columns = ("command", "file_mb", "performances", "queries", "seconds", "peak_mb", "load_1min_before")
    lines += _table(columns, [tuple(str(one[name]) for name in columns) for one in result["large"]])
    return "\n".join([*lines, *EXPLAINED]) + "\n"


EXPLAINED = (
    "Every figure is defined in docs/score.md. Seconds on the clock with one thread, on a machine that did other work:",
    "the load is the number of processes that were ready to run. Peak: the largest resident memory, which of a mapped",
    "file counts the pages that the system may drop at any time.",
)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", f"|---|{'---:|' * (len(columns) - 1)}"]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows), ""]


if __name__ == "__main__":
    main()
