"""What p is worth: the calibration of a model's scores as a few numbers, applied without what fitted them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from covsearch.config import from_toml, to_toml
from covsearch.counting import counted
from covsearch.errors import ArtefactError, UsageError
from covsearch.guard.files import RefusedError, read_text
from covsearch.ranking.chance import Chance
from covsearch.ranking.fusion import Fusion

if TYPE_CHECKING:  # imported where something is computed: `covsearch find` opens a generation and needs no arrays
    import numpy as np
    from numpy.typing import NDArray

Fit = TypeVar("Fit", bound="HeadCalibration")

CALIBRATION = "calibration.toml"
MAX_BYTES = 2**16
HOTTEST = 1e6  # a temperature that makes p = 0.5 of every pair
MEND = "run `covsearch calibrate` again, or delete it"
WHAT = {
    "all validation works": "all pairs of the performances of its validation works",
    "validation list": "its list of validation pairs",
}


@dataclass(frozen=True)
class HeadCalibration:
    """Platt scaling of a head's scores, and what the ratios mean in a search.

    Attributes
    ----------
    model : str
        What made the vectors, as the manifest names it.
    slope, intercept : float
        The log likelihood ratio of cover against non-cover is -(slope · s + intercept); slope is above 0.
    by_head : Chance

    Raises
    ------
    UsageError
        When a value is out of range or not finite.
    """

    model: str
    slope: float
    intercept: float
    by_head: Chance

    def __post_init__(self) -> None:
        check_above_0("slope", self.slope)
        if not math.isfinite(self.intercept):
            raise UsageError(f"intercept must be finite, not {self.intercept}")

    def head_ratio(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log likelihood ratios of cover against non-cover of scores `s`, by the head alone: log odds at even odds."""
        import numpy as np

        return -(self.slope * np.asarray(s, dtype=np.float64) + self.intercept)


def check_above_0(name: str, value: float) -> None:
    """Refuse what is not a positive finite number."""
    if not 0 < value < math.inf:
        raise UsageError(f"{name} must be greater than 0 and finite, not {value}")


