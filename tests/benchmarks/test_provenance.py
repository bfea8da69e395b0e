from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks import provenance


def test_the_block_names_this_machine_and_the_installed_versions() -> None:
    block = provenance.provenance("x", 7, ["--to", "a b"])
    assert (block["command"], block["seed"]) == ("python -m benchmarks.x --to 'a b'", 7)
    assert block["versions"]["numpy"] == np.__version__
    assert abs(datetime.fromisoformat(block["date"]) - datetime.now(UTC)).total_seconds() < 60
    assert block["load_1min"] >= 0
    assert json.loads(json.dumps(block)) == block


def test_a_package_that_is_not_installed_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package-anywhere",))
    assert provenance.provenance("x", None)["versions"] == {"no-such-package-anywhere": None}


def test_a_result_is_written_as_json_that_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "RESULTS", tmp_path / "results")
    path = provenance.write_result("speed", {"seconds": 1.5, "title": "Björk"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"seconds": 1.5, "title": "Björk"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        provenance.write_result("speed", {"seconds": float("nan")})
