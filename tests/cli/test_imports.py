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
    ("plain", "--help", (*HEAVY, "faiss", "sqlalchemy")),
    ("windowed", "find love", (*HEAVY, *NO_ARRAYS)),
    ("songs", "dataset info SONGS", ("torch", "pennylane", "sklearn", "matplotlib", "faiss")),
    ("own", "remove P_1", ("torch", "sklearn", "pennylane")),
    *(
        (home, words, HEAVY)
        for home in ("windowed", "calibrated")
        for words in ("query P_22", "query P_22 --csv", "query P_22 --rerank windows", "query --help")
    ),
    *(("windowed", words, (*HEAVY, "scipy.optimize")) for words in ("compare P_1 P_2", "verify", "stats")),
]


@pytest.fixture
def own(tmp_path: Path) -> Workspace:
    publish(Workspace(tmp_path))
    return Workspace(tmp_path)


@pytest.mark.parametrize(("home", "words", "heavy"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_heavy(home: str, words: str, heavy: tuple[str, ...], request: pytest.FixtureRequest) -> None:
    given = request.getfixturevalue(home)
    folder = given.home if isinstance(given, Workspace) else given
    code = (
        "import sys\n"
        "from covsearch.cli import main\n"
        "try: main()\n"
        "except SystemExit as e: assert not e.code\n"
        f"heavy = set({heavy!r}) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    line = [sys.executable, "-c", code, "--home", str(folder), *words.replace("SONGS", str(folder)).split()]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
