"""What the head and the alignment say together: log likelihood ratios of cover against non-cover."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from covsearch.errors import UsageError

if TYPE_CHECKING:  # opening an index reads the weights, and `covsearch find` needs no arrays
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_LEAST = 0.5  # Qmax that stands for none: its logarithm is wanted


@dataclass(frozen=True)
class Fusion:
    """Weights of a sum of evidence; none is negative, so that more alike is never less likely a cover.

    Most pairs align a little by chance, and how little tells nothing: the alignment counts fully only above a knee.

    Attributes
    ----------
    head : float
        Of -s, s being the head's score, distance + β.
    aligned : float
        Of what :func:`log_qmax` gives.
    beyond : float
        Of what exceeds `knee` there, further.
    knee : float
    bias : float

    Raises
    ------
    UsageError
        When a weight is negative, or a number not finite.
    """

    head: float
    aligned: float
    beyond: float
    knee: float
    bias: float

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value, least = getattr(self, name), 0 if name in ("head", "aligned", "beyond") else -math.inf
            if not (math.isfinite(value) and value >= least):
                raise UsageError(f"{name} must be a finite number{' of at least 0' if least == 0 else ''}, not {value}")

    def ratio(self, score: NDArray[np.float64], aligned: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log likelihood ratios of cover against non-cover; they never fall where pairs are more alike.

        Parameters
        ----------
        score : NDArray[float64]
            The head's scores s.
        aligned : NDArray[float64]
            As :func:`log_qmax` gives them.
        """
        import numpy as np

        above = np.maximum(aligned - self.knee, 0)
        ratio: NDArray[np.float64] = self.bias - self.head * score + self.aligned * aligned + self.beyond * above
        return ratio


def log_qmax(qmax: ArrayLike, frames_a: ArrayLike, frames_b: ArrayLike) -> NDArray[np.float64]:
    """log(Qmax / √√(L M)): how long two performances of L and M frames run together, for their lengths.

    Parameters
    ----------
    qmax : array_like
        At least 0.
    frames_a, frames_b : array_like
        L and M, at least 1; all three broadcast.

    Returns
    -------
    NDArray[float64]
        The same whichever of the two comes first. Qmax below 0.5 counts as 0.5.

    References
    ----------
    Serrà, Serra, Andrzejak (2009), section 3.2, divides by the root of one length; here it is that of their mean.
    """
    import numpy as np

    lengths = np.sqrt(np.asarray(frames_a, np.float64) * np.asarray(frames_b, np.float64))
    return np.log(np.maximum(np.asarray(qmax, np.float64), _LEAST) / np.sqrt(lengths))
