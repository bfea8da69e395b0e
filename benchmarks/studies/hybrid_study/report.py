"""The study as Markdown: tables, and the answer in sentences made from the numbers."""

from __future__ import annotations

from typing import Any

from benchmarks.studies.hybrid_study.runs import CNN
from covsearch.evaluate.significance import holm

FEWEST = 3  # seeds from which on a spread is told: of two, Student's t makes an interval wider than any AUC is
NOTES = """
Mean ± standard deviation over seeds [95 % interval of the mean, Student's t]. Of fewer than {fewest} seeds neither
intervals nor p are told. Within a seed all models have the same
split by works, training, validation and test pairs. A seed draws them all from one collection, so that seeds share
works and t is somewhat too sure of itself; a collection that ships its split (the sample) keeps it in every seed, and
only non-covers, initial weights and order differ. Every track has at most {frames} frames; the report has 2,000, which
`--frames 2000` is.

`calibrated`: at the threshold that is right most often on validation pairs. `real`: covers80_dev, 87 recordings that no
model has heard. Roughness: mean absolute second difference of the validation curve from epoch 4 on, of accuracy and of
loss; a smoother curve has less. Differences are to the CNN, paired over seeds; p of the paired t test, Holm: for as
many models as are compared; Wilcoxon's p cannot be below 2 / 2^seeds. `detectable`: the least true difference in AUC
that this t test would find at 5 % with probability 0.8, were the seeds to differ as much as they do. Within seeds: in
how many of them the 95 % interval of the difference, by a bootstrap over works, is above or below zero. CPU seconds of
a training and milliseconds a track of {frames} frames, on a machine that did other work: read them as ratios.
"""


def markdown(result: dict[str, Any]) -> str:
    """A section a collection, and what the columns mean."""
    parts = [_section(name, found) for name, found in result["collections"].items()]
    return "\n".join([*parts, NOTES.format(frames=result["frames"], fewest=FEWEST).lstrip("\n")])


def _section(name: str, found: dict[str, Any]) -> str:
    pairs = " / ".join(f"{n:,}" for n in found["pairs"].values())
    lines = [f"## {name}", "", f"{pairs} pairs to train, validate and test.", "", *_models(found["models"])]
    if found["differences"]:
        lines += ["", *_differences(found["differences"]), "", answer(found)]
    return "\n".join(lines) + "\n"


def _models(models: dict[str, Any]) -> list[str]:
    lines = [
        "| model | seeds | AUC | accuracy at 0.5 | calibrated | real AUC | real MAP | roughness | of loss | parameters "
        "| train, CPU s | embed, ms |",
        "|---|---:|---|---|---|---|---|---|---|---:|---:|---:|",
    ]
    for name, m in models.items():
        cells = [_mean(m["auc"], interval=m["seeds"] >= FEWEST)]
        cells += [_mean(m.get(key)) for key in ("accuracy", "accuracy_calibrated", "real_auc", "real_map")]
        cells += [_mean(m[key], digits=4) for key in ("accuracy_roughness", "loss_roughness")]
        cells += [f"{m['parameters']:,}"]
        cells += [f"{m['train_cpu_seconds']:.0f}", f"{m['embed_cpu_ms']:.2f}"]
        lines.append(f"| {name} | {m['seeds']} | {' | '.join(cells)} |")
    return lines


def _mean(value: dict[str, float] | None, *, interval: bool = False, digits: int = 3) -> str:
    if value is None:
        return ""
    text = f"{value['mean']:.{digits}f} ± {value['std']:.{digits}f}"
    return text + (f" [{value['low']:.{digits}f}, {value['high']:.{digits}f}]" if interval else "")


def _differences(differences: dict[str, Any]) -> list[str]:
    lines = [
        f"| less {CNN} | AUC | p (Holm) | Wilcoxon | detectable | within seeds | calibrated accuracy | p | real AUC "
        "| p | roughness | p | of loss | p |",
        "|---|---|---:|---:|---:|---|---|---:|---|---:|---|---:|---|---:|",
    ]
    adjusted = _adjusted(differences)
    for name, d in differences.items():
        above = sum(w["low"] > 0 for w in d["within_seed"])
        below = sum(w["high"] < 0 for w in d["within_seed"])
        auc, told = d["auc"], name in adjusted
        cells = [_signed(auc, told), "", "", ""]
        if told:
            cells[1:] = f"{auc['p']:.3f} ({adjusted[name]:.3f})", f"{auc['p_wilcoxon']:.3f}", _detectable(auc)
        cells.append(f"{above} above, {below} below of {d['seeds']}")
        for key in ("accuracy_calibrated", "real_auc", "accuracy_roughness", "loss_roughness"):
            cells += [_signed(d[key], told), f"{d[key]['p']:.3f}" if told else ""] if key in d else ["", ""]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _adjusted(differences: dict[str, Any]) -> dict[str, float]:
    """Holm's p of the AUC's differences that enough seeds tell of."""
    enough = {name: d["auc"]["p"] for name, d in differences.items() if d["seeds"] >= FEWEST}
    return dict(zip(enough, holm(list(enough.values())), strict=True)) if enough else {}


def _signed(value: dict[str, float], interval: bool) -> str:
    return f"{value['mean']:+.3f}" + (f" [{value['low']:+.3f}, {value['high']:+.3f}]" if interval else "")


def _detectable(auc: dict[str, float]) -> str:
    return f"{auc['detectable']:.3f}" if auc["detectable"] < 1 else "none"


def answer(found: dict[str, Any]) -> str:
    """Which models are told from the CNN by AUC after Holm's adjustment, and what could have been found."""
    differences = found["differences"]
    adjusted = _adjusted(differences)
    if not adjusted:
        return f"So few seeds cannot tell any model from the CNN: at least {FEWEST} are needed."
    said = []
    for word, sign in (("better", 1), ("worse", -1)):
        names = [
            f"{name} ({differences[name]['auc']['mean']:+.3f}, p = {p:.3f})"
            for name, p in adjusted.items()
            if p < 0.05 and differences[name]["auc"]["mean"] * sign > 0
        ]
        if names:
            said.append(f"{word} than the CNN in AUC: {', '.join(names)}")
    least = max(differences[name]["auc"]["detectable"] for name in adjusted)
    which = f"A true difference of {least:.3f}" if least < 1 else "No true difference"
    verdict = "; ".join(said) if said else "no model can be told from the CNN by AUC"
    return (
        f"After Holm's adjustment, {verdict}. {which} would have been found with probability 0.8 in every comparison."
    )
