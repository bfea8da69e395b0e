"""What a command does when the disk, the folder, the terminal or the user gives way: one line, its code, no harm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from collection import write_collection
from untrained import write_model

from covsearch.index.verified import STAMP
from covsearch.indexing import build_index
from covsearch.search import open_searcher
from covsearch.workspace import Workspace


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset ``toy`` (P_1 to P_24), a ``model``, and a ``home`` where they are indexed."""
    folder = tmp_path_factory.mktemp("built")
    build_index(write_collection(folder / "toy"), write_model(folder / "model"), Workspace(folder / "home"))
    return folder


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    """A workspace of its own, as it was built."""
    shutil.copytree(built / "home", tmp_path / "home")
    return tmp_path / "home"


def command(home: Path, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "covsearch", "--home", *map(str, (home, *arguments))]


def build_command(built: Path, home: Path) -> list[str]:
    return command(home, "build-index", "--dataset", built / "toy", "--model", built / "model")


def content(home: Path) -> dict[str, bytes]:
    """Every published file, without the cache, the lock and the stamp of checked files: a reader needs none of them."""
    files = [path for folder in ("index", "db") for path in (home / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(home)): path.read_bytes() for path in files if path.name not in (".lock", STAMP)}


def shell(line: str) -> tuple[int, str]:
    """Exit code of the first command of a pipe, and everything that came on stderr."""
    done = subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "asked", ["query P_22", "query P_22 --json", "find song", "remove P_99", "--help", "dataset info TOY"]
)
def test_a_reader_that_leaves_is_no_failure(built: Path, home: Path, asked: str) -> None:
    """The pipe's other end is closed before anything is written."""
    line = " ".join(command(home, *asked.replace("TOY", str(built / "toy")).split()))
    code, said = shell(f"({line}; echo code $? >&2) | (exec <&-; sleep 0)")
    assert (code, said.splitlines()[-1]) == (0, "code 0")
    assert "Traceback" not in said
    assert "Error" not in said


@pytest.mark.parametrize("asked", ["query P_22", "query P_22 --json", "find song"])
def test_a_full_disk_behind_stdout_is_a_failure(home: Path, asked: str) -> None:
    code, said = shell(" ".join([*command(home, *asked.split()), "> /dev/full"]))
    assert (code, said) == (1, "Error: No space left on device\n")


@pytest.mark.parametrize("where", ["2> /dev/full", "2>&-", "> /dev/full 2>&1", ">&- 2>&-"])
def test_an_exit_code_does_not_need_a_stderr(home: Path, where: str) -> None:
    assert shell(" ".join([*command(home, "query", "P_99"), where]))[0] == 3
    damaged = home / "index" / "CURRENT"
    damaged.write_text("junk")
    assert shell(" ".join([*command(home, "query", "P_22"), where]))[0] == 4


@pytest.mark.parametrize(
    "asked", ["query P_22", "query P_22 --json", "compare P_1 P_2", "find song", "stats", "verify"]
)
def test_a_closed_stdout_is_no_failure(home: Path, asked: str) -> None:
    code, said = shell(" ".join([*command(home, *asked.split()), ">&-"]))
    assert (code, "Traceback" in said) == (0, False), said


def test_closed_streams_stop_nothing(built: Path, home: Path) -> None:
    assert shell(" ".join([*build_command(built, home), ">&-", "2>&-"]))[0] == 0
    assert open_searcher(Workspace(home)).generation.name == "gen-0002"


# ends the whole job, as Ctrl-C in a terminal does, when the build comes to a stage, whatever the clock says
_INTERRUPTED = """
import os, signal, sys
from contextlib import contextmanager
from covsearch import cli
from covsearch.cli import build

@contextmanager
def interrupting():
    def progress(stage, done, total):
        if [stage, str(done)] == wanted:
            os.killpg(0, signal.SIGINT)
    yield progress

signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run where SIGINT is ignored
build.stderr_progress = interrupting
wanted = sys.argv[1:3]
sys.argv = ["covsearch", *sys.argv[3:]]
cli.main()
"""


@pytest.mark.parametrize(
    ("stage", "done"),
    [("compiling the alignment", 0), ("packing features", 1), ("packing features", 24), ("embedding", 24)],
)
def test_ctrl_c_is_one_line_and_130_and_the_index_stays(built: Path, home: Path, stage: str, done: int) -> None:
    before = content(home)
    shutil.rmtree(home / "cache")  # so that there is something to pack
    line = [sys.executable, "-c", _INTERRUPTED, stage, str(done), *build_command(built, home)[3:]]
    ended = subprocess.run(line, capture_output=True, text=True, start_new_session=True, check=False)
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.strip() == "Interrupted: nothing half-made was published; run the command again to go on."
    assert content(home) == before


def without_rights() -> list[str]:
    """What makes a command obey the rights of files, which root otherwise does not."""
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and setpriv is not there")
    return ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]


@pytest.mark.parametrize("folder", [".", "index", "db", "cache"])
def test_a_folder_that_may_not_be_written_is_named(built: Path, home: Path, folder: str) -> None:
    before = content(home)
    shutil.rmtree(home / "cache")
    if folder == "cache":
        (home / "cache").mkdir()
    (home / folder).chmod(0o555)
    try:
        lines = {"build": build_command(built, home), "remove": command(home, "remove", "P_1")}
        for what, line in lines.items():
            done = subprocess.run([*without_rights(), *line], capture_output=True, text=True, check=False)
            if what == "remove" and folder in (".", "cache"):
                assert done.returncode == 0, done.stderr  # it needs only what may be written
                continue
            assert (done.returncode, done.stdout) == (1, "")
            (said,) = [line for line in done.stderr.splitlines() if not line.endswith(" s left")]  # no progress
            assert said.startswith("Error: ")
            assert str(home / folder).removesuffix("/.") in said
            assert "; name another workspace by --home or COVSEARCH_HOME" in said
            assert content(home) == before
        answer = subprocess.run(
            [*without_rights(), *command(home, "query", "P_2", "--json")], capture_output=True, check=True
        )
        assert json.loads(answer.stdout)["matches"]
    finally:
        (home / folder).chmod(0o755)