@dataclass(frozen=True)
class Calibration(HeadCalibration):
    """Platt scaling of scores s, the threshold that decides best, and the pairs that both were fitted on.

    The fit lets covers and non-covers weigh one half each: calibrated p is at even odds. Where a query faces a whole
    collection, :class:`~covsearch.ranking.chance.Chance` says what a match is worth.

    Attributes
    ----------
    model : str
        Fingerprint of configuration and weights.
    slope, intercept : float
        Calibrated p is σ(slope · s + intercept); a slope above 0 keeps every ranking.
    temperature : float
        What temperature scaling, σ(s / temperature), would use; for comparison.
    threshold : float
        In (0, 1), of the uncalibrated p = σ(s): below it a pair is decided to be a cover.
    coarse, fine : Fusion
        Weights of the head's score and the alignment, at either coarseness (:mod:`covsearch.stages`).
    by_head, by_alignment : Chance
        What the ratios of the head alone, and of head and fine alignment together, mean in a search.
    subset : str
        The collection.
    pairs : str
        A key of :data:`WHAT`.
    works, performances, covers, non_covers : int
        How many were fitted on.
    seed : int
        Of drawn non-covers and of the bootstrap.
    ece_before, ece_temperature, ece_after : float
        Expected calibration error on the same pairs: of p, after temperature, after Platt scaling.

    Raises
    ------
    UsageError
        When a value is out of range or not finite.
    """

    temperature: float
    threshold: float
    coarse: Fusion
    fine: Fusion
    by_alignment: Chance
    subset: str
    pairs: str
    works: int
    performances: int
    covers: int
    non_covers: int
    seed: int
    ece_before: float
    ece_temperature: float
    ece_after: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_above_0("temperature", self.temperature)
        if self.pairs not in WHAT:
            raise UsageError(f"pairs must be one of {sorted(WHAT)}, not {self.pairs!r}")
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold must lie between 0 and 1, not {self.threshold}")

    def probability(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated p of scores `s` at even odds, near 0 cover, in the shape of `s`; never falls where `s` rises.

        Parameters
        ----------
        s : ndarray of float64
            Logits, distance + β.

        References
        ----------
        Platt, "Probabilistic outputs for support vector machines" (1999).
        """
        from covsearch.index.head import Head

        return Head.probability(-self.head_ratio(s))

    @property
    def calibrated_threshold(self) -> float:
        """:attr:`threshold` on the scale of calibrated p, near 0.5: what calibrated p is held against."""
        import numpy as np

        score = math.log(self.threshold) - math.log1p(-self.threshold)
        return float(self.probability(np.array([score]))[0])


def facts(calibration: Calibration) -> list[str]:
    """A calibration in a few lines for people."""
    c = calibration
    temperature = f"temperature {c.temperature:.4f}" if c.temperature < HOTTEST else "no temperature helps"
    pairs = f"{counted(c.covers, 'cover')}, {counted(c.non_covers, 'non-cover')}, {counted(c.works, 'work')}"
    return [
        f"{c.model}: calibrated on {WHAT[c.pairs]} of {c.subset}: {pairs}, at even odds",
        f"cover below p = {c.threshold:.4f} · Platt: p is taken for σ({c.slope:.4f} s {c.intercept:+z.4f}), "
        f"s = logit p · {temperature}",
        f"a query's match is a cover from probability {c.by_alignment.threshold:.3f} on (by the head alone "
        f"{c.by_head.threshold:.3f})",
        f"ECE on these pairs: {c.ece_before:.3f}, with temperature {c.ece_temperature:.3f}, "
        f"with Platt {c.ece_after:.3f}",
    ]


def write_calibration(folder: Path, calibration: Calibration) -> Path:
    """Write ``calibration.toml`` into a checkpoint `folder` and return its path."""
    path = folder / CALIBRATION
    path.write_text(to_toml(calibration=calibration), encoding="utf-8")
    return path


def read_calibration(folder: Path, model: str, mend: str = MEND) -> Calibration | None:
    """Read what :func:`write_calibration` wrote; None where a model was never calibrated.

    Parameters
    ----------
    folder : Path
        A checkpoint, or a generation's copy of one.
    model : str
        The fingerprint of its weights.
    mend : str
        What to do about a file that is refused.

    Raises
    ------
    ArtefactError
        When the file is damaged, or is another model's.
    """
    path = folder / CALIBRATION
    if not path.is_file():
        return None
    calibration = read_fit(path, "calibration", Calibration, mend)
    check_fit(calibration, path, model, mend)
    return calibration


def read_fit(path: Path, table: str, kind: type[Fit], mend: str) -> Fit:
    """The one table of a calibration's file; raises as :func:`parse_fit`."""
    try:
        text = read_text(path, MAX_BYTES)
    except (UsageError, RefusedError) as e:
        raise ArtefactError(f"{path}: expected a calibration: {e}; {mend}") from e
    return parse_fit(text, path, table, kind, mend)


def parse_fit(text: str, path: Path, table: str, kind: type[Fit], mend: str) -> Fit:
    """The one table of the text of a calibration's file; `path` is what a message calls it.

    Raises
    ------
    ArtefactError
        When it is damaged; `mend` says what to do.
    """
    try:
        found: Fit = from_toml(text, **{table: kind})[table]
    except (UsageError, TypeError) as e:
        raise ArtefactError(f"{path}: expected a calibration: {e}; {mend}") from e
    return found


def check_fit(found: HeadCalibration, path: Path, model: str, mend: str) -> None:
    """Refuse the calibration of another model, with an ArtefactError."""
    if found.model != model:
        raise ArtefactError(f"{path}: is of model {found.model}, the weights beside it are {model}: {mend}")
