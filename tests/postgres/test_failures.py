"""What can go wrong with a server is told in a line or two, with the exit code, and never with a password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from postgres_server import database, server
from published import publish

import covsearch
from covsearch.errors import ArtefactError, CovsearchError, MissingExtraError, NotFoundError, UsageError
from covsearch.guard.urls import without_password, without_passwords
from covsearch.store import store_of
from covsearch.workspace import Workspace, find_workspace

SECRET = "hunter2-and-more"


def ran(workspace: Workspace, *words: str, store: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command as a person runs it."""
    line = [sys.executable, "-m", "covsearch", "--home", str(workspace.home), *words]
    said = {**os.environ, "COVSEARCH_STORE": store} if store else dict(os.environ)
    return subprocess.run(line, capture_output=True, text=True, check=False, env=said)


def at(**changes: str) -> str:
    """The server's URL with other parts."""
    parts = urlsplit(server())
    host = changes.pop("host", f"{parts.hostname}:{parts.port}")
    user = changes.pop("user", f"{parts.username}:{parts.password}")
    return urlunsplit(parts._replace(netloc=f"{user}@{host}", **changes))


CASES = {
    "no server": (lambda: at(host="127.0.0.1:1", user=f"me:{SECRET}"), 1, "no connection to the server"),
    "wrong password": (lambda: at(user=f"covsearch:{SECRET}"), 1, "give the right one in the URL, in PGPASSWORD or in"),
    "no such database": (
        lambda: at(path="/nobody_made_it"),
        3,
        'database "nobody_made_it" does not exist: make it with',
    ),
    "no index": (lambda: database("empty"), 3, "run `covsearch build-index --store postgresql://"),
    "no such option": (
        lambda: f"postgresql://me:{SECRET}@h/db?odd=1",
        2,
        "expected a URL such as postgresql://USER@HOST",
    ),
    "a wrong escape": (lambda: f"postgresql://me:%zz{SECRET}@h/db", 2, "expected a URL such as postgresql://USER@HOST"),
    "no URL": (lambda: f"me:{SECRET}@h/db", 2, "got a text without ://"),
    "one slash": (lambda: f"postgresql:/me:{SECRET}@h/db", 2, "got a text without ://"),
    "words": (lambda: f"host=h password={SECRET}", 2, "got a text without ://"),
    "another kind": (
        lambda: f"mysql://me:{SECRET}@h/db",
        2,
        "expected a store like postgresql://USER@HOST/DATABASE, got",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_failure_is_one_message(name: str, tmp_path: Path) -> None:
    make, code, message = CASES[name]
    url = make()
    done = ran(Workspace(tmp_path), "query", "P_1", "--store", url)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    for secret in (SECRET, urlsplit(server()).password or SECRET):
        assert secret not in done.stderr


def test_a_missing_driver_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("covsearch.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"run `pip install 'covsearch\[postgres\]'`"):
        store_of(Workspace(tmp_path, "postgresql://h/db"))


def test_no_report_and_no_name_has_the_password(workspace: Workspace) -> None:
    publish(workspace)
    password = urlsplit(str(workspace.store)).password
    assert password
    index = covsearch.open(workspace.home, store=workspace.store)
    shown = [repr(workspace), repr(index), json.dumps(index.stats().to_dict()), json.dumps(index.verify().to_dict())]
    for words in (["stats"], ["stats", "--json"], ["verify", "--json"], ["find", "love"], ["query", "P_1", "--json"]):
        done = ran(workspace, *words, store=workspace.store)
        assert done.returncode == 0, done.stderr
        shown += [done.stdout, done.stderr]
    assert all(password not in text for text in shown)
    assert without_password(str(workspace.store)) in shown[1]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h:1/db", "postgresql://u@h:1/db"),
        ("postgresql://h/db", "postgresql://h/db"),
        ("postgresql:///db?host=/tmp/x&user=a", "postgresql:///db?host=/tmp/x&user=a"),
        ("postgresql://u:p%40x@h/db?sslmode=require&password=zz", "postgresql://u@h/db?sslmode=require"),
        ("postgresql://u@h/db?password=a%40b&x=1", "postgresql://u@h/db?x=1"),
        ("postgresql://u:p/w@h/db", "postgresql://u@h/db"),
        ("postgresql://u:p?w@h/db", "postgresql://u@h/db"),
        ("postgresql://u:a@b@h/db", "postgresql://u@h/db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_message_of_others_has_no_password() -> None:
    url = f"postgresql://u:{SECRET}%21@h/db?sslpassword=zzyzx"
    said = without_passwords(f"cannot use {SECRET}%21, {SECRET}! or zzyzx", url)
    assert said == "cannot use ***, *** or ***"


def test_the_store_is_named_by_the_call_the_environment_or_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COVSEARCH_STORE", raising=False)
    assert find_workspace(tmp_path).store is None
    (tmp_path / "covsearch.toml").write_text('frame_rate = 10.0\nstore = "postgresql://h/toml"\n')
    assert find_workspace(tmp_path).store == "postgresql://h/toml"
    monkeypatch.setenv("COVSEARCH_STORE", "postgresql://h/environment")
    assert find_workspace(tmp_path).store == "postgresql://h/environment"
    assert find_workspace(tmp_path, "postgresql://h/call").store == "postgresql://h/call"
    monkeypatch.setenv("COVSEARCH_STORE", "")
    for text, message in (
        ("store = 5", "expected store as the URL of a database, found int"),
        ("store = ", "expected TOML"),
    ):
        (tmp_path / "covsearch.toml").write_text(text)
        with pytest.raises(ArtefactError, match=message):
            find_workspace(tmp_path)


def test_tables_of_another_covsearch_are_refused(workspace: Workspace) -> None:
    publish(workspace)
    with psycopg.connect(str(workspace.store)) as connection:
        connection.execute("UPDATE covsearch.current SET version = '99.9'")
    for ask in (store_of(workspace).current, store_of(workspace).catalogue, lambda: publish(workspace)):
        with pytest.raises(ArtefactError, match=r"the database has tables 99.9, this covsearch reads"):
            ask()


def test_what_the_refusal_of_other_tables_says_keeps_corrections(workspace: Workspace) -> None:
    publish(workspace)
    covsearch.open(workspace.home, store=workspace.store).corrections.accept("P_1", "P_2")
    with psycopg.connect(str(workspace.store), autocommit=True) as connection:
        connection.execute("UPDATE covsearch.current SET version = '99.9'")
        with pytest.raises(ArtefactError) as refused:
            store_of(workspace).current()
        aside, _, over = str(refused.value).split("`")[1::2]
        connection.execute(aside.encode())
        publish(workspace)
        connection.execute(over.encode())
    assert len(covsearch.open(workspace.home, store=workspace.store).corrections) == 1


def test_a_server_that_ends_every_connection_is_connected_to_again(workspace: Workspace) -> None:
    publish(workspace)
    index = covsearch.open(workspace.home, store=workspace.store)
    expected = index.query("P_1", top=5).to_dict()
    with psycopg.connect(server(), autocommit=True) as connection:
        name = urlsplit(str(workspace.store)).path[1:]
        query = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s"
        assert len(connection.execute(query, [name]).fetchall()) >= 2
    assert index.query("P_1", top=5).to_dict() == expected
    assert index.find("love")


def test_metadata_that_cannot_be_stored_is_an_artefact_error(workspace: Workspace, tmp_path: Path) -> None:
    from dataclasses import replace

    from tests.contract.materials import contents, many
    from tests.contract.materials import publish as publish_contents

    songs = many(3)
    for change in ({"title": "a\x00b"}, {"title": "\ud800"}, {"year": 2**70}):
        odd = [replace(songs[0], **change), *songs[1:]]  # type: ignore[arg-type]
        with pytest.raises(ArtefactError, match="metadata cannot be stored"):
            publish_contents(workspace, contents(tmp_path, odd))
    with pytest.raises(NotFoundError):
        store_of(workspace).current()


def test_a_database_that_cannot_hold_every_title_is_refused(tmp_path: Path) -> None:
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS t_latin")
        connection.execute("CREATE DATABASE t_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(UsageError, match="expected a database in UTF8, this one is in LATIN1: make one with"):
        publish(Workspace(tmp_path, at(path="/t_latin")))


def test_who_may_only_read_can_ask(workspace: Workspace) -> None:
    publish(workspace)
    with psycopg.connect(str(workspace.store), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'reader'").fetchone():
            connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reads'")
        connection.execute("GRANT USAGE ON SCHEMA covsearch TO reader")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA covsearch TO reader")
    url = at(user="reader:reads", path=urlsplit(str(workspace.store)).path)
    index = covsearch.open(workspace.home, store=url)
    assert len(index.query("P_1", top=50)) == 39
    assert index.find("love")
    assert index.verify().current.problems == ()
    with pytest.raises(CovsearchError, match="PostgreSQL says: permission denied"):
        index.remove("P_1")


def test_a_usage_error_names_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="got mysql://me@h/db"):
        store_of(Workspace(tmp_path, f"mysql://me:{SECRET}@h/db"))
