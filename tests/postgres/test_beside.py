"""Writers that change what is there work side by side: nothing is refused, lost or there twice."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from covsearch.dataset.performance import Performance
from covsearch.errors import CovsearchError
from covsearch.rows import Rows, publish_rows, read_rows
from covsearch.store import store_of
from covsearch.store.protocols import Contents
from covsearch.workspace import Workspace
from tests.contract.materials import contents, many, publish


def added(rows: Rows, made: Contents) -> Rows:
    """`rows` and, after them, the performances of `made`."""
    keys = tuple(f"{p.collection}:{p.pid}" for p in made.performances)
    performances = dict(zip(keys, made.performances, strict=True))
    return rows + Rows(keys, np.asarray(made.vectors), made.parts, performances, {})


def new(folder: Path, names: Sequence[str], seed: int, title: str = "") -> Contents:
    performances = [Performance(name, f"W_{seed}", title or f"Song {seed}", collection="one") for name in names]
    return contents(folder, performances, seed)


def test_each_of_several_adders_publishes_on_top_of_the_others(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(6)))
    names = [[f"new {n} {place}" for place in range(3)] for n in range(6)]
    made = [new(tmp_path / str(n), names[n], 50 + n) for n in range(6)]
    failures, together = list[BaseException](), threading.Barrier(6)

    def add(n: int) -> None:
        try:
            with store_of(workspace).writing(beside=True):
                before, head, rows = read_rows(workspace)
                together.wait(600)  # all of them begin with the same state
                publish_rows(workspace, before, head, added(rows, made[n]))
        except BaseException as e:  # noqa: BLE001, the test tells
            failures.append(e)
            together.abort()

    adders = [threading.Thread(target=add, args=(n,)) for n in range(6)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    assert not failures
    catalogue = store_of(workspace).catalogue()
    expected = {f"P_{n}" for n in range(1, 7)} | {name for some in names for name in some}
    assert set(catalogue.names()) == expected
    assert len(catalogue.names()) == len(expected) == 24
    opened = store_of(workspace).read(lambda opened: opened)
    for some, own in zip(made, names, strict=True):
        rows = [opened.vectors.rows[name] for name in own]
        order = [list(some.names).index(name) for name in own]
        np.testing.assert_array_equal(opened.vectors.take(rows), some.vectors[order])
    assert store_of(workspace).verify(lambda *_: None)[0].problems == ()


def test_what_one_adds_and_another_removes_is_both_done(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(6)))
    before, head, rows = read_rows(workspace)
    publish_rows(workspace, before, head, added(rows, new(tmp_path / "new", ["P_9"], 1)))
    publish_rows(workspace, before, head, rows.take([0, 2, 3, 4, 5]))
    assert list(store_of(workspace).catalogue().names()) == ["P_1", "P_3", "P_4", "P_5", "P_6", "P_9"]


def test_the_same_addition_twice_is_one(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(6)))
    before, head, rows = read_rows(workspace)
    for _ in range(2):
        publish_rows(workspace, before, head, added(rows, new(tmp_path / "new", ["P_9"], 1)))
    assert store_of(workspace).catalogue().collections() == {"one": (7, 2)}


def test_two_that_change_one_performance_are_told(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(6)))
    before, head, rows = read_rows(workspace)
    publish_rows(workspace, before, head, added(rows, new(tmp_path / "new", ["P_9"], 1)))
    with pytest.raises(CovsearchError, match="one:P_9 was changed by somebody else meanwhile; nothing was published"):
        publish_rows(workspace, before, head, added(rows, new(tmp_path / "new", ["P_9"], 2)))
    assert store_of(workspace).catalogue().get(["P_9"])["P_9"].title == "Song 1"


def test_a_title_that_a_work_gets_from_one_is_of_what_another_adds(workspace: Workspace, tmp_path: Path) -> None:
    first = [replace(p, work_title="", work_artist="") for p in many(3)]
    publish(workspace, contents(tmp_path, first))
    before, head, rows = read_rows(workspace)
    for n, work_title in (("P_8", ""), ("P_9", "Night and day")):
        one = Performance(n, "W_1", work_title=work_title, collection="one")
        publish_rows(workspace, before, head, added(rows, contents(tmp_path / n, [one], 7 + int(n[2:]))))
    catalogue = store_of(workspace).catalogue()
    assert {p.work_title for p in catalogue.get(catalogue.names()).values()} == {"Night and day"}
    assert len(catalogue.find("night day")) == 5


def test_a_build_waits_for_nobody_and_is_refused_beside_writers(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(6)))
    with store_of(workspace).writing(beside=True):
        with store_of(workspace).writing(beside=True):
            pass
        with pytest.raises(CovsearchError, match="another build is running"), store_of(workspace).writing():
            pass
    with (
        store_of(workspace).writing(),
        pytest.raises(CovsearchError, match="another build is running"),
        store_of(workspace).writing(beside=True),
    ):
        pass


def test_an_addition_to_an_index_that_was_built_again_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(6)))
    before, head, rows = read_rows(workspace)
    publish(workspace, replace(contents(tmp_path, many(6)), model="another-model"))
    with pytest.raises(CovsearchError, match="the index was built again meanwhile; nothing was published"):
        publish_rows(workspace, before, head, added(rows, new(tmp_path / "new", ["P_9"], 1)))
