"""What can go wrong with Milvus is told in a line or two, and never with a wrong answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from milvus_server import milvus
from postgres_server import database

from covsearch.errors import ArtefactError, CovsearchError, MissingExtraError, UsageError
from covsearch.store import store_of
from covsearch.store.postgres.link import server_url
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace
from tests.contract.checks import check_same, open_all
from tests.contract.materials import contents, many, publish
from tests.milvus.test_pointers import said


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("postgresql://u:p@h:1/db?sslmode=require", "postgresql://u:p@h:1/db?sslmode=require"),
        ("milvus+postgresql://u@h/db?milvus=http://m:19530", "postgresql://u@h/db"),
        ("milvus+postgres://h/db?milvus=http://m:1&sslmode=require", "postgres://h/db?sslmode=require"),
        ("postgresql://u:a+postgresql://@h/db?milvus=1", "postgresql://u:a+postgresql://@h/db?milvus=1"),
    ],
)
def test_postgresql_is_given_what_is_its_own(url: str, own: str) -> None:
    assert server_url(url) == own


@pytest.mark.parametrize("query", ["", "?milvus=", "?milvus=m:19530", "?milvus=http://root:hunter2@m:19530", "?x=1"])
def test_a_store_must_say_where_milvus_is(tmp_path: Path, query: str) -> None:
    with pytest.raises(UsageError, match="expected a store like 'milvus") as told:
        store_of(Workspace(tmp_path, f"milvus+postgresql://me:hunter2@h/db{query}"))
    assert "hunter2" not in str(told.value)
    assert str(told.value).endswith("got milvus+postgresql://me@h/db")


def test_a_missing_driver_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("covsearch.store.milvus")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(MissingExtraError, match=r"run `pip install 'covsearch\[milvus\]'`"):
        store_of(Workspace(tmp_path, "milvus+postgresql://h/db?milvus=http://m:19530"))


def test_without_milvus_nothing_is_published_and_one_line_says_so(tmp_path: Path) -> None:
    plain = database(str(tmp_path))
    nobody = Workspace(tmp_path / "home", f"milvus+{plain}?milvus=http://127.0.0.1:1")
    before = contents(tmp_path, many(5))
    publish(nobody.with_store(plain), before)
    with pytest.raises(CovsearchError, match=r"http://127.0.0.1:1: no connection to Milvus") as told:
        publish(nobody, contents(tmp_path, many(6)))
    assert "\n" not in str(told.value)
    check_same(open_all(store_of(nobody.with_store(plain))), before)


def test_a_command_tells_of_it_without_a_traceback_or_a_log(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(5)))
    nowhere = str(workspace.store).replace(milvus(), "http://127.0.0.1:1")
    line = [sys.executable, "-m", "covsearch", "--home", str(workspace.home), "query", "P_1", "--store", nowhere]
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert (done.returncode, done.stdout) == (1, "")
    assert "no connection to Milvus" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_collection_that_is_gone_is_missed_and_written_again(workspace: Workspace, tmp_path: Path) -> None:
    from covsearch.store.milvus.link import client_of

    made = contents(tmp_path, many(60))
    publish(workspace, made)
    client_of(milvus()).drop_collection(said(workspace)[0])
    with pytest.raises(ArtefactError, match=r"gen-0001: .* is gone; run `covsearch build-index`"):
        open_all(store_of(workspace))
    found = verify_workspace(workspace)
    assert "is gone" in found.current.problems[0]
    assert found.mend[0].startswith("covsearch build-index --store 'milvus+postgresql://")
    with store_of(workspace).writing():
        opened = store_of(workspace).open_checked()
        check_same(opened, made)
        store_of(workspace).publish(made, opened.state)
    check_same(open_all(store_of(workspace)), made)


@pytest.mark.parametrize("damage", ["a row is gone", "a row is another one"])
def test_what_is_changed_in_milvus_is_found(workspace: Workspace, tmp_path: Path, damage: str) -> None:
    from covsearch.store.milvus.link import client_of

    made = contents(tmp_path, many(60))
    publish(workspace, made)
    assert verify_workspace(workspace).current.problems == ()
    (name,) = said(workspace)
    client = client_of(milvus())
    if damage == "a row is gone":
        client.delete(name, ids=[12])
        expected = "expected 60 vectors"
    else:
        client.upsert(name, [{"row": 12, "vector": np.zeros(129, np.float32)}])
        expected = "a vector in .* was changed since it was published"
    (problem,) = verify_workspace(workspace).current.problems
    assert re.search(expected, problem)
