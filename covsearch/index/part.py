"""A part: what an index holds of every performance beside its vector, row by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:  # imported where something is computed: a manifest names parts, and reading it needs no arrays
    import numpy as np
    from numpy.typing import NDArray

    from covsearch.config import FeatureConfig
    from covsearch.features.store import FrameStore
    from covsearch.features.windows import Cuts, WindowRecipe
    from covsearch.index.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Packed:
    """What parts are made of.

    Attributes
    ----------
    store : FrameStore
        The collection's features.
    frame_rate : float
        Of its files, frames/s.
    embed_windows : callable
        Vectors (M, 128) and places of its windows, cut by a recipe.
    """

    store: FrameStore
    frame_rate: float
    embed_windows: Callable[[WindowRecipe], tuple[NDArray[np.float32], Cuts]]


@dataclass(frozen=True)
class NoSettings:
    """Of a part that the manifest needs to say nothing about."""


class Part(ABC):
    """Row i is of performance i; one file of a generation."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of performances."""

    @abstractmethod
    def __add__(self, other: Self) -> Self:
        """These rows and, after them, the other ones."""

    @abstractmethod
    def take(self, rows: Sequence[int]) -> Self:
        """Some rows, in the order of `rows`."""

    @property
    def settings(self) -> Any:
        """How it was made: what the manifest says of it, of the type that the registry names; by default nothing."""
        return NoSettings()

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write it into a file."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path, manifest: Manifest) -> Self:
        """Read what :meth:`save` wrote; an ArtefactError for anything else, or what does not fit `manifest`."""

    @abstractmethod
    def blob(self, row: int) -> bytes:
        """What it holds of one performance, for a store that keeps rows instead of files."""

    @classmethod
    @abstractmethod
    def of_blobs(cls, blobs: Sequence[bytes], manifest: Manifest) -> Self:
        """Of what :meth:`blob` made, one a performance; an ArtefactError for anything else."""

    @abstractmethod
    def check(self, names: Sequence[str]) -> None:
        """Look at every value; an ArtefactError names the performance with the first wrong one."""

    @classmethod
    def settings_for(cls, features: FeatureConfig, frame_rate: float, like: Any) -> Any:
        """How to make it for a model that sees `features`, of files with `frame_rate` frames/s.

        Parameters
        ----------
        features : FeatureConfig
        frame_rate : float
        like : settings or None
            Those of the rows that are there already, if any.

        Raises
        ------
        UsageError
            When the part cannot be made for this model.
        """
        return NoSettings()

    @classmethod
    @abstractmethod
    def make(cls, packed: Packed, settings: Any) -> Self:
        """The part of a packed collection, in the store's order."""
