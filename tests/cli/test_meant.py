"""``query 5``, ``query p_5``, ``query "yesterday"``: what can mean one thing is taken for it, and said."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from commands import Commands
from published import publish

from covsearch.cli import cli, main
from covsearch.workspace import Workspace

TITLES = ("Imagine", "Help", "Help")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    publish(Workspace(home), titles=TITLES)
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("asked", "pid"),
    [
        ("5", "P_5"),
        ("p_5", "P_5"),
        ("p5", "P_5"),
        ("P-5", "P_5"),
        (" P_5 ", "P_5"),
        ("P_5_hpcp.h5", "P_5"),
        ("W_14", "P_40"),  # the only performance of its work
        ("w14", "P_40"),
        ("imagine", "P_1"),
        ("IMAG", "P_1"),
    ],
)
def test_one_meaning_is_taken_and_said(home: Path, asked: str, pid: str) -> None:
    result = run(home, "query", asked, "--rerank", "head", "--json")
    assert json.loads(result.stdout)["query"]["pid"] == pid
    assert result.stderr.startswith(f"{asked!r} is taken for {pid} (")


def test_an_id_itself_is_taken_without_a_word(home: Path) -> None:
    assert run(home, "query", "P_5", "--rerank", "head").stderr == ""


def test_compare_understands_the_same(home: Path) -> None:
    result = run(home, "compare", "5", "imagine", "--json")
    assert [json.loads(result.stdout)[side]["pid"] for side in ("a", "b")] == ["P_5", "P_1"]


@pytest.mark.parametrize(
    ("line", "said"), [(("query", "P_5", "--rerank", "head"), "P_5"), (("compare", "P_1", "P_5"), "P_5")]
)
def test_a_file_called_as_an_id_is_not_meant_and_this_is_said(
    home: Path, tmp_path: Path, line: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = run(home, *line, "--json").stdout
    (tmp_path / "P_5").write_bytes(b"no music")
    result = run(home, *line, "--json")
    told = [line for line in result.stderr.splitlines() if "P_5" in line]
    assert told == [f"{said} is an id of the index and a file here: the id is meant; for the file say ./P_5"]
    assert result.stdout == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            "help",
            "Error: 'help' may mean several performances; name one by its id:\n"
            "  P_2  Help · Singer {}\n  P_3  Help · Singer {}\n",
        ),
        ("W_1", "Error: 'W_1' may mean several performances; name one by its id:\n  P_1  Imagine · Singer {}\n"),
        ("P_99", "Error: no performance P_99 in the index: did you mean P_39 or P_29 or P_19?"),
        ("P_41", "Error: no performance P_41 in the index: did you mean P_40 or P_31 or P_21?"),
        (
            "nothing like it",
            "Error: no performance 'nothing like it' in the index. Look it up with `covsearch find TITLE`",
        ),
        ("none.mp3", "Error: no performance none.mp3 in the index, and no such file. Look it up with"),
        ("~/none/a song", "Error: no performance '~/none/a song' in the index, and no such file"),
        ("~", "Error: no performance '~' in the index, and a folder is no file to ask with"),
    ],
)
def test_several_meanings_are_listed(home: Path, asked: str, message: str, command: Commands) -> None:
    came = command(home, "query", asked)
    artists = [line.rpartition("Singer ")[2] for line in came.err.splitlines() if "Singer" in line]
    assert (came.code, came.err.startswith(message.format(*artists))) == (3, True), came.err


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("query", "P_3"), ["P_3", *(f"P_{n}" for n in range(30, 40))]),
        (("query", "p_3"), ["P_3", *(f"P_{n}" for n in range(30, 40))]),
        (("compare", "P_1", "P_40"), ["P_40"]),
        (("query", "x"), []),
    ],
)
def test_ids_are_completed(
    home: Path, words: tuple[str, ...], offered: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    complete(monkeypatch, "--home", str(home), *words)
    assert [answer.rpartition(",")[2] for answer in capsys.readouterr().out.split()] == offered


def test_completion_is_silent_without_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    complete(monkeypatch, "--home", str(tmp_path), "query", "P_")
    told = capsys.readouterr()
    assert (told.out.strip(), told.err) == ("", "")


def complete(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """As bash asks for the last word; --home is read from the line."""
    monkeypatch.setattr(sys, "argv", ["covsearch"])
    monkeypatch.setenv("_COVSEARCH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["covsearch", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
