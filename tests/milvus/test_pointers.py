"""PostgreSQL's pointer says what is current; Milvus has the collections of what is kept, and an alias that follows."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from milvus_server import milvus
from postgres_server import database
from published import model_files

from covsearch.errors import ArtefactError
from covsearch.store import store_of
from covsearch.workspace import Workspace
from tests.contract.checks import check_same, open_all
from tests.contract.materials import contents, many, publish


def of_milvus(workspace: Workspace) -> tuple[str | None, list[str]]:
    """What the store's alias points to, and the store's collections, sorted."""
    from covsearch.store.milvus.link import client_of

    client, alias = client_of(milvus()), f"covsearch_{of_postgres(workspace, 'SELECT store FROM current')[0]}"
    there = [name for name in client.list_collections() if name.startswith(alias)]
    pointed = client.describe_alias(alias)["collection_name"] if client.has_collection(alias) else None
    return pointed, sorted(there)


def of_postgres(workspace: Workspace, query: str) -> list[Any]:
    """The first column of what PostgreSQL answers."""
    url = str(workspace.store).removeprefix("milvus+").partition("?")[0]
    with psycopg.connect(url, options="-c search_path=covsearch") as connection:
        return [row[0] for row in connection.execute(query)]  # type: ignore[call-overload]


def said(workspace: Workspace) -> list[str]:
    """Collections that the manifests name, by generation."""
    return of_postgres(workspace, "SELECT manifest::json -> 'recipe' ->> 'collection' FROM generations ORDER BY id")


def publish_and_die(workspace: Workspace, folder: Path, where: str) -> None:
    """For a process of its own: be killed at a step of a publication."""
    from covsearch.store.milvus.finder import MilvusFinder
    from covsearch.store.milvus.kept import KeptVectors

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    target, name = {
        "all vectors are sent": (KeptVectors, "load"),
        "all are loaded": (KeptVectors, "count"),
        "PostgreSQL has switched": (MilvusFinder, "settle"),
        "the alias is about to be moved": (MilvusFinder, "_settle"),
    }[where]
    setattr(target, name, die)
    publish(workspace, contents(folder, many(7), seed=1))


def killed(workspace: Workspace, folder: Path, where: str) -> None:
    process = multiprocessing.get_context("spawn").Process(target=publish_and_die, args=(workspace, folder, where))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_the_alias_follows_and_the_collections_of_two_generations_stay(workspace: Workspace, tmp_path: Path) -> None:
    for seed in range(3):
        publish(workspace, contents(tmp_path, many(5 + seed), seed))
        names = said(workspace)
        assert of_milvus(workspace) == (names[-1], sorted(names))
        assert len(names) == min(seed + 1, 2)


def test_a_collection_stays_while_its_generation_is_read(workspace: Workspace, tmp_path: Path) -> None:
    made = [contents(tmp_path, many(50), seed) for seed in range(4)]
    publish(workspace, made[0])
    opened = open_all(store_of(workspace))
    first = said(workspace)[0]
    for later in made[1:]:
        publish(workspace, later)
    assert first in of_milvus(workspace)[1]
    assert len(of_milvus(workspace)[1]) == 3
    vector = made[0].vectors[7]
    assert opened.vectors.search(vector, 1).rows.tolist() == nearest(made[0].vectors, made[0].head, vector)
    del opened
    store_of(workspace).tidy()
    assert of_milvus(workspace)[1] == sorted(said(workspace)) == sorted(set(said(workspace)) - {first})


def nearest(vectors: np.ndarray, head: Any, vector: np.ndarray) -> list[int]:
    return [int(head.distances(vector, vectors).argmin())]


@pytest.mark.parametrize("where", ["all vectors are sent", "all are loaded"])
def test_a_writer_killed_before_postgres_switches_leaves_the_old_state(
    workspace: Workspace, tmp_path: Path, where: str
) -> None:
    before = contents(tmp_path, many(5))
    publish(workspace, before)
    (old,) = said(workspace)
    killed(workspace, tmp_path, where)
    assert said(workspace) == [old]
    pointed, there = of_milvus(workspace)
    assert (pointed, len(there)) == (old, 2)
    check_same(open_all(store_of(workspace)), before)
    with store_of(workspace).writing():
        store_of(workspace).tidy()
    assert of_milvus(workspace) == (old, [old])


@pytest.mark.parametrize(
    ("where", "healer"), [("PostgreSQL has switched", "a reader"), ("the alias is about to be moved", "a writer")]
)
def test_a_writer_killed_between_the_pointers_leaves_the_new_state_and_the_next_one_moves_the_alias(
    workspace: Workspace, tmp_path: Path, where: str, healer: str
) -> None:
    publish(workspace, contents(tmp_path, many(5)))
    killed(workspace, tmp_path, where)
    old, new = said(workspace)
    assert of_milvus(workspace) == (old, sorted([old, new]))
    if healer == "a reader":
        check_same(open_all(store_of(workspace)), contents(tmp_path, many(7), seed=1))
        assert of_milvus(workspace) == (new, sorted([old, new]))
    else:
        publish(workspace, contents(tmp_path, many(6), seed=2))
        assert of_milvus(workspace) == (said(workspace)[-1], sorted(said(workspace)))
        assert said(workspace)[0] == new


def test_a_database_gets_milvus_by_a_copy_and_is_read_without_it_too(workspace: Workspace, tmp_path: Path) -> None:
    from covsearch.copying import copy_index

    plain = workspace.with_store(database(str(tmp_path)))
    made = contents(tmp_path, many(60))
    model_files(tmp_path / "model")
    publish(plain, made)
    with pytest.raises(
        ArtefactError, match="gen-0001 was published without Milvus: publish it with this store, by `covsearch copy"
    ):
        open_all(store_of(workspace))
    report = copy_index(plain, workspace, tmp_path / "cache")
    assert (report.performances, report.generation) == (60, "gen-0002")
    for one in (plain, workspace):
        opened = open_all(store_of(one))
        check_same(opened, made)
        found = opened.vectors.search(made.vectors[3], 5)
        assert found.rows.tolist() == np.argsort(made.head.distances(made.vectors[3], made.vectors))[:5].tolist()
    assert of_postgres(workspace, "SELECT count(*) FROM recordings") == [60]
