"""A disk that fills up while an index is published: the old index stays, whole, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FILL = """
import os, sys
from pathlib import Path
sys.path[:0] = {path!r}
from covsearch.errors import CovsearchError
from covsearch.index.verified import STAMP
from covsearch.search import open_searcher
from covsearch.workspace import Workspace
from published import publish

home, source = Path(sys.argv[1]), Workspace(Path(sys.argv[2]))
workspace = Workspace(home)
publish(workspace)
seen = lambda: sorted(str(p) for p in home.rglob("*") if p.name != STAMP)  # a reader may write that at any time
before = seen()
answer = open_searcher(workspace).query("P_22", 39)
failures = 0
for free in range(0, 400_000, 8192):
    status = os.statvfs(home)
    (home / "ballast").write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - free)))
    try:
        publish(workspace, seed=1)
    except (OSError, CovsearchError) as e:
        assert any(words in str(e) for words in ("No space left on device", "database or disk is full")), e
        assert str(home) in str(e) or "disk I/O" in str(e), e
        failures += 1
    else:
        break
    (home / "ballast").unlink()
    left = seen()
    assert left == before, (free, set(left) ^ set(before))
    assert open_searcher(workspace).query("P_22", 39) == answer
print(failures, open_searcher(workspace).generation.name)
"""


def test_a_disk_that_fills_up_at_any_byte_leaves_the_index_and_nothing_else(tmp_path: Path) -> None:
    """A disk of 1 MB, with 0, 8, 16, ... KiB free until a build succeeds."""
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "fill.py").write_text(FILL.format(path=[str(Path(__file__).resolve().parents[1])]))
    line = f"mount -t tmpfs -o size=1m tmpfs {disk} && {sys.executable} {tmp_path / 'fill.py'} {disk} {tmp_path}"
    enter = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*enter, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs Linux's user namespaces, to mount a small disk")
    done = subprocess.run([*enter, "sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    failures, generation = done.stdout.split()
    assert int(failures) > 5
    assert generation == "gen-0002"
