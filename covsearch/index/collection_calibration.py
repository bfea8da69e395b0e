"""What the cosine of foreign vectors is worth: a calibration fitted on the works of the collection itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from covsearch.config import from_toml, to_toml
from covsearch.errors import ArtefactError, UsageError
from covsearch.guard.files import RefusedError, read_text
from covsearch.index.calibration import CALIBRATION, MAX_BYTES
from covsearch.ranking.chance import Chance

if TYPE_CHECKING:  # imported where something is computed
    import numpy as np
    from numpy.typing import NDArray

_MEND = "run `covsearch build-index --vectors`"


@dataclass(frozen=True)
class CollectionCalibration:
    """Platt scaling of distances, and what a best match means; there are no other works that it could be judged on.

    Attributes
    ----------
    model : str
        As the manifest names what made the vectors.
    slope, intercept : float
        The log likelihood ratio of cover against non-cover is -(slope · (1 - cosine) + intercept); slope is above 0.
    by_head : Chance
        What the ratios mean in a search.
    works, performances, covers, non_covers : int
        How many were fitted on.

    Raises
    ------
    UsageError
        When a value is out of range or not finite.
    """

    model: str
    slope: float
    intercept: float
    by_head: Chance
    works: int
    performances: int
    covers: int
    non_covers: int

    def __post_init__(self) -> None:
        if not 0 < self.slope < math.inf:
            raise UsageError(f"slope must be greater than 0 and finite, not {self.slope}")
        if not math.isfinite(self.intercept):
            raise UsageError(f"intercept must be finite, not {self.intercept}")

    def head_ratio(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log likelihood ratios of cover against non-cover of distances `s`, 1 - cosine."""
        import numpy as np

        return -(self.slope * np.asarray(s, dtype=np.float64) + self.intercept)


def write_collection_calibration(folder: Path, calibration: CollectionCalibration) -> None:
    """Write ``calibration.toml`` into `folder`."""
    (folder / CALIBRATION).write_text(to_toml(collection=calibration), encoding="utf-8")


def read_collection_calibration(folder: Path, model: str) -> CollectionCalibration:
    """Read what :func:`write_collection_calibration` wrote.

    Raises
    ------
    ArtefactError
        When the file is damaged, or is of other vectors than `model` made.
    """
    path = folder / CALIBRATION
    try:
        text = read_text(path, MAX_BYTES)
        found: CollectionCalibration = from_toml(text, collection=CollectionCalibration)["collection"]
    except (UsageError, TypeError, RefusedError) as e:
        raise ArtefactError(f"{path}: expected a calibration: {e}; {_MEND}") from e
    if found.model != model:
        raise ArtefactError(f"{path}: is of {found.model}, the vectors beside it are of {model}: {_MEND}")
    return found
