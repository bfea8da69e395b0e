"""What the learned aligner adds: MAP of vector, Qmax, the network, and of their sums, on works that it never heard.

Every performance looks through all others of its part. The validation works of the bundled sample and covers of the
songs held out are what the weights of the sums are fitted by. Here they are fitted five times without a fifth of the
works, and judged on that fifth. Elsewhere they are those that the package comes with. Intervals: 95 %, by the bootstrap
over works, differences paired.

Run as ``python -m benchmarks.studies.aligner_fusion --synthesize POP909 --last``; writes
``benchmarks/results/aligner.{json,md}``. ``--last`` adds the sample's test works, ``--real`` the real recordings of
``../shared/data/covers80_dev``: nothing may be chosen there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL
from covsearch.calibrate_aligner import Scored, fit_share, score_held_out, score_part
from covsearch.dataset.pairs import COVER, NON_COVER
from covsearch.dataset.sample import sample_root
from covsearch.evaluate.bootstrap import bootstrap_means, percentile_interval
from covsearch.evaluate.metrics import auc
from covsearch.evaluate.ranks import Distances, rank_covers
from covsearch.evaluate.search_fit import fit_robust_fusion
from covsearch.progress import stderr_progress
from covsearch.ranking.fusion import Fusion
from covsearch.ranking.learned import BUNDLED, load_aligner
from covsearch.ranking.learned_fit import AlignerFit, load_fit
from covsearch.synthesis.sources import open_collections
from covsearch.workspace import find_workspace

FOLDS = 5
REPLICATES = 10_000
FUSED, ALL, LEARNED = "vector + Qmax", "vector + Qmax + network", "network alone"
DIFFERENCES = ((ALL, FUSED), (LEARNED, "vector"), (LEARNED, "Qmax"))


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aligner", type=Path, default=BUNDLED, help="folder of the network [bundled]")
    parser.add_argument("--synthesize", action="append", default=[], help="folder of MIDI files it was trained on")
    parser.add_argument("--seed", type=int, default=0, help="of the training [0]")
    parser.add_argument("--last", action="store_true", help="the sample's test works too")
    parser.add_argument("--real", action="store_true", help=f"{REAL.name} too, where it is at hand")
    args = parser.parse_args()
    aligner, fit, workspace = load_aligner(args.aligner), load_fit(args.aligner), find_workspace()
    runs: dict[str, Any] = {}
    with stderr_progress() as progress:
        collections = open_collections(args.synthesize, workspace.cache, progress)
        parts = {"sample, validation works": score_part(aligner, sample_root(), "validation", workspace, progress)}
        for name, covers in score_held_out(aligner, collections, args.seed, progress).items():
            parts[f"covers of songs of {name} held out"] = covers
        for (name, scored), fused in zip(parts.items(), cross_fitted([*parts.values()]), strict=True):
            runs[name] = judged(scored, fused)
        if args.last:
            scored = score_part(aligner, sample_root(), "test", workspace, progress)
            runs["sample, test works"] = judged(scored, fixed(scored, fit))
        if args.real and REAL.is_dir():
            scored = score_part(aligner, REAL, None, workspace, progress)
            runs["covers80_dev"] = judged(scored, fixed(scored, fit))
    result = {"provenance": provenance("studies.aligner_fusion", args.seed), "replicates": REPLICATES, "runs": runs}
    write_table(RESULTS / "aligner.json", result, markdown(runs))


def fixed(scored: Scored, fit: AlignerFit) -> dict[str, NDArray[np.float64]]:
    """The ratios (M, M) by the weights that the package comes with."""
    return {FUSED: scored.ratio, ALL: scored.together(fit.share)}


def cross_fitted(scored: Sequence[Scored], seed: int = 0) -> list[dict[str, NDArray[np.float64]]]:
    """The ratios (M, M) of every query by weights that were fitted without its work and a fifth of the others."""
    rng = np.random.default_rng(seed)
    folds = [rng.permutation(one.work.max() + 1)[one.work] % FOLDS for one in scored]
    found = [{name: np.zeros(one.head.shape) for name in (FUSED, ALL)} for one in scored]
    for k in range(FOLDS):
        first = _fit_first(scored[0], folds[0] != k)
        known = [replace(one, ratio=first.ratio(one.head, one.aligned)) for one in scored]
        share = fit_share(known, [fold != k for fold in folds])
        for ratios, one, fold in zip(found, known, folds, strict=True):
            ratios[FUSED][fold == k] = one.ratio[fold == k]
            ratios[ALL][fold == k] = one.together(share)[fold == k]
    return found


def _fit_first(scored: Scored, kept: NDArray[np.bool_]) -> Fusion:
    """Weights of head and alignment, by the performances kept."""
    rows = np.flatnonzero(kept)
    some = np.ix_(rows, rows)
    return fit_robust_fusion(scored.head[some], scored.aligned[some], scored.work[rows])


def judged(scored: Scored, fused: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """MAP, MR1 and AUC of every system, and the differences of MAP, with their intervals."""
    alike = {"vector": -scored.head, "Qmax": scored.aligned, FUSED: fused[FUSED], LEARNED: scored.learned}
    alike[ALL] = fused[ALL]
    ranks = {name: rank_covers(_distances(one), scored.work) for name, one in alike.items()}
    precision = {name: found.average_precision() for name, found in ranks.items()}
    drawn = bootstrap_means(precision, ranks[ALL].work, replicates=REPLICATES)
    a, b = np.triu_indices(len(scored.work), 1)
    label = np.where(scored.work[a] == scored.work[b], COVER, NON_COVER)
    systems = {
        name: {
            "map": round(float(precision[name].mean()), 4),
            "map_ci": _interval(drawn[name]),
            "mr1": round(float(ranks[name].first.mean()), 2),
            "auc": round(auc(-alike[name][a, b], label), 4),
        }
        for name in alike
    }
    differences = {
        f"{more} - {less}": {
            "map": round(float((precision[more] - precision[less]).mean()), 4),
            "ci": _interval(drawn[more] - drawn[less]),
        }
        for more, less in DIFFERENCES
    }
    works = len(np.unique(scored.work))
    return {"performances": len(scored.work), "works": works, "systems": systems, "differences": differences}


def _distances(alike: NDArray[np.float64]) -> Distances:
    return lambda queries: -alike[queries]


def _interval(values: NDArray[np.float64]) -> list[float]:
    found = percentile_interval(values)
    return [round(found.low, 4), round(found.high, 4)]


def markdown(runs: dict[str, Any]) -> str:
    """One table a collection."""
    lines: list[str] = []
    for name, run in runs.items():
        lines += [f"## {name}: {run['performances']} performances of {run['works']} works", ""]
        lines += ["| | MAP | 95 % | MR1 | AUC of pairs |", "|---|---:|---|---:|---:|"]
        for system, row in run["systems"].items():
            low, high = row["map_ci"]
            lines.append(
                f"| {system} | {row['map']:.3f} | {low:.3f}–{high:.3f} | {row['mr1']:.1f} | {row['auc']:.3f} |"
            )
        lines.append("")
        for what, row in run["differences"].items():
            lines.append(f"- {what}: {row['map']:+.3f} [{row['ci'][0]:+.3f}, {row['ci'][1]:+.3f}]")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
