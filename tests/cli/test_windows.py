"""Windows is not supported, and that is said in a sentence."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import covsearch
from covsearch.cli import main

SAID = "covsearch runs on Linux and macOS, not on Windows: there, use WSL or a Linux container"


def test_the_command_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as windows:
        windows.setattr(os, "name", "nt")
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"Error: {SAID}\n"


def test_the_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as windows:
        windows.setattr(os, "name", "nt")
        with pytest.raises(ImportError, match=SAID):
            _ = covsearch.open


def test_the_command_is_loaded_without_what_windows_lacks() -> None:
    code = "import sys; sys.modules.update(fcntl=None, resource=None, pwd=None, grp=None); import covsearch.cli"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr == ""
