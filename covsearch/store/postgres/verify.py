"""Is what the database keeps what was published? The server reads every byte and computes every digest again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, text

from covsearch.errors import ArtefactError
from covsearch.guard.urls import without_password
from covsearch.index.collection import check_unit
from covsearch.index.manifest import MEND
from covsearch.index.parts import PARTS
from covsearch.progress import Progress
from covsearch.store.checked import PREVIOUS, PUBLISHED, Check, Verified, check_ids, check_model
from covsearch.store.postgres.finder import IN_MEMORY, Finder
from covsearch.store.postgres.link import OvertakenError, engine_of, server_errors
from covsearch.store.postgres.pin import Pin, name_of, newest
from covsearch.store.postgres.state import PostgresState, open_state, pinned_files
from covsearch.store.postgres.tables import DIGEST
from covsearch.store.postgres.write import ROWS, shown_digest

_STEP = 500  # performances whose parts are looked at together
_OF_GENERATION = "FROM performance_text t JOIN recordings r ON r.id = t.recording"


def verify_database(url: str, progress: Progress, finder: Finder = IN_MEMORY) -> tuple[Verified, ...]:
    """Every generation, the current one first; one that is removed meanwhile is left out.

    Raises
    ------
    NotFoundError
        When nothing was published yet.
    """
    with server_errors(url), engine_of(url).connect() as connection:
        current, _ = newest(connection, url)
        query = text("SELECT id FROM generations WHERE id < :id ORDER BY id DESC")
        others = connection.scalars(query, {"id": current}).all()
    try:
        first = _verify(url, current, PUBLISHED, progress, finder)
    except OvertakenError:  # a replica has a newer one
        return verify_database(url, progress, finder)
    found = [first]
    for number in others:
        with suppress(OvertakenError):
            found.append(_verify(url, number, PREVIOUS, progress, finder))
    return tuple(found)


def _verify(url: str, generation: int, role: str, progress: Progress, finder: Finder) -> Verified:
    try:
        pin = Pin(url, generation)
    except ArtefactError as e:
        return Verified(name_of(generation), role, None, (Check("manifest", problem=str(e)),))
    checks: list[Check] = []
    try:
        for done, check in enumerate(_checks(pin, finder)):
            progress(f"reading {pin.name}", done, len(PARTS) + 4)
            checks.append(check)
    except ArtefactError as e:
        checks.append(Check("rows agree with each other", problem=f"{without_password(url)}: {e}"))
    progress(f"reading {pin.name}", len(PARTS) + 4, len(PARTS) + 4)
    return Verified(pin.name, role, pin.manifest, tuple(checks))


def _checks(pin: Pin, finder: Finder) -> Iterator[Check]:
    """What was compared, one after the other; an ArtefactError at the first thing that is wrong."""
    with pin.connection() as connection:
        _check_rows(connection, pin)
    yield Check("rows of performances: as many as published, and of the same digest", pin.manifest.files[ROWS].size)
    yield Check("recordings: every byte, by the digest of each", check_recordings(pin))
    for name, data in pinned_files(pin).items():
        yield Check(name, len(data))
    opened = open_state(pin, None)
    names = list(opened.vectors.names)
    with _named("performances"):
        check_ids(names)
        _check_works(pin, sum(opened.catalogue.clique_sizes().values()))
    vectors = opened.vectors.take(range(len(names)))
    with _named("vectors"):
        check_unit(names, vectors)
    yield Check("ids in order, one vector each, finite and of length 1")
    yield from map(Check, finder.check(pin, vectors, opened.vectors.head))
    for name, part in opened.parts.items():
        with _named(name):
            for start in range(0, len(names), _STEP):
                some = range(start, min(start + _STEP, len(names)))
                part.take(some).check(names[start : start + _STEP])
        yield Check(PARTS[name].sound)
    with _named("model"):
        state = PostgresState(pin)
        state.calibration()
        if not pin.manifest.foreign:
            check_model(state.model_files(), pin.manifest)
    foreign = pin.manifest.foreign
    yield Check("calibration, if any, is of these vectors" if foreign else "model is the one that the manifest names")


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except ArtefactError as e:
        raise ArtefactError(f"{what}: {e}; {MEND}") from e


def _check_rows(connection: Connection, pin: Pin) -> None:
    """Every row's digest again from its columns, and all of them together as the manifest has them."""
    expected = pin.manifest.files[ROWS]
    if shown_digest(connection) != (expected.size, expected.sha256):
        raise ArtefactError(f"{pin.name}: rows of performances are not those that were published; {MEND}")
    wrong = "sha256(own || convert_to(words, 'UTF8')) <> whole"
    query = f"SELECT pid FROM performances JOIN performance_text USING (id) WHERE {wrong} LIMIT 1"
    if (pid := connection.scalar(text(query))) is not None:
        raise ArtefactError(f"{pin.name}: the words of {pid} were changed since they were published; {MEND}")


def _check_works(pin: Pin, came: int) -> None:
    with pin.connection() as connection:
        listed = connection.scalar(text("SELECT count(*) FROM works"))
    if not came == listed == pin.manifest.works:
        raise ArtefactError(f"expected {pin.manifest.works} works, found {listed}, and performances of {came}")


def check_recordings(pin: Pin) -> int:
    """Let the server read every recording of a generation and compare its digest; how many bytes there were.

    Raises
    ------
    ArtefactError
        Names the first performance whose recording was changed.
    """
    with pin.connection() as connection:
        digest = DIGEST
        for column in ("vector", *PARTS):
            digest = digest.replace(f"({column})", f"(r.{column})")
        first = f"SELECT p.pid {_OF_GENERATION} JOIN performances p ON p.id = t.id WHERE r.digest <> {digest} LIMIT 1"
        if (pid := connection.scalar(text(first))) is not None:
            raise ArtefactError(f"{pin.name}: the recording of {pid} was changed since it was published; {MEND}")
        size = " + ".join(f"coalesce(octet_length(r.{column}), 0)" for column in ("vector", *PARTS))
        return int(connection.scalar(text(f"SELECT coalesce(sum({size}), 0) {_OF_GENERATION}")) or 0)
