"""How many frames a second the files of a collection hold.

It is given, declared by a file, declared beside the files, Da-TACOS's own, or assumed: the first that there is.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from pathlib import Path

from covsearch.errors import ArtefactError, UsageError
from covsearch.guard.files import RefusedError, read_text

MAX_RATE = 1_000_000  # frames/s
DATACOS_RATE = 44_100 / 512  # frames/s
SLOW_RATE = DATACOS_RATE / 32  # 2.69 frames/s: what methods and branches with a frame rate of their own see
OWN = {"benchmark": DATACOS_RATE, "coveranalysis": DATACOS_RATE, "sample": 44_100 / 4096}
"""Of Da-TACOS's two subsets and of the bundled sample."""
DECLARATION = "covsearch.toml"
"""What a collection says of itself: ``frame_rate``, and ``name`` if it likes."""
_MAX_BYTES = 2**16


def check_frame_rate(frame_rate: float) -> float:
    """`frame_rate` itself, frames/s.

    Raises
    ------
    UsageError
        When it is no positive number, or more than a million.
    """
    if not 0 < frame_rate < math.inf:
        raise UsageError(f"the frame rate must be a positive number of frames a second, not {frame_rate}")
    if frame_rate > MAX_RATE:
        raise UsageError(f"the frame rate must be at most {MAX_RATE:,} frames a second, not {frame_rate:g}")
    return float(frame_rate)


def frame_rate_of(
    subset: str, given: float | None = None, folders: Iterable[Path] = (), in_file: float | None = None
) -> tuple[float, bool]:
    """The frame rate of a subset, and whether it is given, declared or known; else it is assumed to be Da-TACOS's.

    Parameters
    ----------
    subset : str
    given : float, optional
        Frames/s; goes before what is declared and known.
    in_file : float, optional
        Frames/s that a file declares itself (:func:`covsearch.dataset.hdf5.read_rate`); goes before its folders'.
    folders : iterable of Path
        Where a declaration may lie; the first one that is there counts, and goes before what is known.

    Returns
    -------
    (float, bool)

    Raises
    ------
    UsageError
        When `given` is no positive number.
    ArtefactError
        When a declaration is damaged.
    """
    if given is not None:
        return check_frame_rate(given), True
    if in_file is not None:
        return in_file, True
    for folder in folders:
        declared = declared_rate(folder)
        if declared is not None:
            return declared, True
    return OWN.get(subset, DATACOS_RATE), subset in OWN


def declared_rate(folder: Path) -> float | None:
    """The frame rate in a folder's ``covsearch.toml``, frames/s; None where there is no such file.

    Raises
    ------
    ArtefactError
        When the file is no TOML, has an unknown key, or no positive number as its ``frame_rate``.
    """
    path = folder / DECLARATION
    if not path.is_file():
        return None
    try:
        said = tomllib.loads(read_text(path, _MAX_BYTES, folder))
    except (RefusedError, ValueError, RecursionError) as e:
        raise ArtefactError(f"{path}: expected TOML such as `frame_rate = 10.77`: {e}") from e
    if unknown := sorted(set(said) - {"name", "frame_rate"}):
        raise ArtefactError(f"{path}: expected the keys name and frame_rate, found {unknown[0]!r}")
    rate = said.get("frame_rate")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= MAX_RATE:
        raise ArtefactError(f"{path}: expected frame_rate as a positive number of frames a second, found {rate!r}")
    return float(rate)


def rate_beside(index_rate: float, declared: float | None, what: object, *, matters: bool) -> float:
    """The frame rate of files that go with those of an index, frames/s.

    Parameters
    ----------
    index_rate : float
        Of the indexed files.
    declared : float or None
        What is said of the new ones. Where nothing is, Da-TACOS's rate is assumed.
    what : object
        Names them in the error.
    matters : bool
        Whether the index's model sees a frame rate; where it does not, the index's does.

    Raises
    ------
    UsageError
        When nothing is said, the index has another rate than the one assumed, and it matters.
    """
    if declared is not None:
        return declared
    if matters and index_rate != DATACOS_RATE:
        came = f"no frame rate is declared, and the index has files of {index_rate:.2f} frames/s"
        mend = f"say --frame-rate, or write `frame_rate = …` into {DECLARATION} beside them"
        raise UsageError(f"{what}: {came}: {mend}")
    return index_rate
