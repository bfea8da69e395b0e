"""From settings to the works of the sample, with a record of what was left out and why."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from pathlib import Path

from benchmarks.make_sample.choose import Sizes, candidates, eligible, final, in_order, long_enough, split
from benchmarks.make_sample.grouping import (
    Pair,
    Work,
    all_pairs,
    group,
    in_doubt,
    likely_pairs,
    same_title_pairs,
    without_duplicates,
)
from benchmarks.make_sample.hymns import with_hymn_titles
from benchmarks.make_sample.progress import say
from covsearch.synthesis.setting import Setting

LEAST = 0.3
"""Weaker alignments are not recorded."""


@dataclass(frozen=True)
class Plan:
    """The sample before any audio.

    Parameters
    ----------
    works
        In order: the first is W_1.
    parts
        Work numbers of train, validation and test.
    pairs
        Alignments between settings of one kind, of 0.3 and more.
    duplicates
        (dropped, kept) source ids.
    doubted
        (left out, for the sake of, alignment), by the works' first source ids.
    """

    works: list[Work]
    parts: dict[str, list[int]]
    pairs: list[Pair]
    duplicates: list[tuple[str, str]]
    doubted: list[tuple[str, str, float]]


def plan(settings: list[Setting], work: Path, sizes: Sizes, seed: int) -> Plan:
    """Group, drop duplicates, choose, drop the doubtful, order and split."""
    settings = long_enough(with_hymn_titles(settings), seed)
    chorales = [setting for setting in settings if setting.kind == "chorale"]
    tunes = [setting for setting in settings if setting.kind == "tune"]
    say(f"{len(chorales)} chorales and {len(tunes)} tunes of 20 s or more")
    chorale_pairs = aligned(chorales, work)
    pairs = chorale_pairs + same_title_pairs(tunes) + likely_pairs(tunes)
    slim = [without_duplicates(found) for found in group(settings, pairs)]
    duplicates = [pair for _, dropped in slim for pair in dropped]
    works, doubted = in_doubt(eligible([found for found, _ in slim], settings), pairs)
    chosen = candidates(works, sizes, seed)
    pairs = chorale_pairs + aligned([tune for found in chosen for tune in found.settings if tune.kind == "tune"], work)
    works, late = in_doubt(chosen, pairs)
    works = in_order(final(works, sizes, seed), seed)
    say(f"{len(works)} works, {sum(len(found.settings) for found in works)} performances")
    return Plan(works, split(works, seed), pairs, duplicates, doubted + late)


def aligned(settings: list[Setting], work: Path) -> list[Pair]:
    """`grouping.all_pairs`, remembered in the work folder: it takes minutes."""
    settings = sorted(settings, key=lambda setting: setting.source_id)
    names = "\n".join(setting.source_id for setting in settings)
    cache = work / f"pairs-{hashlib.sha256(names.encode()).hexdigest()[:12]}.json"
    if not cache.exists():
        say(f"aligning {len(settings)} settings with each other")
        cache.write_text(json.dumps([astuple(pair) for pair in all_pairs(settings, LEAST)]), encoding="utf-8")
    return [Pair(*row) for row in json.loads(cache.read_text(encoding="utf-8"))]
