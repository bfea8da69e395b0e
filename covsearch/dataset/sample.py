"""The collection that comes with covsearch, in Da-TACOS's own layout."""

from __future__ import annotations

from pathlib import Path

from covsearch.dataset.splits import Split, read_split
from covsearch.errors import NotFoundError


def sample_root() -> Path:
    """Folder of the bundled sample, to be opened with :func:`~covsearch.dataset.datacos.open_dataset`.

    Raises
    ------
    NotFoundError
        When this installation came without it.
    """
    root = Path(__file__).resolve().parent / "sample"
    if not root.is_dir():
        raise NotFoundError(f"the bundled sample is not at {root}: reinstall covsearch, or name a Da-TACOS folder")
    return root


def sample_split() -> Split:
    """The works that the bundled weights were trained on, chosen by and never saw.

    Raises
    ------
    ArtefactError
        When it is missing or damaged.
    """
    return read_split(sample_root() / "split.json")
