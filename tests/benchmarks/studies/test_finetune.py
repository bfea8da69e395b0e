"""The study of the default training: folds hold every work out once, and what it measures can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from collection import write_collection

from benchmarks.studies import finetune
from covsearch.workspace import Workspace


def test_every_work_is_held_out_once_and_never_heard_before() -> None:
    works = [f"W_{k}" for k in range(23)]
    splits = list(finetune.folds(works, 0))
    assert sorted(work for split in splits for work in split.test) == sorted(works)
    for split in splits:
        parts = (split.train, split.validation, split.test)
        assert sorted(work for part in parts for work in part) == sorted(works)
        assert all(parts)


def test_a_collection_is_measured_before_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_collection(tmp_path / "toy", works=25, frames=120)
    monkeypatch.setattr(finetune, "find_workspace", lambda: Workspace(tmp_path / "home"))
    measured = finetune.measure(root, None, {"epochs": 1}, 0)
    assert (measured["queries"], measured["among"], len(measured["kept"])) == (75, 75, finetune.FOLDS)
    assert all(0 < rate["value"] <= 1 for rate in measured["map"].values())
    (first, *_, last) = (
        finetune.markdown({"collections": [measured], "how": "1 epoch"}).split("\n\n")[0].splitlines()[2:]
    )
    assert first.startswith("| toy | 75 of 75 | bundled weights | ")
    assert last.split(" | ")[2] == "tuned, last epoch"
    assert measured["differences"][0]["second"] == finetune.BEFORE
