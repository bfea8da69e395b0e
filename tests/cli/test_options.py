"""Paths on the command line: an empty text is none, and a file that is to be written needs a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from covsearch.cli import cli

EMPTY = [
    ("groups", "--csv", ""),
    ("setlist", "x.mp3", "--csv", ""),
    ("setlist", "x.mp3", "--cue", ""),
    ("compare", "P_1", "P_2", "--plot", ""),
    ("query", "--file", ""),
    ("train", "--out", ""),
]


@pytest.mark.parametrize("words", EMPTY, ids=" ".join)
def test_an_empty_path_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--home", str(tmp_path), *words])
    assert result.exit_code == 2
    assert "got an empty text" in result.output


@pytest.mark.parametrize("words", [("groups", "--csv"), ("setlist", "x.mp3", "--cue")], ids=" ".join)
def test_a_file_in_no_folder_is_refused_before_anything_is_computed(words: tuple[str, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--home", str(tmp_path), *words, str(tmp_path / "none" / "x")])
    assert result.exit_code == 2
    assert f"expected a folder {tmp_path / 'none'}, it is not there" in result.output.replace("\n", " ")
