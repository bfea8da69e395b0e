"""Where an indexed performance's chroma came from, so that it can be read again and told from another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class OriginFile:
    """One feature file as it was when it was read.

    Attributes
    ----------
    path : str
        From the folder of its :class:`Origin`, with ``/``.
    sha256 : str
        Of its content, hexadecimal.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class Origin:
    """What one performance was indexed from.

    Attributes
    ----------
    folder : str or None
        Absolute path of the dataset; None for the bundled sample, which moves with the package.
    subset : str
        Of the dataset.
    frame_rate : float
        Frames/s of the stored chroma.
    files : mapping
        Feature -> file.
    """

    folder: str | None
    subset: str
    frame_rate: float
    files: Mapping[str, OriginFile]
