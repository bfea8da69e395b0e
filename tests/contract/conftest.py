"""Every test of the contract runs over every back end."""

from __future__ import annotations

from pathlib import Path

import pytest

from covsearch.index import searched
from covsearch.store import store_of
from covsearch.store.protocols import Publisher
from covsearch.workspace import Workspace
from tests.contract.backends import BACKENDS, FASTSCAN


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def workspace(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    if backend == FASTSCAN:
        monkeypatch.setattr(searched, "FLAT_LIMIT", 0)
    return BACKENDS[backend](tmp_path / "store")


@pytest.fixture
def store(workspace: Workspace) -> Publisher:
    return store_of(workspace)
