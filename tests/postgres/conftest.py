"""What the tests of PostgreSQL share."""

from __future__ import annotations

from pathlib import Path

import pytest
from postgres_server import database, database_at, primary_and_replica, replayed

from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With an empty database of a real server as its store."""
    return Workspace(tmp_path / "home", database(str(tmp_path)))


@pytest.fixture
def primary(tmp_path: Path) -> Workspace:
    """With an empty database of a primary."""
    return Workspace(tmp_path / "home", database_at(primary_and_replica()[0], str(tmp_path)))


@pytest.fixture
def replica(primary: Workspace) -> Workspace:
    """With the same database of its replica."""
    replayed()
    return primary.with_store(database_at(primary_and_replica()[1], str(primary.home.parent)))
