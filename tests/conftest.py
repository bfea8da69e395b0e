"""Fixtures that several areas share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from collection import write_collection

# the tests' tensors are small: threads inside one operation would spend their time waiting for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Eight works of three performances, HPCP only."""
    return write_collection(tmp_path / "toy")
