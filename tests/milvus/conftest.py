"""What the tests of Milvus share."""

from __future__ import annotations

from pathlib import Path

import pytest
from milvus_server import milvus_database

from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With an empty database and a real Milvus as its store."""
    return Workspace(tmp_path / "home", milvus_database(str(tmp_path)))
