"""The cross-similarity as a page draws it: at most a few hundred rows and columns, a byte each."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.compare import Comparison

MOST = 512  # rows and columns
CONTRAST = (0.5, 0.998)  # quantiles that become 0 and 255


def told(found: Comparison, picture_too: bool) -> dict[str, Any]:
    """``to_dict()`` of a comparison, and ``picture``, if that is wanted."""
    return {**found.to_dict(), **({"picture": picture(found)} if picture_too else {})}


def picture(found: Comparison) -> dict[str, Any]:
    """Rows (of `a`), columns (of `b`), seconds of either, and ``grey`` in base 64, row by row: 255 most alike.

    ``chroma`` of either has its ``frames`` and ``grey`` of 12 pitch classes a frame, 255 the strongest.
    """
    similarity = found.alignment.similarity
    small = shrunk(shrunk(similarity, 0), 1)
    low, high = np.quantile(small, CONTRAST).tolist()
    grey = np.clip((small - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    span, (rate_a, rate_b) = found.alignment.span, found.rates
    seconds = ((similarity.shape[0] + span - 1) / rate_a, (similarity.shape[1] + span - 1) / rate_b)
    data = base64.b64encode(grey.tobytes()).decode("ascii")
    strips = {side: _strip(chroma) for side, chroma in zip("ab", found.chroma, strict=True)}
    return {"rows": grey.shape[0], "columns": grey.shape[1], "seconds": seconds, "grey": data, "chroma": strips}


def _strip(chroma: NDArray[np.float32]) -> dict[str, Any]:
    """Frames, and how strong each pitch class is in each of them; of several features the first."""
    small = shrunk(chroma[:, :12], 0)
    grey = np.clip(small / max(float(small.max()), 1e-6) * 255, 0, 255).astype(np.uint8)
    return {"frames": len(grey), "grey": base64.b64encode(grey.tobytes()).decode("ascii")}


def shrunk(matrix: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The maxima of blocks along `axis`, so that thin diagonals stay; (N, M) float32 to at most 512 there."""
    block = -(-matrix.shape[axis] // MOST)
    return np.maximum.reduceat(matrix, np.arange(0, matrix.shape[axis], block), axis=axis)
