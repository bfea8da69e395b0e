"""Whether lengths can be true where a frame rate is only assumed: a wrong rate shows there first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from covsearch.dataset.hdf5 import inspect_chroma
from covsearch.dataset.source import Source
from covsearch.errors import FeatureFileError, UsageError

SHORTEST, LONGEST = 45.0, 1200.0  # s, of a median
_LOOKED_AT = 64  # files of a collection, evenly spread


def check_lengths(dataset: Source, feature: str) -> None:
    """Refuse a dataset whose frame rate nobody said and whose median length cannot be true at the assumed one.

    Parameters
    ----------
    dataset : Source
    feature : str
        Whose files are looked at: the headers of up to 64.

    Raises
    ------
    UsageError
        When the median is under 45 s or over 20 minutes.
    """
    if dataset.rate_is_known:
        return
    paths = [files[feature] for files in dataset.files.values() if feature in files]
    count = min(len(paths), _LOOKED_AT)
    looked_at = [paths[i * len(paths) // count] for i in range(count)]
    check_file_lengths(looked_at, feature, dataset.frame_rate, dataset.root, root=dataset.root)


def check_file_lengths(
    paths: Sequence[Path], feature: str, assumed: float, what: Path, *, root: Path | None = None
) -> None:
    """Refuse files whose median length cannot be true at `assumed` frames/s.

    Parameters
    ----------
    paths : sequence of Path
        Those that cannot be read do not count; who reads them says why.
    feature : str
    assumed : float
        Frames/s.
    what : Path
        Names them in the error.
    root : Path, optional
        As of :func:`~covsearch.dataset.hdf5.inspect_chroma`.

    Raises
    ------
    UsageError
        When the median is under 45 s or over 20 minutes.
    """
    frames = [n for n in (_frames(path, feature, root) for path in paths) if n]
    if frames and not SHORTEST <= median(frames) / assumed <= LONGEST:
        came = f"a median length of {_said(median(frames) / assumed)} at {assumed:.2f} frames/s, which is only assumed"
        expected = f"expected {SHORTEST:g} s to {LONGEST / 60:g} min"
        raise UsageError(f"{what}: {expected}, found {came}: say the files' frame rate with --frame-rate")


def _frames(path: Path, feature: str, root: Path | None) -> int:
    try:
        return inspect_chroma(path, feature, root=root)
    except FeatureFileError:
        return 0


def _said(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
