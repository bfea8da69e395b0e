"""The example table of ``docs/score.md``, from the results of ``benchmarks.score``."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.provenance import RESULTS

FIGURES = {
    "MR1": ("mr1", ".1f"),
    "median": ("median_rank", "g"),
    "MRR": ("mrr", ".3f"),
    "P@1": ("precision@1", ".3f"),
    "R@10": ("recall@10", ".3f"),
    "NAR": ("nar", ".4f"),
    "AUC": ("auc", ".3f"),
    "at 1 %": ("detected@0.01", ".3f"),
    "at 5 %": ("detected@0.05", ".3f"),
}


def table() -> str:
    """One row a system, then the differences of MAP, in Markdown."""
    found = json.loads((RESULTS / "score.json").read_text(encoding="utf-8"))["sample"]
    lines = [f"| | MAP [95 % CI] | {' | '.join(FIGURES)} |", f"|---|---|{'---:|' * len(FIGURES)}"]
    lines += [_row(system) for system in found["systems"]]
    lines += ["", "| MAP of | less that of | difference [95 % CI] | p, Holm |", "|---|---|---|---:|"]
    for one in found["differences"]:
        low, high = one["ci"]
        cells = (one["first"], one["second"], f"{one['value']:+.3f} [{low:+.3f}, {high:+.3f}]", f"{one['p_holm']:.4f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _row(system: dict[str, Any]) -> str:
    figures = system["figures"]
    (low, high), value = figures["map"]["ci"], figures["map"]["value"]
    cells = (f"{figures[key]['value']:{form}}" for key, form in FIGURES.values())
    return f"| {system['name']} | {value:.3f} [{low:.3f}, {high:.3f}] | {' | '.join(cells)} |"
