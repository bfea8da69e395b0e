"""Commands that compute no embedding import none of what computes one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import HEAVY
from published import publish

from covsearch.workspace import Workspace

NO_ARRAYS = ("numpy", "faiss")
CASES = [
    ("plain", ("--help",), (*HEAVY, "faiss", "sqlalchemy")),
    ("windowed", ("find love",), (*HEAVY, *NO_ARRAYS)),
    ("songs", ("dataset info SONGS",), ("torch", "pennylane", "sklearn", "matplotlib", "faiss")),
    ("own", ("remove P_1",), ("torch", "sklearn", "pennylane")),
    *(
        (home, ("query P_22", "query P_22 --csv", "query P_22 --rerank windows", "query --help"), HEAVY)
        for home in ("windowed", "calibrated")
    ),
    ("windowed", ("compare P_1 P_2", "verify", "stats"), (*HEAVY, "scipy.optimize")),
]
# one process runs the commands of a case, and ends at the first that fails, prints nothing or imports too much
CODE = """
import contextlib, io, sys
from covsearch.cli import main
heavy, *lines = (words.split() for words in sys.argv[2:])
home = sys.argv[1]
for words in lines:
    sys.argv = ["covsearch", "--home", home, *words]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        try: main()
        except SystemExit as e: assert not e.code, words
    assert told.getvalue(), words
    assert not set(heavy) & set(sys.modules), (words, set(heavy) & set(sys.modules))
"""


@pytest.fixture
def own(tmp_path: Path) -> Workspace:
    publish(Workspace(tmp_path))
    return Workspace(tmp_path)


@pytest.mark.parametrize(("home", "lines", "heavy"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_heavy(
    home: str, lines: tuple[str, ...], heavy: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    given = request.getfixturevalue(home)
    folder = given.home if isinstance(given, Workspace) else given
    commands = [words.replace("SONGS", str(folder)) for words in lines]
    line = [sys.executable, "-c", CODE, str(folder), " ".join(heavy), *commands]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
