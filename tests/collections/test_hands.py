"""Who reads files: what is tried again, and what a Dask cluster needs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from covsearch.collections import cluster
from covsearch.collections.hands import hands, retried
from covsearch.collections.worker import answer
from covsearch.errors import CovsearchError, MissingExtraError, UsageError

DIED = {"refused": "ended its decoder", "died": True, "may_pass": True}


@pytest.mark.parametrize(
    ("failures", "told", "tries"),
    [(0, {"done": 1}, 1), (1, {"done": 1}, 2), (2, {"done": 1}, 3), (3, DIED, 3), (9, DIED, 3)],
)
def test_what_may_pass_is_tried_twice_more_and_answered_once(failures: int, told: dict[str, Any], tries: int) -> None:
    asked: list[str] = []

    def hand(jobs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
        for job in jobs:
            asked.append(job["id"])
            bad = job["id"] == "odd" and asked.count("odd") <= failures
            yield job, dict(DIED) if bad else {"done": 1}

    found = [(job["id"], answer) for job, answer in retried(hand, [{"id": "a"}, {"id": "odd"}, {"id": "b"}])]
    assert sorted(found, key=lambda one: one[0]) == [("a", {"done": 1}), ("b", {"done": 1}), ("odd", told)]
    assert asked == ["a", "odd", "b", *["odd"] * (tries - 1)]


def test_a_fault_of_the_file_is_not_tried_again() -> None:
    asked: list[str] = []

    def hand(jobs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
        for job in jobs:
            asked.append(job["id"])
            yield job, {"refused": "no sound"}

    assert list(retried(hand, [{"id": "a"}])) == [({"id": "a"}, {"refused": "no sound"})]
    assert asked == ["a"]


def test_a_file_that_is_not_there_may_come(tmp_path: Path) -> None:
    told = answer({"path": str(tmp_path / "none.mp3"), "tags": True})
    assert told == {"refused": "No such file or directory", "may_pass": True}


def test_a_machine_without_the_file_system_says_so_and_writes_nothing(tmp_path: Path) -> None:
    job = {"id": "a", "path": "a.mp3", "needs": [str(tmp_path), str(tmp_path / "none")], "hdf5": str(tmp_path / "x.h5")}
    told = cluster.read_here(job)
    assert told["may_pass"]
    assert told["refused"].startswith(f"a Dask worker does not see {tmp_path / 'none'}; all need the same file system")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address", ["host:8786", "http://host:8786", "inproc://1", "tcp://", "tcp://host", "tls://host:x", ""]
)
def test_an_address_is_tcp_or_tls(address: str) -> None:
    with pytest.raises(
        UsageError, match=r"expected a scheduler's address like tcp://host:8786 or tls://host:8786, got"
    ):
        hands(scheduler=address).__enter__()


def test_without_dask_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"a Dask cluster needs the extra 'dask': .*covsearch\[dask\]"):
        hands(scheduler="tcp://127.0.0.1:1").__enter__()


def test_no_scheduler_is_an_error_that_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra 'dask'")
    monkeypatch.setattr(cluster, "_SECONDS", 1)
    with pytest.raises(CovsearchError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 .*: dask scheduler"):
        hands(scheduler="tcp://127.0.0.1:1").__enter__()


def test_tls_without_certificates_is_refused_at_once() -> None:
    pytest.importorskip("distributed", reason="needs the extra 'dask'")
    with pytest.raises(UsageError, match=r"tls://127\.0\.0\.1:1 needs certificates, .*: see docs/scale\.md"):
        hands(scheduler="tls://127.0.0.1:1").__enter__()
