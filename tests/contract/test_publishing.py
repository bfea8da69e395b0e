"""What every back end publishes, whole or not at all: the specification of :mod:`covsearch.store.protocols`."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from collection import write_collection

from covsearch.api import Index
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.errors import CovsearchError, NotFoundError
from covsearch.indexing import build_index
from covsearch.models import Siamese, save_checkpoint
from covsearch.store import store_of
from covsearch.store.protocols import Opened, Publisher
from covsearch.workspace import Workspace
from tests.contract.backends import BACKENDS
from tests.contract.checks import check_same, open_all
from tests.contract.materials import (
    Torn,
    TornList,
    TornMapping,
    contents,
    many,
    publish,
    publish_and_die,
)


def test_what_is_open_stays_as_it_was_while_others_publish(workspace: Workspace, backend: str, tmp_path: Path) -> None:
    made = [contents(tmp_path, many(5 + n), n) for n in range(4)]
    publish(workspace, made[0])
    elsewhere = store_of(BACKENDS[backend](workspace.home))
    opened, names, seen = open_all(elsewhere), [], [elsewhere.current()]
    for later in made[1:]:
        names.append(publish(workspace, later))
        seen.append(elsewhere.current())
        check_same(open_all(elsewhere), later)
        check_same(opened, made[0])
    assert len({opened.state.name, *names}) == len(set(seen)) == 4
    sizes = elsewhere.sizes()
    assert list(sizes)[-1] == names[-1]
    assert min(sizes.values()) > made[0].vectors.nbytes


@pytest.mark.parametrize("torn", ["names", "performances", "parts", "origins", "model_files"])
def test_an_exception_in_the_middle_leaves_the_old_state_whole(
    workspace: Workspace, store: Publisher, tmp_path: Path, torn: str
) -> None:
    before = contents(tmp_path)
    publish(workspace, before)
    current, made = store.current(), contents(tmp_path, many(40), seed=1)
    broken: Mapping[str, object] = {
        "names": TornList(made.names),
        "performances": TornList(made.performances),
        "parts": TornMapping(made.parts),
        "origins": TornMapping(made.origins),
        "model_files": TornMapping(made.model_files),
    }
    with pytest.raises(Torn):
        publish(workspace, replace(made, **{torn: broken[torn]}))  # type: ignore[arg-type]
    assert store.current() == current
    check_same(open_all(store), before)
    publish(workspace, made)
    check_same(open_all(store), made)


def test_a_first_publication_that_fails_leaves_nothing(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    made = contents(tmp_path)
    with pytest.raises(Torn):
        publish(workspace, replace(made, performances=TornList(made.performances)))
    with pytest.raises(NotFoundError):
        store.current()


def test_a_writer_that_is_killed_leaves_the_old_state_and_no_lock(
    workspace: Workspace, store: Publisher, tmp_path: Path
) -> None:
    before = contents(tmp_path)
    publish(workspace, before)
    writer = multiprocessing.get_context("spawn").Process(target=publish_and_die, args=(workspace, tmp_path))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    check_same(open_all(store), before)
    with store.writing():
        store.tidy()
        check_same(store.open_checked(), before)


def test_a_second_writer_is_refused_at_once(workspace: Workspace, backend: str, tmp_path: Path) -> None:
    first, second = store_of(workspace), store_of(BACKENDS[backend](workspace.home))
    with first.writing():
        for _ in range(2):
            with pytest.raises(CovsearchError, match="another build is running"), second.writing():
                pass
        first.publish(contents(tmp_path))  # readers wait for nobody
        check_same(open_all(second), contents(tmp_path))
    with pytest.raises(Torn), second.writing():
        raise Torn
    with first.writing():
        pass


def test_a_read_that_is_overtaken_sees_its_own_state_or_a_newer_one(
    workspace: Workspace, store: Publisher, tmp_path: Path
) -> None:
    made = [contents(tmp_path, many(5 + n), n) for n in range(4)]
    publish(workspace, made[0])
    overtaken: list[str] = []

    def work(opened: Opened) -> None:
        overtaken.append(opened.state.name)
        for later in made[1:] if len(overtaken) == 1 else ():
            publish(workspace, later)
        assert opened.state.model_files() == made[0].model_files
        check_same(opened, made[len(opened.vectors) - 5])

    store.read(work)
    assert len(set(overtaken)) == len(overtaken) <= 2


def test_readers_see_whole_states_only_while_30_are_published(
    workspace: Workspace, backend: str, tmp_path: Path
) -> None:
    states = {f"state {n}": contents(tmp_path, many(4 + n % 7, f"state {n}"), n) for n in range(31)}
    publish(workspace, states["state 0"])
    stop, seen, failures = threading.Event(), [set[str](), set[str]()], list[BaseException]()

    def read(titles: set[str]) -> None:
        mine = store_of(BACKENDS[backend](workspace.home))
        try:
            while not stop.is_set():
                opened = open_all(mine)
                title = opened.catalogue.get(opened.vectors.names[:1])[opened.vectors.names[0]].title
                check_same(opened, states[title])
                titles.add(title)
        except BaseException as e:  # noqa: BLE001, the test tells
            failures.append(e)

    readers = [threading.Thread(target=read, args=(titles,)) for titles in seen]
    for reader in readers:
        reader.start()
    for n in range(1, 31):
        publish(workspace, states[f"state {n}"])
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert all(len(titles) > 1 for titles in seen)


# --- the public face


def test_an_index_is_built_searched_added_to_and_removed_from(workspace: Workspace, tmp_path: Path) -> None:
    config = ModelConfig(features=FeatureConfig("hpcp", 64))
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "model", Siamese(config).eval(), config)
    toy = write_collection(tmp_path / "toy", works=3, versions=2)
    other = write_collection(tmp_path / "other", works=1, versions=2, subset="other", frames=300)
    build_index(toy, tmp_path / "model", workspace)
    index = Index(workspace)
    before = index.query("P_1", top=9)
    assert {match.pid for match in before} == {f"P_{n}" for n in range(2, 7)}
    assert index.add(other).added == ("other:P_1", "other:P_2")
    assert len(index) == 8
    assert {match.pid for match in index.query("P_3", top=9)} >= {"toy:P_1", "toy:P_2", "other:P_1", "other:P_2"}
    assert index.remove("other:P_1", "other:P_2", "P_99").not_there == ("P_99",)
    assert index.query("P_1", top=9).matches == before.matches
    assert index.compare("P_1", "P_2").distance == next(m.distance for m in before if m.pid == "P_2")
    assert index.find("song 1")[0].versions == 2
    assert index.stats().to_dict()["collections"] == {"toy": {"performances": 6, "works": 3}}
