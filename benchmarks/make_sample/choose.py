"""Choose the works of the sample, give them their ids and their part of the split."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.make_sample.grouping import Work, title_keys
from benchmarks.make_sample.performance import SHORTEST_S, assign, seconds
from covsearch.synthesis.setting import Setting

README_SETTING = "bach/bwv244.54"
"""Its work is W_14, so that P_22, the query of the README's example, belongs to it."""
README_WORK, README_PERFORMANCE = 14, 22
SHARES = {"train": 0.55, "validation": 0.15, "test": 0.30}


@dataclass(frozen=True)
class Sizes:
    """How many works of each kind the sample takes at most; chorales with several settings are all taken."""

    tunes: int = 230
    single_chorales: int = 60
    single_tunes: int = 60


def long_enough(settings: Iterable[Setting], seed: int) -> list[Setting]:
    """Those that last at least 20 s at their assigned tempo."""
    return [setting for setting in settings if seconds(setting, assign(setting, seed)) >= SHORTEST_S]


def eligible(works: list[Work], everything: list[Setting]) -> list[Work]:
    """All chorales, and those titled tunes that share no title with a setting outside their work."""
    holders = Counter(key for setting in everything if setting.kind == "tune" for key in title_keys(setting))
    kept = []
    for work in works:
        own = Counter(key for setting in work.settings for key in title_keys(setting))
        if work.kind == "chorale" or (own and all(holders[key] == count for key, count in own.items())):
            kept.append(work)
    return kept


def candidates(works: list[Work], sizes: Sizes, seed: int, spare: float = 1.5) -> list[Work]:
    """A seeded choice with `spare` times as many tunes and singles as needed: some will be left out in doubt."""
    pools = _pools(works, seed)
    return (
        pools["chorale", True]
        + pools["tune", True][: round(sizes.tunes * spare)]
        + pools["chorale", False]
        + pools["tune", False][: round(sizes.single_tunes * spare)]
    )


def final(works: list[Work], sizes: Sizes, seed: int) -> list[Work]:
    """Cut the candidates that stayed to size."""
    pools = _pools(works, seed)
    return (
        pools["chorale", True]
        + pools["tune", True][: sizes.tunes]
        + pools["chorale", False][: sizes.single_chorales]
        + pools["tune", False][: sizes.single_tunes]
    )


def _pools(works: list[Work], seed: int) -> dict[tuple[str, bool], list[Work]]:
    pools: dict[tuple[str, bool], list[Work]] = defaultdict(list)
    for work in works:
        pools[work.kind, len(work.settings) > 1].append(work)
    for pool in pools.values():
        pool.sort(key=lambda work: _draw(work, seed))
    return pools


def _draw(work: Work, seed: int) -> str:
    """A random-looking key that hangs on this work alone: leaving out one work changes no other one's place."""
    return hashlib.sha256(f"{seed}:{work.settings[0].source_id}".encode()).hexdigest()


def in_order(works: list[Work], seed: int) -> list[Work]:
    """Shuffle, with README_SETTING's work in the 14th place and enough singles and pairs before it.

    Performances are numbered through the works in order; P_22 becomes README_SETTING itself where that is possible.

    Raises
    ------
    ValueError
        if README_SETTING is not among the works, or no choice of singles and pairs gets P_22 into its work.
    """
    works = sorted(works, key=lambda work: _draw(work, seed))
    shown = next((work for work in works if any(s.source_id == README_SETTING for s in work.settings)), None)
    if shown is None:
        raise ValueError(f"expected {README_SETTING} among the works: the sample's README shows it")
    place = [setting.source_id for setting in shown.settings].index(README_SETTING)
    before = README_WORK - 1
    pairs = min(max(README_PERFORMANCE - 1 - place - before, 0), before)
    first = [work for work in works if len(work.settings) == 2 and work is not shown][:pairs]
    first += [work for work in works if len(work.settings) == 1 and work is not shown][: before - pairs]
    start = sum(len(work.settings) for work in first)
    if len(first) != before or not start < README_PERFORMANCE <= start + len(shown.settings):
        raise ValueError(
            f"cannot put P_{README_PERFORMANCE} into W_{README_WORK}: {len(first)} works, {start} performances before"
        )
    random.Random(f"{seed}:first").shuffle(first)
    chosen = {id(work) for work in [*first, shown]}
    return [*first, shown, *(work for work in works if id(work) not in chosen)]


def split(works: list[Work], seed: int) -> dict[str, list[int]]:
    """Work numbers (from 1) per part: 55, 15 and 30 % of each kind, of singles and of others; README's work in test."""
    strata: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for number, work in enumerate(works, 1):
        strata[work.kind, len(work.settings) > 1].append(number)
    parts: dict[str, list[int]] = {name: [] for name in SHARES}
    for key in sorted(strata):
        numbers = strata[key]
        random.Random(f"{seed}:split:{key}").shuffle(numbers)
        free = [number for number in numbers if number != README_WORK]
        train = round(len(numbers) * SHARES["train"])
        validation = train + round(len(numbers) * SHARES["validation"])
        parts["train"] += free[:train]
        parts["validation"] += free[train:validation]
        parts["test"] += free[validation:] + [number for number in numbers if number == README_WORK]
    return {name: sorted(numbers) for name, numbers in parts.items()}
