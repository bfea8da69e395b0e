"""Fixtures that several areas share."""

from __future__ import annotations

from pathlib import Path

import pytest
from collection import write_collection


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Eight works of three performances, HPCP only."""
    return write_collection(tmp_path / "toy")
