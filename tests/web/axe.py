"""axe-core, which finds what keeps people with a disability out of a page; downloaded by npm for these tests alone."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs
import pytest

VERSION = "4.14.1"
CACHE = Path(platformdirs.user_cache_dir("covsearch-tests")) / f"axe-core-{VERSION}.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _source() -> str:
    """The script; empty where it cannot be had."""
    if not CACHE.is_file():
        npm = shutil.which("npm")
        if npm is None:
            return ""
        with tempfile.TemporaryDirectory() as folder:
            packed = subprocess.run(
                [npm, "pack", f"axe-core@{VERSION}", "--silent"], cwd=folder, capture_output=True, check=False
            )
            archives = list(Path(folder).glob("axe-core-*.tgz"))
            if packed.returncode or not archives:
                return ""
            with tarfile.open(archives[0]) as archive:
                script = archive.extractfile("package/axe.min.js")
                assert script is not None
                CACHE.parent.mkdir(parents=True, exist_ok=True)
                CACHE.write_bytes(script.read())
    return CACHE.read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    """What axe-core finds on a page: rule, and where; skips the test where axe-core cannot be had."""
    source = _source()
    if not source:
        pytest.skip("needs axe-core: npm is missing, or cannot reach its registry")
    page.evaluate(source)
    found = page.evaluate("tags => axe.run({ runOnly: tags })", RULES)
    assert len(found["passes"]) > 5  # it has looked
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
