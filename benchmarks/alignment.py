"""What scoring an alignment costs, and how near the scores are to others': ``python -m benchmarks.alignment``.

covsearch.ranking.scores beside plain NumPy in float64 and, where it is installed, essentia, at three frame rates. Ten
queries meet ten candidates, all of 4 minutes, made of the bundled sample: a query plays some tunes one after the
other, its cover among the candidates plays other versions of them. The ways take turns, query by query, and the best
of some rounds counts; times are CPU time on one thread. covsearch and NumPy align the second best key too where it is
close, essentia the best alone; its scores are held against covsearch's of the best key alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.hdf5 import read_chroma
from covsearch.dataset.sample import sample_root
from covsearch.evaluate.retrieval_baselines import slow_frames
from covsearch.features.augment import rotate_key
from covsearch.features.frames import means_of, unit_norm
from covsearch.ranking.alignment import CLOSE, ESSENTIA, NEAREST
from covsearch.ranking.scores import qmax_scores, warm

QUERY, CANDIDATE = 645, 600  # frames at 2.69 a second: 4 minutes
SETTINGS = ((0.90, 3, 3), (1.35, 2, 5), (2.69, 1, 9))  # frames/s, block, span
GOALS = {0.90: 0.6, 2.69: 6.0}  # ms a pair on an idle core
OURS, PLAIN, OTHER = "covsearch", "NumPy", "essentia"
COLD = """
import time
from covsearch.ranking.scores import warm
started = time.perf_counter()
warm()
print(time.perf_counter() - started)
"""

Frames = NDArray[np.float32]
Score = Callable[[Frames, Sequence[Frames]], NDArray[np.float64]]


def medleys(count: int, seed: int) -> tuple[list[Frames], list[Frames]]:
    """Queries and candidates of 4 minutes at 2.69 frames/s in unit frames; those of one place play the same tunes."""
    dataset = open_dataset(sample_root(), ("hpcp",))
    works: dict[str | None, list[str]] = {}
    for pid, performance in dataset.performances.items():
        works.setdefault(performance.wid, []).append(pid)
    several = [pids for pids in works.values() if len(pids) > 1]
    rng = np.random.default_rng(seed)

    def read(pid: str) -> Frames:
        path, wid = dataset.files[pid]["hpcp"], dataset.performances[pid].wid
        return slow_frames(read_chroma(path, "hpcp", pid=pid, wid=wid, root=dataset.root), dataset.frame_rate)

    made: tuple[list[Frames], list[Frames]] = ([], [])
    for _ in range(count):
        tunes = rng.permutation(len(several))[:30].tolist()  # far more than fill 4 minutes
        for side, (tracks, frames) in enumerate(zip(made, (QUERY, CANDIDATE), strict=True)):
            tracks.append(np.concatenate([read(several[k][side]) for k in tunes])[:frames])
    return made


def plain_qmax(a: Frames, b: Frames, span: int) -> float:
    """Qmax of two tracks in float64, by whole-array NumPy, in the keys that covsearch aligns."""
    x, y = (unit_norm(np.asarray(one, np.float64)) for one in (a, b))
    fits = np.array([x.sum(axis=0) @ rotate_key(y, -key).sum(axis=0) for key in range(12)])
    best, second = np.argsort(-fits)[:2].tolist()
    keys = [best, second] if fits[best] - fits[second] <= CLOSE * (fits[best] - fits.mean()) else [best]
    return max(_plain_in_key(x, rotate_key(y, -key), span) for key in keys)


def _plain_in_key(x: NDArray[Any], y: NDArray[Any], span: int) -> float:
    single, rows, columns = x @ y.T, len(x) - span + 1, len(y) - span + 1
    similarity = np.sum([single[k : k + rows, k : k + columns] for k in range(span)], axis=0)
    across, down = (max(1, round(NEAREST * size)) for size in (columns, rows))
    by_row = np.partition(similarity, columns - across - 1, axis=1)[:, columns - across - 1, None]
    by_column = np.partition(similarity, rows - down - 1, axis=0)[None, rows - down - 1]
    matches = (similarity > by_row) & (similarity > by_column)
    score, gap = np.zeros((rows + 2, columns + 2)), np.zeros((rows + 2, columns + 2))
    for i in range(2, rows + 2):
        before, spent = ((m[i - 1, 1:-1], m[i - 1, :-2], m[i - 2, 1:-1]) for m in (score, gap))
        match = matches[i - 2]
        score[i, 2:] = np.where(match, np.max(before, axis=0) + 1, np.max(spent, axis=0))
        gap[i, 2:] = np.maximum(score[i, 2:] - np.where(match, ESSENTIA.onset, ESSENTIA.extension), 0)
    return float(score.max())


def ways(span: int) -> dict[str, Score]:
    """Each way from a query and candidates to scores; essentia where it is installed."""
    found: dict[str, Score] = {
        OURS: lambda query, candidates: qmax_scores(query, candidates, span=span, threads=1).scores,
        PLAIN: lambda query, candidates: np.array([plain_qmax(query, one, span) for one in candidates]),
    }
    try:
        import essentia
    except ImportError:
        return found
    essentia.log.infoActive = False
    import essentia.standard as standard

    stack = standard.ChromaCrossSimilarity(
        frameStackSize=span, frameStackStride=1, binarizePercentile=NEAREST, oti=True, noti=12
    )
    qmax = standard.CoverSongSimilarity(
        alignmentType="serra09", disOnset=ESSENTIA.onset, disExtension=ESSENTIA.extension, distanceType="symmetric"
    )
    found[OTHER] = lambda query, candidates: np.array([float(qmax(stack(query, one))[1]) for one in candidates])
    return found


def compare_at(
    rate: float, block: int, span: int, tracks: tuple[list[Frames], list[Frames]], rounds: int
) -> list[dict[str, Any]]:
    """One row a way: milliseconds a pair, how many times covsearch's, and how near its scores come."""
    queries, candidates = ([unit_norm(means_of(one, block)) for one in side] for side in tracks)
    all_ways = ways(span)
    seconds = {name: np.full((len(queries), rounds), np.inf) for name in all_ways}
    scores = {name: np.empty((len(queries), len(candidates))) for name in all_ways}
    for k in range(rounds):
        for q, query in enumerate(queries):
            for name, score in all_ways.items():
                started = time.thread_time()
                scores[name][q] = score(query, candidates)
                seconds[name][q, k] = time.thread_time() - started
    ms = {name: 1000 * float(taken.min(axis=1).mean()) / len(candidates) for name, taken in seconds.items()}
    best_key = np.stack([qmax_scores(one, candidates, span=span, close=0).scores for one in queries])
    return [
        {
            "frames_per_s": rate,
            "span": span,
            "frames": [len(queries[0]), len(candidates[0])],
            "way": name,
            "ms_a_pair": round(ms[name], 4),
            "times_covsearch": round(ms[name] / ms[OURS], 2),
            **agreement(best_key if name == OTHER else scores[OURS], scores[name]),
        }
        for name in all_ways
    ]


