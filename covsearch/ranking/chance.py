"""What chance alone would find: how a best match is judged when more performances are searched.

Among N performances that are no covers, the number whose log likelihood ratio is above x falls like exp(level - x).
The level grows with log N, and depends on how usual the query's harmony is. The query's own ranking shows it: the
k-th best of many is where that number is k. In a small collection the k-th best is no tail, and there the
calibration's level counts, which knows nothing of the query.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from covsearch.errors import UsageError

if TYPE_CHECKING:  # opening an index reads the numbers, and `covsearch find` needs no arrays
    import numpy as np
    from numpy.typing import NDArray

FIRST, LAST = 20, 50
"""Which of the query's best matches tell its level: the first ones may be covers."""
_TAIL = 16  # only the best sixteenth of a collection is taken for a tail
_FITTED = 0.05  # the share of searches that :attr:`Chance.threshold` is of
LEAST_ALARMS = 1e-4
_PRIOR = 3.0  # what the calibration's level weighs, in matches


@dataclass(frozen=True)
class Chance:
    """Log likelihood ratios as probabilities of a search, fitted where validation works query each other.

    Attributes
    ----------
    offset : float
        The level of one searched performance, where nothing else is known; of N it is log N higher.
    own : float
        What is added to the level that the query's own ranking shows, so that one threshold holds for both.
    slope, bias : float
        A match whose ratio is z above the level has cover probability σ(slope · z + bias); slope is above 0.
    threshold : float
        In (0, 1): a match with a probability above this is called a cover. Chance alone reached it in at most 5 % of
        the searches, at every size of the collection that was tried.

    Raises
    ------
    UsageError
        When a number is out of range or not finite.
    """

    offset: float
    own: float
    slope: float
    bias: float
    threshold: float

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            if not math.isfinite(getattr(self, name)):
                raise UsageError(f"{name} must be finite, not {getattr(self, name)}")
        if not self.slope > 0:
            raise UsageError(f"slope must be above 0, not {self.slope}")
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold must lie between 0 and 1, not {self.threshold}")

    def probability(self, ratio: NDArray[np.float64], best: NDArray[np.float64], searched: int) -> NDArray[np.float64]:
        """Cover probabilities in [0, 1] of matches of one query, near 1 cover, in the shape of `ratio`.

        Parameters
        ----------
        ratio : NDArray[float64]
            Log likelihood ratios to judge.
        best : NDArray[float64], shape (k,)
            Those of the query's best matches, descending; at most :data:`LAST` of them count.
        searched : int
            Performances in the collection, without the query.
        """
        import numpy as np

        z = self.slope * (ratio - self.level(best, searched)) + self.bias
        probability: NDArray[np.float64] = 0.5 * (1 + np.tanh(0.5 * z))  # σ(z), without overflow
        return probability

    def above(self, alarms: float) -> float:
        """How far above the level a ratio must be that chance reaches in a share `alarms` of the searches.

        It is :attr:`threshold` at 0.05, where that was fitted; less chance falls off as the exponential does.

        Parameters
        ----------
        alarms : float
            At least 0.0001, at most 0.05: below that nothing shows that the tail is exponential.

        Raises
        ------
        UsageError
            For another share, and where what it asks is not above the level.
        """
        if not LEAST_ALARMS <= alarms <= _FITTED:
            raise UsageError(
                f"the share of false alarms must be at least {LEAST_ALARMS:g} and at most {_FITTED}, not {alarms:g}"
            )
        at = (math.log(self.threshold) - math.log1p(-self.threshold) - self.bias) / self.slope
        found = at + math.log(_FITTED / alarms)
        if not found > 0:
            raise UsageError(f"chance passes the level in a share of {alarms}: calibrate the model again")
        return found

    def level(self, best: NDArray[np.float64], searched: int) -> float:
        """The log likelihood ratio that about one match reaches by chance.

        Parameters
        ----------
        best : NDArray[float64], shape (k,)
            A query's best ratios, descending.
        searched : int
            Performances in the collection; at least 1 is taken.
        """
        import numpy as np

        usual = math.log(max(searched, 1)) + self.offset
        ranks = np.arange(FIRST, min(len(best), LAST, searched // _TAIL) + 1)
        if not len(ranks):
            return usual
        seen = float(np.mean(best[ranks - 1] + np.log(ranks))) + self.own
        return (_PRIOR * usual + len(ranks) * seen) / (_PRIOR + len(ranks))
