"""The process that reads strangers' audio: files that are not what they were when their reading began."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from covsearch.collections import worker
from tests.hostile.audio import encoded, music

_FULL = encoded("WAV", "PCM_16")
_OTHER = encoded("WAV", "PCM_16", samples=music()[::-1].copy())


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of a worker process are not for the process of the tests."""
    monkeypatch.setattr(worker, "_start_clock", lambda _size: None)


def _replace(path: Path) -> None:
    _OTHER(path)
    os.utime(path, ns=(1, 1))  # an older file, as `mv` leaves it


@pytest.mark.parametrize("job", [{"chroma": "cache"}, {"hdf5": "P_1.h5", "label": "W_1", "track_id": "P_1"}])
def test_a_file_that_changes_while_it_is_read_leaves_nothing_behind(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, decode = tmp_path / "a.wav", worker._decoded
    job = {"path": str(path), "hop": 2048, **job}
    job.update({key: str(tmp_path / job[key]) for key in ("chroma", "hdf5") if key in job})

    def late(path: Path, *rest: Any, **options: Any) -> Any:
        _replace(path)
        return decode(path, *rest, **options)

    _FULL(path)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_decoded", late)
        told = worker.answer(job)
    assert told["may_pass"]
    assert told["refused"].startswith("changed while it was read")
    assert not [*tmp_path.rglob("*.npy"), *tmp_path.rglob("*.h5")]
    _FULL(path)
    assert worker.answer(job)["decoded"]
