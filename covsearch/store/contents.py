"""What a store is given to publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from covsearch import __version__
from covsearch.index.manifest import FORMAT, Manifest, StoredFile

if TYPE_CHECKING:  # only types: whoever asks for metadata alone needs no arrays
    import numpy as np
    from numpy.typing import NDArray

    from covsearch.config import FeatureConfig
    from covsearch.dataset.origin import Origin
    from covsearch.dataset.performance import Performance
    from covsearch.index.collection_calibration import CollectionCalibration
    from covsearch.index.head import Head
    from covsearch.index.part import Part


@dataclass(frozen=True, eq=False)
class Contents:
    """What is published: checked, named and in natural order already, by :func:`covsearch.indexing.publish`.

    Attributes
    ----------
    names : sequence of str
        N names, all different.
    performances : sequence of Performance
        Their metadata, with the ids that they have in their own collections.
    vectors : NDArray[float32], shape (N, D)
        Finite, of unit length.
    parts : mapping
        By name; of the same rows.
    origins : mapping
        What a name was indexed from, where that is known.
    head : Head
    model_files : mapping of str to bytes
        The checkpoint by the names of its files: weights, configuration, and the calibration if there is one. Empty of
        foreign vectors, and then `features` and `frame_rate` are None.
    model : str
        Its fingerprint.
    features : FeatureConfig or None
    subset : str
    frame_rate : float or None
    source : str or None
        As :class:`Facts` has them.
    calibration : CollectionCalibration or None
        Of foreign vectors, where there is one.
    grown : bool
        Whether these are the rows of the current state, some taken away and others added: what a back end learned of
        those, it may keep.
    """

    names: Sequence[str]
    performances: Sequence[Performance]
    vectors: NDArray[np.float32]
    parts: Mapping[str, Part]
    origins: Mapping[str, Origin]
    head: Head
    model_files: Mapping[str, bytes]
    model: str
    features: FeatureConfig | None
    subset: str
    frame_rate: float | None
    source: str | None
    calibration: CollectionCalibration | None = None
    grown: bool = False

    def manifest(self, count: int, works: int, recipe: Mapping[str, Any], files: Mapping[str, StoredFile]) -> Manifest:
        """What the new generation, with so many performances and works in all, says of itself."""
        return Manifest(
            format=FORMAT,
            covsearch=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            subset=self.subset,
            count=count,
            works=works,
            dim=self.head.dim,
            model=self.model,
            features=self.features,
            frame_rate=self.frame_rate,
            recipe=recipe,
            parts={name: part.settings for name, part in self.parts.items()},
            source=self.source,
            files=files,
        )
