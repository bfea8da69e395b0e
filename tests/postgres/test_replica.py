"""A streaming replica is read while its primary is written: it has an older state or the newest, never a torn one."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from own_server import wait_for
from postgres_server import ask, lagging, replayed
from published import made_up_calibration
from published import publish as publish_songs
from sqlalchemy import text

import covsearch
from covsearch.errors import CovsearchError, UsageError
from covsearch.store import store_of
from covsearch.store.postgres.link import OvertakenError
from covsearch.store.postgres.pin import Pin
from covsearch.store.protocols import Opened
from covsearch.workspace import Workspace
from tests.contract.checks import check_same, open_all
from tests.contract.materials import contents, many, publish
from tests.postgres.test_failures import ran

pytestmark = pytest.mark.skipif(
    not os.environ.get("COVSEARCH_TEST_NIGHTLY"), reason="starts two more servers: `make nightly`"
)


def test_the_older_state_is_read_until_the_publication_is_replayed(
    primary: Workspace, replica: Workspace, tmp_path: Path
) -> None:
    made = [contents(tmp_path, many(5 + n), n) for n in range(2)]
    publish(primary, made[0])
    replayed()
    reader = store_of(replica)
    opened, older = open_all(reader), reader.current()
    with lagging():
        publish(primary, made[1])
        check_same(open_all(store_of(primary)), made[1])
        assert reader.current() == older != store_of(primary).current()
        check_same(open_all(reader), made[0])
        check_same(opened, made[0])
    assert reader.current() == store_of(primary).current()
    check_same(open_all(reader), made[1])
    check_same(opened, made[0])
    assert [found.problems for found in reader.verify(lambda *_: None)] == [(), ()]


def test_whole_states_only_are_read_while_20_are_published(
    primary: Workspace, replica: Workspace, tmp_path: Path
) -> None:
    states = {f"state {n}": contents(tmp_path, many(4 + n % 7, f"state {n}"), n) for n in range(21)}
    publish(primary, states["state 0"])
    replayed()
    stop, seen, failures = threading.Event(), [list[int](), list[int]()], list[BaseException]()

    def look(opened: Opened) -> int:
        title = opened.catalogue.get(opened.vectors.names[:1])[opened.vectors.names[0]].title
        check_same(opened, states[title])
        return int(title.split()[1])

    def read(numbers: list[int]) -> None:
        mine = store_of(replica)
        try:
            while not stop.is_set() or numbers[-1] < 20:
                numbers.append(mine.read(look, None))
        except BaseException as e:  # noqa: BLE001, the test tells
            failures.append(e)

    readers = [threading.Thread(target=read, args=(numbers,)) for numbers in seen]
    for reader in readers:
        reader.start()
    wait_for(lambda: all(seen) or failures)
    for n in range(1, 21):
        publish(primary, states[f"state {n}"])
    replayed()
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures
    for numbers in seen:
        assert len(set(numbers)) > 1
        assert numbers == sorted(numbers)


def test_what_the_primary_removed_is_missed_and_never_answered_in_part(
    primary: Workspace, replica: Workspace, tmp_path: Path
) -> None:
    made = [contents(tmp_path, many(6), n) for n in range(4)]
    publish(primary, made[0])
    replayed()
    opened = open_all(store_of(replica))
    for later in made[1:3]:
        publish(primary, later)
    replayed()
    for use in (opened.catalogue.names, lambda: opened.parts["chroma"].take([0]), opened.state.model_files):
        with pytest.raises(OvertakenError, match="gen-0001 was removed meanwhile: ask again"):
            use()
    reads = list[str]()

    def look(again: Opened) -> None:
        reads.append(again.state.name)
        if len(reads) == 1:  # two publications while one reads
            publish(primary, made[3])
            publish(primary, made[0])
            replayed()
        check_same(again, made[0])

    store_of(replica).read(look, None)
    assert reads == ["gen-0003", "gen-0005"]
    with pytest.raises(OvertakenError):  # not tried for ever
        store_of(replica).read(lambda _: opened.catalogue.names())


def test_verify_begins_anew_when_what_it_reads_is_removed(
    primary: Workspace, replica: Workspace, tmp_path: Path
) -> None:
    made = [contents(tmp_path, many(6), n) for n in range(3)]
    publish(primary, made[0])
    replayed()
    steps = list[str]()

    def progress(stage: str, *_: int) -> None:
        steps.append(stage)
        if len(steps) == 1:
            for later in made[1:]:
                publish(primary, later)
            replayed()

    found = store_of(replica).verify(progress)
    assert [(one.name, one.problems) for one in found] == [("gen-0003", ()), ("gen-0002", ())]
    assert steps[0] == "reading gen-0001"


def test_a_replica_refuses_every_writer_and_names_its_primary(
    primary: Workspace, replica: Workspace, tmp_path: Path
) -> None:
    made = contents(tmp_path, many(5))
    publish(primary, made)
    replayed()
    store, port = store_of(replica), urlsplit(str(primary.store)).port
    message = re.escape(f"is a replica, which can only be read: write to its primary at 127.0.0.1:{port}")
    index = covsearch.open(replica.home, store=replica.store)
    for write in (
        lambda: publish(replica, made),
        lambda: store.publish(made),
        lambda: index.remove("P_1"),
        lambda: index.corrections.accept("P_1", "P_4"),
    ):
        with pytest.raises(UsageError, match=f"{message}$"):
            write()
    check_same(open_all(store), made)


def test_commands_answer_as_on_the_primary(primary: Workspace, replica: Workspace) -> None:
    publish_songs(primary, calibration=made_up_calibration())
    replayed()
    for words in (
        ["query", "P_1", "--csv"],
        ["find", "love", "--json"],
        ["stats", "--json"],
        ["groups", "--json"],
        ["verify"],
    ):
        expected, came = (ran(place, *words, store=place.store) for place in (primary, replica))
        assert expected.returncode == 0, expected.stderr
        ports = [str(urlsplit(str(place.store)).port) for place in (primary, replica)]
        assert (came.returncode, came.stdout) == (0, expected.stdout.replace(*ports)), came.stderr
    refused = ran(replica, "remove", "P_1", store=replica.store)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert "write to its primary at 127.0.0.1" in refused.stderr


def test_a_read_that_the_replica_ends_says_what_to_do(primary: Workspace, replica: Workspace, tmp_path: Path) -> None:
    publish(primary, contents(tmp_path, many(5)))
    replayed()
    pin, reading = Pin(str(replica.store)), threading.Event()

    def lock() -> None:
        reading.wait()
        ask(str(primary.store), "LOCK TABLE covsearch.recordings; SELECT pg_current_xact_id()")

    def read() -> None:
        with pin.connection() as connection:
            connection.execute(text("SELECT count(*) FROM recordings"))
            reading.set()
            connection.execute(text("SELECT pg_sleep(600)"))

    other = threading.Thread(target=lock)
    other.start()
    with pytest.raises(CovsearchError, match=r"PostgreSQL ended a read: .*hot_standby_feedback = on"):
        read()
    other.join()
