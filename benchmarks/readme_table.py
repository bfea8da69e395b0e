"""The README's tables of what was found, from the results of ``retrieval`` and ``hybrid_study``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.provenance import RESULTS
from covsearch.evaluate.significance import holm

SYSTEMS = {
    "invariant, covers, aligned": "**starter weights, as `covsearch query` answers**",
    "invariant, covers": "starter weights, one vector",
    "cnn, covers": "the report's CNN, same training data",
    "hybrid, covers": "the report's hybrid, same training data",
    "cnn": "the report's CNN, trained on the sample alone",
    "hybrid": "the report's hybrid, trained on the sample alone",
    "mean chroma": "mean chroma, best of 12 keys",
    "2D-FTM": "2D-FTM",
    "Qmax": "Qmax, every pair aligned",
}
RETRIEVAL = "retrieval"
COLLECTIONS = ("sample, all", "covers80_dev")
HEADER = """\
| | sample: MAP | AUC | covers80_dev: MAP | AUC | CPU s a query of 15,000 |
|---|---|---|---|---|---|
"""


def table() -> str:
    """One row a system that was measured, in Markdown."""
    result = _read(RETRIEVAL)
    runs = {run["collection"]: run for run in result["runs"]}
    found = [
        {_kind(system["name"], result["trained"]): system for system in runs[name]["systems"]} for name in COLLECTIONS
    ]
    lines = []
    for kind, title in SYSTEMS.items():
        if all(kind in systems for systems in found):
            cells = [cell for systems in found for cell in _cells(systems[kind])]
            lines.append(f"| {title} | {' | '.join(cells)} | {_seconds(found[-1][kind]['cpu_seconds'])} |\n")
    return HEADER + "".join(lines)


def _kind(name: str, trained: dict[str, Any]) -> str:
    """``invariant, covers`` of ``invariant-6fd01d9e`` that heard synthesised covers, ``aligned`` where it is that row.

    A method's name as it is.
    """
    model, comma, search = name.partition(",")
    if model not in trained:
        return name
    return model.partition("-")[0] + (", covers" if trained[model]["covers_of"] else "") + comma + search


def _cells(system: dict[str, Any]) -> tuple[str, str]:
    return _interval(system["map"], system["map_ci"]), f"{system['auc']:.3f}"


def _interval(value: float, interval: Sequence[float]) -> str:
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _seconds(cost: dict[str, Any]) -> str:
    rounded = float(f"{cost['query_at']:.1g}")
    return f"{'' if cost['measured'] else '≈ '}{rounded:g}"


def _read(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


STUDY_HEADER = """\
| | AUC | less the CNN's | p, Holm | covers80_dev: AUC | roughness | parameters |
|---|---|---|---|---|---|---|
"""


def study_table(collection: str) -> str:
    """The models of ``hybrid_study`` on one of its collections, the CNN first: means over seeds, in Markdown."""
    found = _read("hybrid_study")["collections"][collection]
    differences = found["differences"]
    adjusted = dict(zip(differences, holm([d["auc"]["p"] for d in differences.values()]), strict=True))
    lines = []
    for name, model in found["models"].items():
        cells = [_spread(model["auc"])]
        if name in differences:
            auc = differences[name]["auc"]
            cells += [f"{auc['mean']:+.3f} [{auc['low']:+.3f}, {auc['high']:+.3f}]", f"{adjusted[name]:.3f}"]
        else:
            cells += ["", ""]
        cells += [_spread(model["real_auc"]) if "real_auc" in model else ""]
        cells += [f"{model['accuracy_roughness']['mean']:.4f}", f"{model['parameters']:,}"]
        lines.append(f"| {name} | {' | '.join(cells)} |\n")
    return STUDY_HEADER + "".join(lines)


def _spread(value: dict[str, float]) -> str:
    return f"{value['mean']:.3f} ± {value['std']:.3f}"
