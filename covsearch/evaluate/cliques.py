"""How many works have how many performances: the protocols that have a name, and the sizes that results are told by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from covsearch.counting import comma_list, counted
from covsearch.errors import UsageError

PROTOCOLS: Mapping[str, Mapping[int, int]] = {"datacos": {13: 1_000, 1: 2_000}}
"""Name -> performances of a work -> how many such works there are.

``datacos`` is the benchmark subset of Da-TACOS: Yesiler et al., "Da-TACOS: a dataset for cover song identification and
understanding", ISMIR (2019).
"""
BANDS: Sequence[tuple[int, int]] = ((2, 2), (3, 5), (6, 10), (11, 20), (21, 10**9))
_SHOWN = 4  # sizes that an error names


def clique_sizes(works: ArrayLike) -> dict[int, int]:
    """Performances of a work -> how many works have so many, the largest first.

    Examples
    --------
    >>> clique_sizes(["a", "a", "b", "c", "c"])
    {2: 2, 1: 1}
    """
    sizes = np.unique(np.asarray(works), return_counts=True)[1]
    size, count = np.unique(sizes, return_counts=True)
    return dict(zip(size[::-1].tolist(), count[::-1].tolist(), strict=True))


def check_protocol(name: str, works: ArrayLike) -> None:
    """Refuse works that are not those of a protocol.

    Raises
    ------
    UsageError
        For an unknown name; for other numbers of works and performances, saying what came.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"protocol must be one of {comma_list(sorted(PROTOCOLS))}, not {name!r}")
    expected, came = PROTOCOLS[name], clique_sizes(works)
    if dict(expected) != came:
        raise UsageError(
            f"the protocol {name} has {_in_words(expected)}; this has {_in_words(came)}: "
            "score what all of it was compared with, or leave the protocol out"
        )


def band(size: int) -> str:
    """The band of :data:`BANDS` that a work of `size` performances is told in.

    Examples
    --------
    >>> [band(size) for size in (2, 4, 13, 60)]
    ['2', '3-5', '11-20', '21 or more']
    """
    low, high = next((low, high) for low, high in BANDS if low <= size <= high)
    return str(low) if low == high else f"{low} or more" if high == BANDS[-1][1] else f"{low}-{high}"


def _in_words(sizes: Mapping[int, int]) -> str:
    """``15,000 performances (1,000 works of 13, 2,000 works of 1)``."""
    total = sum(size * count for size, count in sizes.items())
    named = [f"{counted(count, 'work')} of {size}" for size, count in sorted(sizes.items(), reverse=True)]
    more = [] if len(named) <= _SHOWN else [f"{len(named) - _SHOWN} other sizes"]
    return f"{counted(total, 'performance')} ({', '.join([*named[:_SHOWN], *more])})"
