"""The README's table of what was found, from the results of ``retrieval``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.provenance import RESULTS

SYSTEMS = {
    "invariant": "**starter weights, one vector**",
    "cnn": "the report's CNN, trained on the sample",
    "hybrid": "the report's hybrid, trained on the sample",
    "mean chroma": "mean chroma, best of 12 keys",
    "2D-FTM": "2D-FTM",
    "Qmax": "Qmax, every pair aligned",
}
COLLECTIONS = ("sample, all", "covers80_dev")
HEADER = """\
| | sample: MAP | AUC | covers80_dev: MAP | AUC | CPU s a query of 15,000 |
|---|---|---|---|---|---|
"""


def table() -> str:
    """One row a system that was measured, in Markdown."""
    runs = {run["collection"]: run for run in _runs("retrieval")}
    found = [{_kind(system["name"]): system for system in runs[name]["systems"]} for name in COLLECTIONS]
    lines = []
    for kind, title in SYSTEMS.items():
        if all(kind in systems for systems in found):
            cells = [cell for systems in found for cell in _cells(systems[kind])]
            lines.append(f"| {title} | {' | '.join(cells)} | {_seconds(found[-1][kind]['cpu_seconds'])} |\n")
    return HEADER + "".join(lines)


def _kind(name: str) -> str:
    """``invariant`` of ``invariant-6fd01d9e``; a method's name as it is."""
    return name if name in SYSTEMS else name.partition("-")[0]


def _cells(system: dict[str, Any]) -> tuple[str, str]:
    return _interval(system["map"], system["map_ci"]), f"{system['auc']:.3f}"


def _interval(value: float, interval: Sequence[float]) -> str:
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _seconds(cost: dict[str, Any]) -> str:
    return f"{'' if cost['measured'] else '≈ '}{cost['query_at']:.1g}"


def _runs(name: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads((RESULTS / f"{name}.json").read_text())["runs"]
    return runs
