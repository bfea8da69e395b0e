"""What a search of vectors finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows from the nearest to the farthest.

    Attributes
    ----------
    rows : ndarray of int64, shape (k,)
    distances : ndarray of float64, shape (k,)
        The head's distances without bias, ascending; equal ones in row order.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]
