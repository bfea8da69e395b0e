"""The back end for more vectors than one machine searches: Milvus finds them, PostgreSQL keeps everything.

In goes what the PostgreSQL store is given, out come its answers; only what finds the nearest vectors is another one.
:func:`covsearch.store.store_of` makes it of ``milvus+postgresql://USER@HOST/DATABASE?milvus=http://HOST:19530``.

Every generation has a collection of its own, which is written before the generation is current and never changed. Its
name is in the generation's manifest, so PostgreSQL's pointer alone says what is current. An alias in Milvus follows the
pointer, for people and other programs; where a crash left it behind, the next one who opens or publishes moves it.
"""

from __future__ import annotations

from covsearch.store.milvus.finder import MilvusFinder
from covsearch.store.postgres import PostgresStore
from covsearch.workspace import Workspace


def milvus_store(workspace: Workspace) -> PostgresStore:
    """The store that the URL of a workspace names.

    Raises
    ------
    UsageError
        When the URL does not say where Milvus is.
    MissingExtraError
        When a driver is not installed.
    """
    assert workspace.store is not None
    return PostgresStore(workspace, MilvusFinder(workspace.store))
