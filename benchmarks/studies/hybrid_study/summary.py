"""What the runs say: means over seeds, paired differences to the CNN, and what they could have shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, optimize, stats

from benchmarks.studies.hybrid_study.runs import CNN, VARIANTS
from covsearch.evaluate.bootstrap import bootstrap_over_works, percentile_interval

MEASURES = ("auc", "accuracy", "accuracy_calibrated", "real_auc", "real_map", "loss_roughness", "accuracy_roughness")
LEVEL, POWER = 0.95, 0.8
SETTLED = 3  # epochs after which a validation curve's ups and downs are counted
REPLICATES = 1000


def summarise(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Collection -> its pairs, its models' figures, and their differences to the CNN.

    Raises
    ------
    ValueError
        When runs of one seed were not asked the same pairs.
    """
    return {
        name: _collection([r for r in runs if r["collection"] == name])
        for name in sorted({r["collection"] for r in runs})
    }


def _collection(runs: list[dict[str, Any]]) -> dict[str, Any]:
    by_variant = {v: {r["seed"]: r for r in runs if r["variant"] == v} for v in VARIANTS}
    by_variant = {v: found for v, found in by_variant.items() if found}
    return {
        "pairs": runs[0]["pairs"],
        "models": {v: _model(list(found.values())) for v, found in by_variant.items()},
        "differences": {
            v: _difference(found, by_variant[CNN])
            for v, found in by_variant.items()
            if v != CNN and len(found.keys() & by_variant.get(CNN, {}).keys()) > 1
        },
    }


def _model(runs: list[dict[str, Any]]) -> dict[str, Any]:
    measures = {m: spread([measure(r, m) for r in runs]) for m in MEASURES if measure(runs[0], m) is not None}
    costs = {name: float(np.median([r[name] for r in runs])) for name in ("train_cpu_seconds", "embed_cpu_ms")}
    return {"seeds": len(runs), "parameters": runs[0]["parameters"], **costs, **measures}


def measure(run: dict[str, Any], name: str) -> Any:
    """One number of a run; None where it was not measured."""
    if name.startswith("real_"):
        return run["real"] and run["real"][name.removeprefix("real_")]
    if name.endswith("_roughness"):
        return roughness([row[name.removesuffix("_roughness")] for row in run["history"]])
    return run["test"][name]


def roughness(curve: Sequence[float]) -> float:
    """Mean absolute second difference of a curve from its fourth epoch on: 0 for a straight line, however steep."""
    bends = np.diff(np.asarray(curve[SETTLED:], dtype=np.float64), 2)
    return float(np.abs(bends).mean()) if len(bends) else 0.0


def spread(values: Iterable[float]) -> dict[str, float]:
    """Mean, standard deviation, and the 95 % interval of the mean by Student's t; one value has no spread."""
    found = np.asarray(list(values), dtype=np.float64)
    mean, n = float(found.mean()), len(found)
    std = float(found.std(ddof=1)) if n > 1 else 0.0
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * std / n**0.5 if n > 1 else 0.0
    return {"mean": mean, "std": std, "low": mean - half, "high": mean + half}


def _difference(found: dict[int, Any], cnn: dict[int, Any]) -> dict[str, Any]:
    """Paired over seeds, every measure; and within each seed the AUC's, by a bootstrap over works."""
    seeds = sorted(found.keys() & cnn.keys())
    result: dict[str, Any] = {"seeds": len(seeds)}
    for name in MEASURES:
        if measure(found[seeds[0]], name) is not None:
            result[name] = paired(np.array([measure(found[s], name) - measure(cnn[s], name) for s in seeds]))
    result["within_seed"] = [within_seed(found[s], cnn[s]) for s in seeds]
    return result


def paired(differences: NDArray[np.float64]) -> dict[str, float]:
    """Mean and 95 % interval, p of the paired t test and of Wilcoxon's, and what would have been found.

    ``detectable`` is the least true difference that the t test finds at 5 % with probability 0.8, for as many
    seeds that differ as much.
    """
    found = spread(differences.tolist())
    if found["std"] == 0:
        return {**found, "p": 1.0 if found["mean"] == 0 else 0.0, "p_wilcoxon": 1.0, "detectable": 0.0}
    return {
        **found,
        "p": float(stats.ttest_1samp(differences, 0).pvalue),
        "p_wilcoxon": float(stats.wilcoxon(differences).pvalue),
        "detectable": detectable(found["std"], len(differences)),
    }


def detectable(std: float, n: int) -> float:
    """The true difference that a two-sided paired t test at 5 % with `n` pairs finds with probability 0.8."""
    return float(optimize.brentq(lambda effect: power(effect, n) - POWER, 0.0, 30.0)) * std


def power(effect: float, n: int) -> float:
    """How often the two-sided t test at 5 % of `n` normal differences rejects a mean of `effect` standard deviations.

    The normal tails are averaged over the sample's standard deviation; scipy's noncentral t is NaN in the far tail.
    """
    freedom, shift = n - 1, effect * n**0.5
    critical = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) / freedom**0.5

    def rejected(chi: float) -> float:
        tails = stats.norm.sf(critical * chi - shift) + stats.norm.cdf(-critical * chi - shift)
        return float(stats.chi.pdf(chi, freedom) * tails)

    return float(integrate.quad(rejected, 0, freedom**0.5 + 8, limit=200)[0])


def within_seed(run: dict[str, Any], cnn: dict[str, Any]) -> dict[str, float]:
    """The AUC's difference on one seed's pairs, with its 95 % interval by a bootstrap over works."""
    test, other = run["test"], cnn["test"]
    if any(test[name] != other[name] for name in ("label", "work_a", "work_b")):
        raise ValueError(f"seed {run['seed']}: {run['variant']} and {CNN} were not asked the same pairs")
    drawn = bootstrap_over_works(
        {"model": test["scores"], CNN: other["scores"]},
        test["label"],
        test["work_a"],
        test["work_b"],
        replicates=REPLICATES,
        seed=run["seed"],
    )
    interval = percentile_interval(drawn.auc["model"] - drawn.auc[CNN])
    return {"seed": run["seed"], "difference": test["auc"] - other["auc"], "low": interval.low, "high": interval.high}
