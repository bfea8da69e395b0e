"""The numbers that the sample's README gives."""

from __future__ import annotations

from math import comb

from benchmarks.make_sample.grouping import Pair
from benchmarks.make_sample.plan import Plan


def counts(found: Plan) -> dict[str, int | float]:
    """Works, performances and cover pairs, by kind and by part; the highest alignments between works."""
    inside, across = _inside_and_across(found)
    return {
        "works": len(found.works),
        "multi": sum(len(work.settings) > 1 for work in found.works),
        "singles": sum(len(work.settings) == 1 for work in found.works),
        "performances": sum(len(work.settings) for work in found.works),
        "chorale works": sum(work.kind == "chorale" for work in found.works),
        "tune works": sum(work.kind == "tune" for work in found.works),
        "chorales": sum(len(work.settings) for work in found.works if work.kind == "chorale"),
        "tunes": sum(len(work.settings) for work in found.works if work.kind == "tune"),
        "pairs": sum(comb(len(work.settings), 2) for work in found.works),
        "transposed": sum(pair.shift != 0 for pair in inside),
        "largest clique": max(len(work.settings) for work in found.works),
        **{f"pairs {name}": _pairs_of(found, numbers) for name, numbers in found.parts.items()},
        **{f"highest {kind}": _highest(found, across, kind) for kind in ("chorale", "tune")},
    }


def _inside_and_across(found: Plan) -> tuple[list[Pair], list[Pair]]:
    """Recorded pairs within one work, and those between two works of the sample."""
    home = {setting.source_id: number for number, work in enumerate(found.works, 1) for setting in work.settings}
    known = [pair for pair in found.pairs if pair.first in home and pair.second in home]
    inside = [pair for pair in known if home[pair.first] == home[pair.second]]
    return inside, [pair for pair in known if home[pair.first] != home[pair.second]]


def _pairs_of(found: Plan, numbers: list[int]) -> int:
    return sum(comb(len(found.works[number - 1].settings), 2) for number in numbers)


def _highest(found: Plan, across: list[Pair], kind: str) -> float:
    members = {setting.source_id for work in found.works if work.kind == kind for setting in work.settings}
    return round(max((pair.score for pair in across if pair.first in members), default=0.0), 2)