def agreement(ours: NDArray[np.float64], others: NDArray[np.float64]) -> dict[str, Any]:
    """Median relative difference of scores (Q, C), the share that is equal, and their correlation."""
    difference = np.abs(ours - others) / np.maximum(others, 0.5)
    return {
        "pairs": ours.size,
        "median_difference": round(float(np.median(difference)), 5),
        "equal": round(float(np.mean(ours == others)), 3),
        "correlation": round(float(np.corrcoef(ours.ravel(), others.ravel())[0, 1]), 5),
    }


def first_call() -> dict[str, float]:
    """Seconds of :func:`covsearch.ranking.scores.warm` in a new process without, then with numba's cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        run = [sys.executable, "-c", COLD]
        cold, cached = (
            float(subprocess.run(run, env=environment, check=True, capture_output=True, text=True).stdout)
            for _ in range(2)
        )
    return {"compiling_s": round(cold, 2), "cached_s": round(cached, 2)}


def markdown(result: dict[str, Any]) -> str:
    """One row a rate and way."""
    lines = [
        "| frames/s | span | frames | way | ms a pair | times covsearch | median difference | equal | correlation |",
        "|---:|---:|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        frames = " × ".join(map(str, row["frames"]))
        near = f"{row['median_difference']:.2%} | {row['equal']:.0%} | {row['correlation']:.4f}"
        lines.append(
            f"| {row['frames_per_s']:.2f} | {row['span']} | {frames} | {row['way']} | {row['ms_a_pair']:.3f} | "
            f"{row['times_covsearch']:.1f} | {'| |' if row['way'] == OURS else near} |"
        )
    first = result["first_call"]
    pairs, rounds = result["rows"][0]["pairs"], result["rounds"]
    return "\n".join(lines) + (
        f"\n\n{pairs} pairs of 4 minutes, CPU time on one thread, best of {rounds} rounds. covsearch and NumPy align\n"
        "the second best key too where it is close, essentia the best alone. Differences, the share of equal scores\n"
        "and the correlation are to covsearch's scores of the same keys.\n"
        f"The first call compiles: {first['compiling_s']:.1f} s, and {first['cached_s']:.1f} s with numba's cache.\n"
    )


def main() -> None:
    """Measure, print and write ``benchmarks/results/alignment.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=10, help="queries, and candidates of each [10]")
    parser.add_argument("--rounds", type=int, default=5, help="of every way [5]")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warm()
    tracks = medleys(args.tracks, args.seed)
    rows = [row for setting in SETTINGS for row in compare_at(*setting, tracks, args.rounds)]
    result = {
        "provenance": provenance("alignment", args.seed),
        "rounds": args.rounds,
        "first_call": first_call(),
        "rows": rows,
    }
    write_table(RESULTS / "alignment.json", result, markdown(result))


if __name__ == "__main__":
    main()
