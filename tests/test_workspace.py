"""Where the workspace is when the user has no home, an empty one, or names another's."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Commands
from published import publish

import covsearch
from covsearch import workspace as places
from covsearch.api import Index
from covsearch.dataset.sample import sample_root
from covsearch.doctor import diagnose
from covsearch.errors import CovsearchError, NotFoundError, UsageError
from covsearch.index.publish import builder_lock
from covsearch.workspace import Workspace, expanded, find_workspace, is_file, user_cache

NO_HOME = "this user has no home folder .* set COVSEARCH_HOME to a folder that you can write"


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As under ``docker run -u 12345``, with covsearch installed."""

    def unknown(_: int) -> None:
        raise KeyError

    for name in ("HOME", "COVSEARCH_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(places, "__file__", str(tmp_path / "site-packages" / "covsearch" / "workspace.py"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_the_message_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_workspace()  # no failure yet: not every command needs one
    with pytest.raises(UsageError, match=NO_HOME):
        _ = found.index
    with pytest.raises(UsageError, match=NO_HOME):
        user_cache()
    with pytest.raises(UsageError, match=NO_HOME):
        sample_root()
    assert list(tmp_path.iterdir()) == []  # above all no folder called ~
    monkeypatch.setenv("COVSEARCH_HOME", str(tmp_path / "mine"))
    assert find_workspace().home == tmp_path / "mine"


@pytest.mark.usefixtures("homeless")
def test_the_doctor_sees_the_homeless_too() -> None:
    told = diagnose(find_workspace())
    assert told.problems == ()
    assert "no home folder" in told.sections["workspace"]["index"]
    assert "no home folder" in told.sections["workspace"]["cannot be told"]
    assert "cannot be told" not in told.sections["numpy"]


def test_the_doctor_outlives_what_nobody_thought_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LookupError("of a new kind")

    monkeypatch.setattr("covsearch.verify.verify_workspace", fail)
    monkeypatch.setattr("covsearch.doctor._numpy", fail)
    told = diagnose(Workspace(tmp_path)).sections
    assert told["workspace"]["index"] == "cannot be told: LookupError: of a new kind"
    assert told["numpy"] == {"cannot be told": "LookupError: of a new kind"}


def test_a_file_is_no_workspace_and_the_doctor_says_so(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    said = f"expected a folder for the workspace, got {file}, which is not one"
    with pytest.raises(UsageError, match=re.escape(said)):
        covsearch.open(file)
    with pytest.raises(UsageError, match=re.escape(said)), builder_lock(Workspace(file)):
        pass
    assert diagnose(Workspace(file)).sections["workspace"]["index"] == said


def test_an_unknown_user_has_no_folder() -> None:
    with pytest.raises(UsageError, match=r"expected a folder .*, got ~no-such-user/x: ~no-such-user is no user's home"):
        find_workspace(Path("~no-such-user/x"))


def test_an_empty_variable_names_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COVSEARCH_HOME", raising=False)
    expected = find_workspace().home
    monkeypatch.setenv("COVSEARCH_HOME", "")
    assert find_workspace().home == expected != tmp_path


def run(*arguments: str, home: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "covsearch", *arguments]
    return subprocess.run(command, env={**os.environb, b"COVSEARCH_HOME": home}, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--home", "", "stats"], "Invalid value for '--home': expected a folder, got an empty text"),
        *(([*words.split(), ""], "got an empty text") for words in ("update", "groups read", "setlist", "extract")),
    ],
)
def test_an_empty_text_is_no_folder(words: list[str], said: str, tmp_path: Path, command: Commands) -> None:
    came = command(tmp_path, *words)  # a second --home counts
    assert (came.code, said in came.err) == (2, True)


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a file or folder, got an empty text"):
        expanded("")
    assert expanded(Path()) == Path()
    assert expanded(None) is None


@pytest.mark.parametrize(
    ("text", "why"), [("x" * 256, "too long for a file"), ("a\0b", "is not there: no name of a file has a NUL")]
)
def test_a_path_that_cannot_be_is_not_there(text: str, why: str) -> None:
    with pytest.raises(NotFoundError, match=why):
        expanded(text)
    assert not is_file(text)
    assert expanded("x" * 255) == Path("x" * 255)


def test_a_long_name_is_an_error_of_ours_wherever_it_is_said(tmp_path: Path) -> None:
    publish(Workspace(tmp_path))
    index, long = Index(Workspace(tmp_path)), "x" * 300
    asked: list[Callable[[], object]] = [
        lambda: index.query(long),
        lambda: index.query("ab" * 200 + ".mp3"),
        lambda: index.query(Path(long)),
        lambda: index.query([long]),
        lambda: index.compare(long, "P_1"),
        lambda: index.compare("P_1", long),
        lambda: index.setlist(long),
        lambda: index.add(long),
        lambda: index.add("P_1", metadata=long),
        lambda: index.add(vectors=long),
        lambda: index.update(long),
        lambda: index.corrections.read(long),
        lambda: index.corrections.accept(long, "P_1"),
        lambda: index.audio(long),
        lambda: index[long],
        lambda: index.remove(long),
        lambda: covsearch.build(long, home=tmp_path / "other"),
        lambda: covsearch.open(long),
    ]
    for ask in asked:
        with pytest.raises(CovsearchError):
            ask()
    assert long not in index
    assert index.find(long) == []


def test_a_workspace_whose_path_is_not_utf8_answers(tmp_path: Path) -> None:
    home = os.fsencode(tmp_path) + b"/home\xff"
    publish(Workspace(Path(os.fsdecode(home))))
    done = run("query", "P_5", "--rerank", "head", "--csv", home=home)
    assert (done.returncode, done.stdout.splitlines()[0][:14]) == (0, b"rank,pid,wid,t")
    assert run("verify", home=home).returncode == 0


def test_a_tilde_is_a_home_folder_only_where_there_is_such_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert expanded("~/song.mp3") == Path("/home/somebody/song.mp3")
    assert expanded("~no such user") == Path("~no such user")
    assert expanded(None) is None
