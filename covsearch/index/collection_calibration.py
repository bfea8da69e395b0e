"""What the cosine of foreign vectors is worth: a calibration fitted on the works of the collection itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from covsearch.config import to_toml
from covsearch.errors import ArtefactError
from covsearch.index.calibration import CALIBRATION, HeadCalibration, read_fit

_MEND = "run `covsearch build-index --vectors`"


@dataclass(frozen=True)
class CollectionCalibration(HeadCalibration):
    """Of distances, 1 - cosine; there are no other works that it could be judged on.

    Attributes
    ----------
    works, performances, covers, non_covers : int
        How many were fitted on.
    """

    works: int
    performances: int
    covers: int
    non_covers: int


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
    found = read_fit(path, "collection", CollectionCalibration, _MEND)
    if found.model != model:
        raise ArtefactError(f"{path}: is of {found.model}, the vectors beside it are of {model}: {_MEND}")
    return found
