"""The back ends that the contract is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from milvus_server import milvus_database
from postgres_server import database

from covsearch.workspace import Workspace


def in_postgres(folder: Path) -> Workspace:
    """With a database of its own in a real server; without a server, the test is skipped."""
    return Workspace(folder, database(str(folder)))


def in_milvus(folder: Path) -> Workspace:
    """With vectors in a real Milvus, and a database of its own for all else."""
    return Workspace(folder, milvus_database(str(folder)))


FASTSCAN = "local, FastScan"
"""The local one as it is of many vectors; :func:`tests.contract.conftest.workspace` makes few ones do."""
BACKENDS: Mapping[str, Callable[[Path], Workspace]] = {
    "local": Workspace,
    FASTSCAN: Workspace,
    "postgres": in_postgres,
    "milvus": in_milvus,
}
"""Name -> makes a workspace, with an empty store or with the one that was made in this folder before."""
