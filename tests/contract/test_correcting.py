"""What every back end keeps of corrections: the specification of :mod:`covsearch.store.protocols`, amending."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from covsearch.corrections.log import NOTHING, read_log
from covsearch.errors import ArtefactError
from covsearch.store import store_of
from covsearch.store.protocols import Publisher
from covsearch.workspace import Workspace
from tests.contract.backends import BACKENDS
from tests.contract.checks import check_same, open_all
from tests.contract.materials import NAMES, contents, many, publish

SAID = NOTHING.correct("merge", [("one:P_1", "two:P_1", "two:tape/side A 2")]).text


def test_corrections_are_kept_as_they_are(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path))
    assert store.corrections() == ""
    store.amend(lambda text: text + SAID)
    assert store.corrections() == SAID
    store.amend(lambda text: read_log(text).undo().text)
    assert read_log(store.corrections()).holding == ()


def test_works_follow_at_once_and_what_is_stored_does_not(
    workspace: Workspace, store: Publisher, tmp_path: Path
) -> None:
    made = contents(tmp_path)
    publish(workspace, made)
    before, current = open_all(store), store.current()
    store.amend(lambda text: text + SAID)
    after = open_all(store)
    names = ["one:P_1", "P_2", "two:P_1", "tape/side A 2", "P_10"]
    assert [before.catalogue.get(names)[name].wid for name in names] == ["one:W_1", "one:W_1", "two:W_1", None, "W: 2"]
    assert [after.catalogue.get(names)[name].wid for name in names] == ["one:W_1"] * 4 + ["W: 2"]
    assert list(after.catalogue.clique("one:W_1")) == ["P_2", "one:P_1", "tape/side A 2", "two:P_1"]
    assert list(after.catalogue.clique("two:W_1")) == list(after.catalogue.clique("one:W_1"))
    assert after.catalogue.clique_sizes() == {1: 2, 4: 1}
    assert after.catalogue.collections() == {"one": (3, 2), "two": (5, 2)}
    assert [found.versions for found in after.catalogue.find("blue train")] == [4]
    assert (after.corrections.text, before.corrections.text) == (SAID, "")
    assert store.current() == current
    check_same(after, made)
    with store.writing():
        check_same(store.open_checked(), made)


def test_corrections_survive_other_states(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    made = contents(tmp_path)
    publish(workspace, made)
    store.amend(lambda text: text + SAID)
    for seed in range(3):
        publish(workspace, contents(tmp_path, many(5), seed))
    assert store.catalogue().clique_sizes() == {2: 1, 3: 1}  # of what is said, only P_1 is there
    publish(workspace, made)
    assert store.catalogue().get(NAMES)["tape/side A 2"].wid == "one:W_1"


def test_an_error_while_amending_changes_nothing(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path))
    store.amend(lambda text: text + SAID)

    def fail(text: str) -> str:
        raise ArtefactError(text[:5])

    with pytest.raises(ArtefactError):
        store.amend(fail)
    assert store.corrections() == SAID


def test_a_build_that_runs_is_not_waited_for(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path))
    with store.writing():
        store.amend(lambda text: text + SAID)
    assert store.corrections() == SAID


def correct_many(backend: str, home: Path, which: int, times: int) -> None:
    store = store_of(BACKENDS[backend](home))
    for n in range(times):
        store.amend(lambda text: read_log(text).correct("accept", [(f"p{which}:{n}", f"p{which}:{n}'")]).text)  # noqa: B023


def test_nothing_is_lost_when_several_correct_at_once(
    workspace: Workspace, store: Publisher, backend: str, tmp_path: Path
) -> None:
    publish(workspace, contents(tmp_path))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=correct_many, args=(backend, workspace.home, which, 15)) for which in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    said = read_log(store.corrections()).holding
    assert sorted(c.together[0][0] for c in said) == sorted(f"p{which}:{n}" for which in range(3) for n in range(15))


def die_amending(backend: str, home: Path) -> None:
    def change(text: str) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return text

    store_of(BACKENDS[backend](home)).amend(change)


def test_one_that_died_amending_is_in_nobodys_way(
    workspace: Workspace, store: Publisher, backend: str, tmp_path: Path
) -> None:
    publish(workspace, contents(tmp_path))
    store.amend(lambda text: text + SAID)
    process = multiprocessing.get_context("spawn").Process(target=die_amending, args=(backend, workspace.home))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert store.corrections() == SAID
    store.amend(lambda text: read_log(text).undo().text)
    assert read_log(store.corrections()).holding == ()


def test_what_is_open_keeps_its_works(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path))
    opened = open_all(store)
    store.amend(lambda text: text + SAID)
    assert opened.catalogue.get(["two:P_1"])["two:P_1"].wid == "two:W_1"
    assert opened.corrections.holding == ()
