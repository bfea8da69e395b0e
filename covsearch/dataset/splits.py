"""Which works are trained on, which choose the best epoch, which are only ever tested."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from covsearch.counting import comma_list
from covsearch.dataset.ids import is_wid, natural_key
from covsearch.errors import ArtefactError
from covsearch.guard.documents import parse_json
from covsearch.guard.files import read_text

PARTS = ("train", "validation", "test")
MAX_BYTES = 16 * 2**20
MAX_WORKS = 1_000_000


@dataclass(frozen=True)
class Split:
    """Works of a collection in three disjoint parts.

    Attributes
    ----------
    train, validation, test : tuple of str
        WIDs; no WID is in two parts.
    seed : int
        The seed it was drawn with.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        everything = [wid for part in PARTS for wid in self.part(part)]
        if len(set(everything)) != len(everything):
            twice = sorted(repr(wid) for wid, times in Counter(everything).items() if times > 1)[:3]
            raise ArtefactError(f"a split must keep every work in one part, but {comma_list(twice)} are in two")

    def part(self, name: str) -> tuple[str, ...]:
        """The WIDs of one part: ``train``, ``validation`` or ``test``."""
        works: tuple[str, ...] = getattr(self, name)
        return works

    def part_of(self) -> dict[str, str]:
        """WID -> name of its part."""
        return {wid: part for part in PARTS for wid in self.part(part)}


def draw_split(works: Sequence[str], seed: int) -> Split:
    """Draw a split of the distinct `works`: 60 % to train, 20 % to validate, 20 % to test, as in the report.

    Parameters
    ----------
    works : sequence of str
        Distinct WIDs in any order; the order does not change the split.
    seed : int
        Same seed and works, same split.
    """
    ordered = sorted(set(works), key=natural_key)
    shuffled = [ordered[i] for i in np.random.default_rng(seed).permutation(len(ordered))]
    first = round(0.6 * len(shuffled))
    second = first + round(0.2 * len(shuffled))
    parts = (shuffled[:first], shuffled[first:second], shuffled[second:])
    train, validation, test = (tuple(sorted(part, key=natural_key)) for part in parts)
    return Split(train, validation, test, seed)


def write_split(path: Path, split: Split, **about: str) -> None:
    """Write a split as JSON, with anything worth knowing `about` it beside the three lists."""
    path.write_text(json.dumps({**about, **asdict(split)}, indent=1) + "\n", encoding="utf-8")


def read_split(path: Path, root: Path | None = None) -> Split:
    """Read what :func:`write_split` wrote.

    Parameters
    ----------
    path : Path
    root : Path, optional
        A folder, its own links resolved, that the file must be in.

    Raises
    ------
    ArtefactError
        When the file is missing, is no JSON, lacks a part, or has a work in two parts.
    """
    try:
        content = parse_json(read_text(path, MAX_BYTES, root), MAX_WORKS)
        for part in PARTS:
            if not isinstance(content[part], list) or not all(map(is_wid, content[part])):
                raise TypeError(f"{part} must be an array of works like W_14")
        if type(content["seed"]) is not int:
            raise TypeError(f"seed must be a whole number, not {str(content['seed'])[:40]!r}")
        train, validation, test = (tuple(content[part]) for part in PARTS)
        return Split(train, validation, test, content["seed"])
    except (ValueError, KeyError, TypeError) as e:
        raise ArtefactError(f"{path}: expected a split (JSON with train, validation, test, seed): {e!r}") from e
