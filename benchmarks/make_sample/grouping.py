"""Which settings are versions of one work, and which works are safe to tell apart. The rule, in full:

1. *Titles* agree when their normalised words are equal (tunes: `titles.normalised`), or when the first 12 letters of
   their first line or hymn title are equal (chorales).
2. *Versions*: two settings of one kind whose melodies align (`alignment.similarity`) at 0.60 or more, or at 0.53
   (chorales) or 0.40 (tunes) where the titles agree too. A work is a connected component of that relation.
   Unrelated melodies reach 0.35 (tunes, about 100 notes) or 0.53 (chorales, half as long) about once in 10,000 pairs.
3. *Duplicates*: of settings in one work whose notes coincide after transposition (the same onsets, durations and
   pitches in every part, at 90 % or more of the notes of the fuller one), the first by source id stays. So do the
   first of several forms of one BWV number (``248.64-6``, ``248.64-s``).
4. *Doubt*: where settings of two different works still align at 0.53 (chorales) or 0.35 (tunes) or more, the smaller
   work is left out, so that no work in the sample is another one in disguise and none leaks across the split.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from benchmarks.make_sample.alignment import similarity
from benchmarks.make_sample.titles import normalised
from covsearch.synthesis.setting import Setting

SAME_MELODY = 0.60
SAME_TITLE_TOO = {"chorale": 0.53, "tune": 0.40}
DOUBT = {"chorale": 0.53, "tune": 0.35}
DUPLICATE = 0.90
_LETTERS = 12
_SHARED = 8


@dataclass(frozen=True)
class Pair:
    """Two settings that align at `score`; the first goes up by `shift` semitones (0-11) to meet the second."""

    first: str
    second: str
    score: float
    shift: int


@dataclass(frozen=True)
class Work:
    """The settings of one tune, sorted by source id."""

    settings: tuple[Setting, ...]

    @property
    def kind(self) -> str:
        """``chorale`` or ``tune``."""
        return self.settings[0].kind


def title_keys(setting: Setting) -> set[str]:
    """What two settings must share for their titles to agree."""
    if setting.kind == "tune":
        return {key for title in setting.titles if (key := normalised(title))}
    lines = [*setting.titles, setting.lyric]
    letters = [re.sub(r"\W|\d", "", line.lower())[:_LETTERS] for line in lines]
    return {key for key in letters if len(key) >= 8}


def same_title_pairs(settings: list[Setting]) -> list[Pair]:
    """Alignments of all pairs whose titles agree."""
    rows = defaultdict(list)
    for setting in settings:
        for key in title_keys(setting):
            rows[key].append(setting)
    found = {(a.source_id, b.source_id): (a, b) for group in rows.values() for a, b in combinations(group, 2)}
    return [_align(a, [b])[0] for a, b in found.values() if a.source_id != b.source_id]


def likely_pairs(settings: list[Setting]) -> list[Pair]:
    """Alignments of the pairs that share `_SHARED` different runs of six intervals or more, whatever their titles."""
    holders = defaultdict(list)
    for index, setting in enumerate(settings):
        steps = tuple(b - a for a, b in zip(setting.pitches, setting.pitches[1:], strict=False))
        for gram in {steps[start : start + 6] for start in range(len(steps) - 5)}:
            holders[gram].append(index)
    shared = Counter(pair for group in holders.values() if len(group) <= 60 for pair in combinations(group, 2))
    partners = defaultdict(list)
    for (first, second), count in sorted(shared.items()):
        if count >= _SHARED:
            partners[first].append(settings[second])
    return [pair for first, others in partners.items() for pair in _align(settings[first], others)]


def all_pairs(settings: list[Setting], least: float) -> list[Pair]:
    """All pairs that align at `least` or more, among settings of one kind."""
    pairs: list[Pair] = []
    for kind in sorted({setting.kind for setting in settings}):
        chosen = [setting for setting in settings if setting.kind == kind]
        for index, setting in enumerate(chosen[:-1]):
            pairs += [pair for pair in _align(setting, chosen[index + 1 :]) if pair.score >= least]
    return pairs


def _align(setting: Setting, others: list[Setting]) -> list[Pair]:
    scores, shifts = similarity(setting.pitches, [other.pitches for other in others])
    return [
        Pair(setting.source_id, other.source_id, float(score), int(shift))
        for other, score, shift in zip(others, scores, shifts, strict=True)
    ]


def are_versions(pair: Pair, first: Setting, second: Setting) -> bool:
    """Rule 2."""
    if pair.score >= SAME_MELODY:
        return True
    return pair.score >= SAME_TITLE_TOO[first.kind] and bool(title_keys(first) & title_keys(second))


def group(settings: list[Setting], pairs: Iterable[Pair]) -> list[Work]:
    """Connected components of rule 2, singles among them, sorted by their first source id."""
    by_id = {setting.source_id: setting for setting in settings}
    root = {source_id: source_id for source_id in by_id}

    def find(source_id: str) -> str:
        while root[source_id] != source_id:
            source_id = root[source_id]
        return source_id

    for pair in pairs:
        if are_versions(pair, by_id[pair.first], by_id[pair.second]):
            first, second = sorted((find(pair.first), find(pair.second)))
            root[second] = first
    members = defaultdict(list)
    for source_id in sorted(by_id):
        members[find(source_id)].append(by_id[source_id])
    return [Work(tuple(members[key])) for key in sorted(members)]


def without_duplicates(work: Work) -> tuple[Work, list[tuple[str, str]]]:
    """Rule 3: the work, and (dropped, kept) pairs of source ids."""
    kept: list[Setting] = []
    dropped = []
    for setting in work.settings:
        twin = next((other for other in kept if _is_duplicate(setting, other)), None)
        if twin is None:
            kept.append(setting)
        else:
            dropped.append((setting.source_id, twin.source_id))
    return Work(tuple(kept)), dropped


def _is_duplicate(first: Setting, second: Setting) -> bool:
    return _same_form(first, second) or coincidence(first, second) >= DUPLICATE


def _same_form(first: Setting, second: Setting) -> bool:
    bare = [re.sub(r"-(s|sc|\d+c?)$", "", setting.number) for setting in (first, second)]
    return first.kind == "chorale" and bare[0] == bare[1]


def coincidence(first: Setting, second: Setting) -> float:
    """The share of notes (onset, duration, pitch; all parts) that coincide at the best transposition, 0 to 1."""
    notes = [Counter(note for part in setting.parts for note in part) for setting in (first, second)]
    mean = [sum(pitch * n for (_, _, pitch), n in one.items()) / one.total() for one in notes]
    shift = round(mean[1] - mean[0])
    best = 0
    for step in (shift - 1, shift, shift + 1):
        moved = Counter({(onset, length, pitch + step): n for (onset, length, pitch), n in notes[0].items()})
        best = max(best, (moved & notes[1]).total())
    return best / max(notes[0].total(), notes[1].total())


def in_doubt(works: list[Work], pairs: Iterable[Pair]) -> tuple[list[Work], list[tuple[str, str, float]]]:
    """Rule 4: the works that stay, and (left out, for the sake of, score), by first source ids."""
    home = {setting.source_id: index for index, work in enumerate(works) for setting in work.settings}
    size = [len(work.settings) for work in works]
    out: dict[int, tuple[str, str, float]] = {}
    for pair in sorted(pairs, key=lambda pair: (-pair.score, pair.first, pair.second)):
        if pair.first not in home or pair.second not in home:
            continue
        large, small = sorted((home[pair.first], home[pair.second]), key=lambda index: (-size[index], index))
        doubtful = pair.score >= DOUBT[works[small].kind]
        if large != small and doubtful and large not in out and small not in out:
            out[small] = (works[small].settings[0].source_id, works[large].settings[0].source_id, pair.score)
    return [work for index, work in enumerate(works) if index not in out], list(out.values())
