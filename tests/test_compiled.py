"""Functions that are compiled, where their machine code can be kept and where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import covsearch

TWICE = """
from covsearch.compiled import compiled
@compiled(nogil=True)
def twice(x):
    return 2 * x
print(twice(21), len(twice.signatures))
"""


def run(script: Path, home: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR")}
    environment = {**kept, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = str(Path(covsearch.__file__).parent.parent)
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment)


def test_machine_code_is_kept_beside_the_source(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(TWICE)
    assert run(script, tmp_path / "home").stdout == "42 1\n"
    assert list(tmp_path.glob("__pycache__/script.twice-*.nbi"))


def test_a_user_who_may_write_nowhere_waits_and_gets_the_same(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(TWICE)
    for blocked in ("__pycache__", "home"):
        (tmp_path / blocked).write_text("a file, in which nobody can make a folder, the root neither")
    ran = run(script, tmp_path / "home")
    assert (ran.stdout, ran.returncode) == ("42 1\n", 0), ran.stderr
