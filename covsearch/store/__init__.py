"""Where an index lives. Callers see the protocols of :mod:`covsearch.store.protocols`; each back end is one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from covsearch.errors import UsageError
from covsearch.guard.urls import without_password

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from covsearch.index.head import Head
    from covsearch.store.protocols import Publisher, VectorStore
    from covsearch.workspace import Workspace

POSTGRES = ("postgresql://", "postgres://")
MILVUS = tuple(f"milvus+{scheme}" for scheme in POSTGRES)


def store_of(workspace: Workspace) -> Publisher:
    """The back end that holds the index of `workspace`: the database that it names, else its own files.

    Works are as its corrections have them.

    Raises
    ------
    UsageError
        When its store is no URL of a database that is known.
    MissingExtraError
        When the driver of the database is not installed.
    """
    from covsearch.store.corrected import CorrectedStore

    return cast("Publisher", CorrectedStore(_back_end(workspace)))


def _back_end(workspace: Workspace) -> Publisher:
    if workspace.store is not None:
        if workspace.store.startswith(MILVUS):
            from covsearch.store.milvus import milvus_store

            return milvus_store(workspace)
        if not workspace.store.startswith(POSTGRES):
            shown = without_password(workspace.store) if "://" in workspace.store else "a text without ://"
            raise UsageError(f"expected a store like postgresql://USER@HOST/DATABASE, got {shown}")
        from covsearch.store.postgres import PostgresStore

        return PostgresStore(workspace)
    from covsearch.store.local import LocalStore

    return LocalStore(workspace)


def in_memory(names: Sequence[str], vectors: NDArray[np.float32], head: Head) -> VectorStore:
    """Vectors (N, 128) that are searched as those of an index are, and stored nowhere."""
    from covsearch.index.flat import FlatIndex
    from covsearch.store.local.vectors import LocalVectors

    return LocalVectors(tuple(names), FlatIndex(vectors, head))
