"""Which moments of two performances sound alike: cross-similarity and cross-recurrence of frames, in whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import UsageError
from covsearch.ranking import score_kernel


def whole_units(frames: score_kernel.Frames, span: int, block: int = 1) -> NDArray[np.float32]:
    """Frames as the alignment compares them: of one length, rounded to whole numbers.

    Parameters
    ----------
    frames : NDArray[float32 or uint8], shape (T, F)
        Chroma, or what an index keeps of it: 255 times that.
    span : int
        How many frames are to be compared at once, at least 1; the more, the shorter the frames: sums must be exact.
    block : int
        Frames that are averaged first; the last block may be shorter.

    Returns
    -------
    NDArray[float32], shape (ceil(T / block), F)
        Silence and frames that are not finite are zeros.
    """
    kind, top = (np.uint8, 255) if frames.dtype == np.uint8 else (np.float32, 1)
    own = np.require(frames, kind, ["C", "W", "E"])  # one kind of array, as numba compiles anew for each
    length = score_kernel.length_of_unit(span, own.shape[1])
    units: NDArray[np.float32] = score_kernel.whole_units(own, length, top, block)
    return units


def check_length(frames: int) -> None:
    """Refuse more than 32,767 frames of a track, with a UsageError: the kernel counts as far."""
    if frames > score_kernel.LARGEST:
        raise UsageError(
            f"at most {score_kernel.LARGEST:,} frames of a track can be aligned, not {frames:,}: average some"
        )


def stretch_similarity(a: NDArray[np.float32], b: NDArray[np.float32], span: int) -> NDArray[np.int16]:
    """How alike stretches of frames are: means of the frames' cosine similarity over `span` neighbours on the diagonal.

    Parameters
    ----------
    a, b : NDArray[float32], shapes (L, F) and (M, F)
    span : int
        1 to the smaller of L and M.

    Returns
    -------
    NDArray[int16], shape (L - span + 1, M - span + 1)
        0 to 32,767, which is 1, for chroma; a frame of silence is like nothing. Entry (i, j) is of (i, j),
        (i + 1, j + 1), ..., `span` in all.
    """
    rows, columns = whole_units(a, span), np.ascontiguousarray(whole_units(b, span).T)
    length = score_kernel.length_of_unit(span, rows.shape[1])
    similarity: NDArray[np.int16] = score_kernel.stretches(rows, columns, 0, span, length)
    return similarity


def mutual_neighbours(similarity: NDArray[np.int16], share: float) -> NDArray[np.bool_]:
    """Cross-recurrence: the pairs of which each is among the nearest of the other.

    Parameters
    ----------
    similarity : NDArray[int16], shape (L, M)
        L at most 32,767.
    share : float
        Which share of the other side counts as the nearest, in (0, 1).

    Returns
    -------
    NDArray[bool], shape (L, M)
        No row has more than ``round(share M)`` true (but at least 1 is allowed), no column more than
        ``round(share L)``; where more are equally near than that, none of these is. 0 is near to nothing.

    Raises
    ------
    UsageError
        When `similarity` has too many rows.

    References
    ----------
    Serrà, Serra, Andrzejak, "Cross recurrence quantification for cover song identification", New Journal of Physics 11
    (2009), section 2.4.
    """
    check_length(len(similarity))
    by_row, by_column = score_kernel.thresholds(similarity, float(share))
    matches: NDArray[np.bool_] = score_kernel.matches(similarity, by_row, by_column)
    return matches
