"""Where an index lives. Callers see the protocols of :mod:`covsearch.store.protocols`; each back end is one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from covsearch.index.head import Head
    from covsearch.store.protocols import Publisher, VectorStore
    from covsearch.workspace import Workspace


def store_of(workspace: Workspace) -> Publisher:
    """The back end that holds the index of `workspace`, its own files; works are as its corrections have them."""
    from covsearch.store.corrected import CorrectedStore
    from covsearch.store.local import LocalStore

    return CorrectedStore(LocalStore(workspace))


def in_memory(names: Sequence[str], vectors: NDArray[np.float32], head: Head) -> VectorStore:
    """Vectors (N, 128) that are searched as those of an index are, and stored nowhere."""
    from covsearch.index.flat import FlatIndex
    from covsearch.store.local.vectors import LocalVectors

    return LocalVectors(tuple(names), FlatIndex(vectors, head))
