"""``covsearch serve`` while its database is away: 503 in one sentence, and all is well again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from postgres_server import ask, server
from published import made_up_calibration, publish
from web.conftest import find_groups, serving

from covsearch import groups
from covsearch.errors import UnavailableError
from covsearch.workspace import Workspace

ASKED = ("/api/query?id=P_1", "/api/find?q=love", "/api/groups", "/api/corrections", "/", "/health", "/groups")


@contextmanager
def away(workspace: Workspace) -> Iterator[None]:
    """The server ends all connections to the database, and takes no more."""
    name = urlsplit(str(workspace.store)).path[1:]
    ask(server(), f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    ask(server(), f"SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity WHERE datname = '{name}'")
    yield
    ask(server(), f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@pytest.fixture
def served(workspace: Workspace) -> Iterator[httpx.Client]:
    publish(workspace, calibration=made_up_calibration())
    with serving(workspace) as client:
        yield client


def test_while_the_database_is_away_the_answer_is_503(served: httpx.Client, workspace: Workspace) -> None:
    find_groups(served)
    before = served.get("/api/query?id=P_1").json()
    with away(workspace):
        for path in ASKED:
            answer = served.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), path
            assert "no connection to the server: database " in answer.json()["detail"]
            assert "\n" not in answer.json()["detail"]
        ready = served.get("/readyz")
        assert (ready.status_code, ready.json()["detail"]) == (
            503,
            "the index cannot be asked; the server's log says why",
        )
        assert "The server cannot answer now" in served.get("/", headers={"accept": "text/html"}).text
        assert served.get("/healthz").status_code == 200
    assert served.get("/api/query?id=P_1").json() == before
    assert {served.get(path).status_code for path in ASKED} == {200}


def test_a_database_that_is_gone_is_no_fault_of_the_question(served: httpx.Client, workspace: Workspace) -> None:
    ask(server(), f'DROP DATABASE "{urlsplit(str(workspace.store)).path[1:]}" WITH (FORCE)')
    answer = served.get("/api/query?id=P_1")
    assert answer.status_code == 503
    assert "does not exist: make it with `createdb`" in answer.json()["detail"]


def test_groups_that_were_not_found_are_looked_for_again(served: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    find, failed = groups.find_groups, []

    def once(*asked: object) -> object:
        if not failed and not failed.append(1):
            raise UnavailableError("no connection")
        return find(*asked)

    monkeypatch.setattr(groups, "find_groups", once)
    assert served.get("/api/groups").status_code == 503
    find_groups(served)
    assert served.get("/api/groups").status_code == 200
