"""What the learned aligner adds to head and alignment: its weight beside theirs, and what the sum means in a search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from covsearch.config import from_toml
from covsearch.errors import ArtefactError, UsageError
from covsearch.guard.files import RefusedError, read_text
from covsearch.ranking.chance import Chance
from covsearch.ranking.fusion import Fusion
from covsearch.ranking.learned import BUNDLED

FIT = "fit.toml"
MAX_FIT_BYTES = 2**13


@dataclass(frozen=True)
class AlignerFit:
    """Fitted on all pairs of a model's validation works.

    Attributes
    ----------
    model : str
        Fingerprint of the model whose head and alignment are summed first.
    fusion : Fusion
        Its ``head`` is the weight of their log likelihood ratio, ``aligned`` and ``beyond`` those of the network's
        score.
    chance : Chance
        Of the sum.
    """

    model: str
    fusion: Fusion
    chance: Chance


def load_fit(folder: Path) -> AlignerFit:
    """Read ``fit.toml`` beside a trained aligner's weights.

    Raises
    ------
    ArtefactError
        When it is missing or damaged.
    """
    try:
        fit: AlignerFit = from_toml(read_text(folder / FIT, MAX_FIT_BYTES), fit=AlignerFit)["fit"]
    except (OSError, RefusedError, UsageError, TypeError) as e:
        raise ArtefactError(f"{folder / FIT}: expected what an aligner was fitted to: {e}; fetch it again") from e
    return fit


@cache
def bundled_fit() -> AlignerFit:
    """That of the weights that come with the package, read once."""
    return load_fit(BUNDLED)
