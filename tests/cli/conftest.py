"""What the tests of the command line share: a command in a process of its own, and indexes to ask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from collection import write_collection
from published import made_up_calibration, publish
from untrained import write_model

from covsearch.workspace import Workspace

HEAVY = ("torch", "pennylane", "sklearn", "matplotlib", "h5py", "pandas")


def process(home: Path | Workspace, *words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    folder = home.home if isinstance(home, Workspace) else home
    line = [sys.executable, "-m", "covsearch", "--home", str(folder), *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, **more)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Forty performances of made-up vectors."""
    workspace = Workspace(tmp_path_factory.mktemp("plain"))
    publish(workspace)
    return workspace


@pytest.fixture(scope="session")
def windowed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("windowed"))
    publish(workspace, windows=True)
    return workspace


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("calibrated"))
    publish(workspace, windows=True, calibration=made_up_calibration())
    return workspace


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection `toy`, for commands that only read it."""
    return write_collection(tmp_path_factory.mktemp("songs") / "toy")
