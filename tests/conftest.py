"""Fixtures that several areas share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from collection import write_collection
from commands import Commands, Ran
from hypothesis import HealthCheck, settings

import covsearch
from covsearch import progress
from covsearch.cli import main

# the tests' tensors are small: threads inside one operation would spend their time waiting for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # tables are as wide as where nothing is said, also in pytest-xdist's processes
# a busy machine is slow, not wrong; `make nightly` draws as many examples as hypothesis does of itself
EXAMPLES = 100 if os.environ.get("COVSEARCH_TEST_NIGHTLY") else 40
progress.EVERY = 1e9  # seconds: what a command says does not depend on how long it took
settings.register_profile(
    "covsearch", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=EXAMPLES
)
settings.load_profile("covsearch")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    def ran(argv: list[str]) -> Ran:
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
        return Ran(ended.value.code, *capsys.readouterr())

    return Commands(ran)


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the bundled sample is indexed by the bundled weights, with windows; for tests that only read."""
    home = tmp_path_factory.mktemp("sample")
    covsearch.build(home=home, windows=True)
    return home


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Eight works of three performances, HPCP only."""
    return write_collection(tmp_path / "toy")
