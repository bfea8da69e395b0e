"""The README's table of what was found, from the results of ``eval_pairs`` and ``retrieval``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.provenance import RESULTS

BASELINES = ("mean chroma", "2D-FTM")
HEADER = """\
| collection | | the report's CNN, as bundled | mean chroma, best of 12 keys | 2D-FTM |
|---|---|---|---|---|
"""


def table() -> str:
    """One row of AUC over all held-out pairs and one of MAP a collection, in Markdown."""
    pairs = {run["subset"]: run for run in _runs("eval_pairs") if run["kind"] == "all"}
    rankings = {run["subset"]: run for run in _runs("retrieval") if run["collection"] in {run["subset"], "sample, all"}}
    lines = []
    for subset, run in rankings.items():
        model, mean, *_ = (_cell(s["auc"], s["ci"]) for s in pairs[subset]["systems"])
        lines.append(f"| {subset} | AUC | {model} | {mean} | |\n")
        found = {s["name"]: _cell(s["map"], s["map_ci"]) for s in run["systems"]}
        lines.append(f"| | MAP | {' | '.join(found[name] for name in (run['reference'], *BASELINES))} |\n")
    return HEADER + "".join(lines)


def _runs(name: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads((RESULTS / f"{name}.json").read_text())["runs"]
    return runs


def _cell(value: float, interval: Sequence[float]) -> str:
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"
