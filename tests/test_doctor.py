from __future__ import annotations

import importlib.metadata
import sqlite3
import subprocess
import sys
from pathlib import Path

import faiss
import h5py
import numpy as np
import pytest
import torch
from published import publish

from covsearch import __version__, doctor
from covsearch.doctor import diagnose
from covsearch.workspace import Workspace


def test_versions_are_those_that_are_imported(tmp_path: Path) -> None:
    found = diagnose(Workspace(tmp_path)).sections
    assert found["covsearch"]["version"] == __version__
    assert found["FAISS"]["version"] == faiss.__version__
    assert found["FAISS"]["compiled with"] == faiss.get_compile_options().strip()
    assert found["numpy"]["version"] == np.__version__
    assert found["torch"]["version"] == torch.__version__
    assert found["torch"]["threads"].startswith(f"{torch.get_num_threads()}, ")
    stores = found["SQLite and HDF5"]
    assert stores["SQLite"].startswith(f"{sqlite3.sqlite_version}, FTS5: ")
    assert (stores["h5py"], stores["HDF5"]) == (h5py.__version__, h5py.version.hdf5_version)
    assert found["packages"]["sqlalchemy"] == importlib.metadata.version("sqlalchemy")
    assert not [section for section in found.values() if "cannot be told" in section]


def test_extras_tell_what_is_installed_and_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "numpy>=1",
        "h5py[x]>=3; python_version > '3'",
        "nosuch-thing>=8; extra == 'plots'",
        "click; extra == 'plots'",
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: [*lines, "covsearch[plots]; extra == 'dev'"])
    found = diagnose(Workspace(tmp_path)).sections
    version = importlib.metadata.version
    assert found["packages"] == {"numpy": version("numpy"), "h5py": version("h5py")}
    assert found["optional extras"] == {"plots": f"nosuch-thing not installed, click {version('click')}"}


def test_without_an_index_there_is_no_problem(tmp_path: Path) -> None:
    found = diagnose(Workspace(tmp_path / "not" / "yet"))
    assert found.problems == ()
    assert found.sections["workspace"]["index"].endswith("run `covsearch build-index` first")
    assert found.sections["workspace"]["free disk"].endswith(" GiB")
    assert not (tmp_path / "not").exists()


def test_generations_are_told_with_their_state(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    publish(workspace)
    publish(workspace, seed=1)
    (workspace.index / "gen-0001" / "ids.json").write_text("[]")
    found = diagnose(workspace)
    assert found.problems == ()
    state = found.sections["workspace"]
    assert state["gen-0002"].startswith("current · sound · 40 performances of 14 works, model cnn-")
    assert "previous · " in state["gen-0001"]
    assert "ids.json: expected" in state["gen-0001"]


def test_a_broken_index_is_a_problem_and_all_else_is_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    publish(workspace)
    sound = diagnose(workspace).sections
    (workspace.index / "gen-0001" / "ids.json").unlink()
    found = diagnose(workspace)
    assert [problem.split(": ")[1:] for problem in found.problems] == [
        ["a file of the index is missing; run `covsearch build-index`"]
    ]
    assert {name: list(section) for name, section in found.sections.items()} == {
        name: list(section) for name, section in sound.items()
    }


def test_a_package_that_cannot_be_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    found = diagnose(Workspace(tmp_path)).sections
    assert found["torch"]["cannot be told"].startswith("ModuleNotFoundError: ")
    assert found["numpy"]["version"] == np.__version__


def test_the_users_home_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert (
        doctor._at_home("/home/ada/covers: /home/ada is, /home/adam is not")
        == "~/covers: /home/ada is, /home/adam is not"
    )
    monkeypatch.setenv("HOME", "/")
    assert doctor._at_home("/covers") == "/covers"


def test_importing_it_imports_no_torch() -> None:
    code = "import sys, covsearch.doctor; print([m for m in ('torch', 'h5py', 'pennylane') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
