"""A MIDI or MusicXML file as the features of a model would have it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.chroma import CHROMA
from covsearch.synthesis.notation import read_notation
from covsearch.synthesis.plain import plain_chroma


def tune_chroma(path: Path, features: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The notes of a file as chroma, by feature.

    Parameters
    ----------
    path : Path
        A MIDI or MusicXML file.
    features : sequence of str
        Names of features, whose first bins differ.

    Returns
    -------
    dict
        Feature name -> NDArray[float32] of shape (T, 12), at :data:`covsearch.synthesis.plain.RATE` frames/s.

    Raises
    ------
    ArtefactError
        When the file is refused.
    """
    chroma = plain_chroma(read_notation(path))
    return {name: np.roll(chroma, -CHROMA[name].first_bin, axis=1).copy() for name in features}
