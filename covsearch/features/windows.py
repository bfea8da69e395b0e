"""Where the windows of a track begin: long stretches that overlap, for comparing parts of performances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covsearch.errors import UsageError

if TYPE_CHECKING:  # imported where something is cut: a manifest names a recipe, and reading it needs no arrays
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class WindowRecipe:
    """How tracks are cut into windows.

    Attributes
    ----------
    rate : float
        Frames/s of the tracks that are cut.
    length, hop : int
        Frames of a window, and from the start of one to that of the next; ``1 <= hop <= length``. The defaults are,
        at 2.69 frames/s, 134 s and 33 s.
    """

    rate: float
    length: int = 360
    hop: int = 90

    def __post_init__(self) -> None:
        if not 1 <= self.hop <= self.length:
            raise UsageError(f"a window of {self.length} frames every {self.hop} leaves frames out, or none goes ahead")
        if not 0 < self.rate < float("inf"):
            raise UsageError(f"the rate of windows must be a positive number of frames a second, not {self.rate}")

    @property
    def seconds(self) -> float:
        """How long a window is; a shorter track is one window, all of it."""
        return self.length / self.rate

    def starts(self, frames: int) -> NDArray[np.int64]:
        """First frames (n,) of the windows of a track of `frames` frames.

        0, hop, 2 hop, ... and, so that nothing is left out, ``frames - length``; just 0 for a track that is no longer
        than a window.
        """
        import numpy as np

        last = max(0, frames - self.length)
        return np.append(np.arange(0, last, self.hop), last).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Cuts:
    """Where the M windows of N tracks are, those of one track after those of the other.

    Attributes
    ----------
    first : NDArray[int64], shape (N + 1,)
        Windows ``first[i]`` to ``first[i + 1]`` are those of track i, in the order of time; at least one.
    start : NDArray[float64], shape (M,)
        Seconds from the beginning of the track to that of each window.
    recipe : WindowRecipe
    """

    first: NDArray[np.int64]
    start: NDArray[np.float64]
    recipe: WindowRecipe


def cut(tracks: ArrayLike, recipe: WindowRecipe) -> Cuts:
    """The windows of tracks of which the number of frames is given, (N,) int."""
    import numpy as np

    starts = [recipe.starts(frames) for frames in np.asarray(tracks).tolist()]
    first = np.cumsum([0, *map(len, starts)], dtype=np.int64)
    return Cuts(first, np.concatenate([*starts, np.empty(0)]) / recipe.rate, recipe)
