"""What the tests of PostgreSQL share."""

from __future__ import annotations

from pathlib import Path

import pytest
from postgres_server import database

from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With an empty database of a real server as its store."""
    return Workspace(tmp_path / "home", database(str(tmp_path)))
