"""Where an index lives. Callers see the protocols of :mod:`covsearch.store.protocols`; each back end is one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from covsearch.store.protocols import Publisher
    from covsearch.workspace import Workspace


def store_of(workspace: Workspace) -> Publisher:
    """The back end that holds the index of `workspace`: its own files."""
    from covsearch.store.local import LocalStore

    return LocalStore(workspace)
