"""Balanced, deduplicated pairs of performances: label 0 = cover, label 1 = non-cover (report, section 3)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.counting import counted
from covsearch.dataset.splits import PARTS, Split
from covsearch.errors import ArtefactError, UsageError
from covsearch.guard.files import RefusedError, read_text

COVER, NON_COVER = 0, 1
COLUMNS = ("pid_a", "pid_b", "label", "part")
MAX_BYTES = 16 * 2**20  # of a file of pairs: 700,000, where the report has 5,000


@dataclass(frozen=True)
class Pairs:
    """Pairs of positions in a list of performances.

    Attributes
    ----------
    a, b : NDArray[int64], shape (N,)
        Positions; ``a < b`` in every pair and no pair comes twice.
    label : NDArray[int64], shape (N,)
        0 = cover, 1 = non-cover.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    label: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: NDArray[np.int64]) -> Pairs:
        """The pairs at `rows`, in that order."""
        return Pairs(self.a[rows], self.b[rows], self.label[rows])


def cover_pairs(wids: Sequence[str]) -> NDArray[np.int64]:
    """All unordered pairs of positions that share a work.

    Returns
    -------
    NDArray[int64], shape (N, 2)
        Each row ascending; rows in lexicographic order.
    """
    cliques: dict[str, list[int]] = {}
    for i, wid in enumerate(wids):
        cliques.setdefault(wid, []).append(i)
    pairs = [(a, b) for clique in cliques.values() for k, a in enumerate(clique) for b in clique[k + 1 :]]
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def balanced_pairs(wids: Sequence[str], n: int, rng: np.random.Generator) -> Pairs:
    """Draw `n` pairs without repetition, half covers and half non-covers.

    Parameters
    ----------
    wids : sequence of str
        The work of each performance.
    n : int
        Wanted pairs; with fewer than n/2 cover (or non-cover) pairs in the collection, all of those and as
        many of the other kind.
    rng : numpy.random.Generator

    Returns
    -------
    Pairs
        In random order.

    Raises
    ------
    UsageError
        When no two performances share a work, or all do.
    """
    covers = cover_pairs(wids)
    total = len(wids) * (len(wids) - 1) // 2
    half = min(n // 2, len(covers), total - len(covers))
    if half == 0:
        raise UsageError(
            f"pairs need two performances of one work and two of different works; "
            f"got {counted(len(wids), 'performance')} with {counted(len(covers), 'cover pair')}"
        )
    chosen = covers[rng.choice(len(covers), half, replace=False)]
    others = non_cover_pairs(wids, half, rng)
    order = rng.permutation(2 * half)
    both = np.concatenate([chosen, others])[order]
    label = np.repeat(np.array([COVER, NON_COVER], dtype=np.int64), half)[order]
    return Pairs(both[:, 0].copy(), both[:, 1].copy(), label)


def non_cover_pairs(wids: Sequence[str], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`n` distinct pairs of different works, each set of `n` equally likely; (n, 2), rows ascending.

    With the performances sorted by work, the partners of row i are all rows from its work's end on: one number
    counts through all pairs, and only `n` of them are ever made.
    """
    work = np.unique(np.asarray(wids), return_inverse=True)[1]
    by_work = np.argsort(work, kind="stable")
    end = np.searchsorted(work[by_work], work[by_work], side="right")  # (M,)
    first = np.concatenate([[0], np.cumsum(len(wids) - end)])  # (M + 1,)
    number = _distinct(int(first[-1]), n, rng)
    row = np.searchsorted(first, number, side="right") - 1
    partner = end[row] + number - first[row]
    return np.sort(by_work[np.stack([row, partner], axis=1)], axis=1)


def _distinct(total: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`n` distinct numbers below `total`, ascending, in O(n) memory (Generator.choice may take O(total))."""
    if 2 * n > total:
        return np.delete(np.arange(total), _distinct(total, total - n, rng))
    found = np.empty(0, dtype=np.int64)
    while len(found) < n:
        found = np.union1d(found, rng.integers(total, size=n))
    return np.sort(rng.choice(found, n, replace=False))


def pairs_by_work(wids: Sequence[str], split: Split, sizes: Mapping[str, int], seed: int) -> dict[str, Pairs]:
    """Balanced pairs of each part of a split by work: no work of one part occurs in another.

    Parameters
    ----------
    wids : sequence of str
        The work of each performance; works outside the split are left out.
    split : Split
    sizes : mapping
        Wanted pairs of ``train``, ``validation`` and ``test``.
    seed : int

    Returns
    -------
    dict
        Part name -> Pairs over positions in `wids`.
    """
    part_of = split.part_of()
    result = {}
    for k, part in enumerate(PARTS):
        members = np.array([i for i, wid in enumerate(wids) if part_of.get(wid) == part], dtype=np.int64)
        try:
            pairs = balanced_pairs([wids[i] for i in members], sizes[part], np.random.default_rng([seed, k]))
        except UsageError as e:
            raise UsageError(f"the {part} part of the split is too small: {e}") from e
        result[part] = Pairs(members[pairs.a], members[pairs.b], pairs.label)
    return result


def pairs_leaky(wids: Sequence[str], sizes: Mapping[str, int], seed: int) -> dict[str, Pairs]:
    """The report's protocol: pairs of the whole collection, cut in three, so works leak between the parts.

    When there are fewer pairs than wanted, the parts keep their proportions.
    """
    wanted = [sizes[part] for part in PARTS]
    everything = balanced_pairs(wids, sum(wanted), np.random.default_rng([seed, len(PARTS)]))
    cuts = np.round(np.cumsum([0, *wanted]) / sum(wanted) * len(everything)).astype(np.int64)
    rows = np.arange(len(everything), dtype=np.int64)
    return {part: everything.take(rows[cuts[k] : cuts[k + 1]]) for k, part in enumerate(PARTS)}


def write_pairs(path: Path, pids: Sequence[str], parts: Mapping[str, Pairs]) -> None:
    """Write pairs as CSV: ``pid_a,pid_b,label,part``, one line a pair."""
    with path.open("w", newline="", encoding="utf-8") as f:
        rows = csv.writer(f, lineterminator="\n")
        rows.writerow(COLUMNS)
        for part, pairs in parts.items():
            columns = zip(pairs.a.tolist(), pairs.b.tolist(), pairs.label.tolist(), strict=True)
            rows.writerows((pids[a], pids[b], label, part) for a, b, label in columns)


def read_pairs(path: Path, pids: Sequence[str], part: str) -> Pairs:
    """Read one part of what :func:`write_pairs` wrote, as positions in `pids`.

    Raises
    ------
    ArtefactError
        When the file is missing or malformed, or names a performance that is not in `pids`.
    """
    position = {pid: i for i, pid in enumerate(pids)}
    try:
        rows = csv.reader(io.StringIO(read_text(path, MAX_BYTES), newline=""), strict=True)
        if next(rows, []) != list(COLUMNS):
            raise RefusedError(f"its first line must be {','.join(COLUMNS)}")
        triples = [_triple(row, position) for row in rows if row[3:] == [part]]
    except KeyError as e:
        raise ArtefactError(f"{path}: {e} is not in this collection: was the checkpoint trained on another?") from e
    except (ValueError, csv.Error) as e:
        raise ArtefactError(f"{path}: expected pairs (pid_a,pid_b,label,part): {e}") from e
    a, b, label = np.array(triples, dtype=np.int64).reshape(-1, 3).T
    if len({(min(pair), max(pair)) for pair in zip(a.tolist(), b.tolist(), strict=True)}) != len(triples):
        raise ArtefactError(f"{path}: expected every pair once; some come twice in {part}")
    return Pairs(np.minimum(a, b), np.maximum(a, b), label.copy())


def _triple(row: Sequence[str], position: Mapping[str, int]) -> tuple[int, int, int]:
    a, b, label = position[row[0]], position[row[1]], row[2]
    if a == b or label not in ("0", "1"):
        raise RefusedError(f"two performances and 0 (cover) or 1 (not), not {[cell[:40] for cell in row]}")
    return a, b, int(label)
