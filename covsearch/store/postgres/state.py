"""A generation in PostgreSQL as callers see it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from covsearch.config import EMBEDDING_DIM
from covsearch.dataset.ids import natural_key
from covsearch.dataset.names import naming_of
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.index.calibration import CALIBRATION, Calibration, check_fit, parse_fit
from covsearch.index.collection_calibration import CollectionCalibration
from covsearch.index.head import Head, read_head
from covsearch.index.manifest import MEND, Manifest
from covsearch.index.parts import NEEDED, PARTS
from covsearch.store.postgres.catalogue import PostgresCatalogue
from covsearch.store.postgres.finder import IN_MEMORY, Finder
from covsearch.store.postgres.link import raw
from covsearch.store.postgres.pin import Pin
from covsearch.store.postgres.recordings import RemoteBlobs, RemoteChroma
from covsearch.store.postgres.write import ROWS
from covsearch.store.protocols import Blobs, Opened

HEAD, CALIBRATION_FILE, MODEL = "head.safetensors", CALIBRATION, "model/"
"""How the small files of a generation are called; those of the model begin with the last."""


class PostgresState:
    """The :class:`covsearch.store.protocols.State` that `pin` holds."""

    def __init__(self, pin: Pin) -> None:
        self.pin = pin

    @property
    def name(self) -> str:
        """``gen-0001``."""
        return self.pin.name

    @property
    def manifest(self) -> Manifest:
        """As the local store writes it; its files are those of :func:`pinned_files`, and all rows together."""
        return self.pin.manifest

    def model_files(self) -> dict[str, bytes]:
        """The model as it was published; empty of foreign vectors."""
        files = {name: data for name, data in pinned_files(self.pin).items() if name.startswith(MODEL)}
        return {name.removeprefix(MODEL): data for name, data in files.items()}

    def calibration(self) -> Calibration | CollectionCalibration | None:
        """Of the model, or of foreign vectors; None where there is none."""
        foreign, files = self.manifest.foreign, pinned_files(self.pin)
        name = CALIBRATION_FILE if foreign else f"{MODEL}{CALIBRATION}"
        if name not in files:
            return None
        where, said = Path(self.name) / name, files[name].decode("utf-8", "replace")
        found: Calibration | CollectionCalibration
        if foreign:
            found = parse_fit(said, where, "collection", CollectionCalibration, MEND)
        else:
            found = parse_fit(said, where, "calibration", Calibration, MEND)
        check_fit(found, where, self.manifest.model, MEND)
        return found


def pinned_files(pin: Pin) -> dict[str, bytes]:
    """The small files of a generation: head, calibration, the model's; compared with their digests.

    Raises
    ------
    ArtefactError
        When one is missing, or was changed.
    """
    query = b"SELECT name, content FROM generation_files JOIN contents USING (digest) WHERE generation = %b"
    with pin.connection() as connection:
        found: dict[str, bytes] = dict(raw(connection).execute(query, [pin.generation], binary=True))
    for name, stored in pin.manifest.files.items():
        if name == ROWS:
            continue
        if name not in found or hashlib.sha256(found[name]).hexdigest() != stored.sha256:
            raise ArtefactError(f"{pin.name}: {name} is missing, or was changed since it was published; {MEND}")
    return found


def head_of(pin: Pin) -> Head:
    """The head of the model that made the vectors."""
    return read_head(pinned_files(pin)[HEAD], Path(pin.name) / HEAD, pin.manifest.dim)


def open_state(pin: Pin, parts: Iterable[str] | None = (), finder: Finder = IN_MEMORY) -> Opened:
    """Open what `pin` holds: `parts` beside those that every index has, or all where they are None.

    Raises
    ------
    NotFoundError
        When it was built without one of `parts`.
    ArtefactError
        When what is stored does not fit the manifest.
    """
    manifest = pin.manifest
    dim = manifest.dim if manifest.foreign else EMBEDDING_DIM
    if manifest.dim != dim:
        raise ArtefactError(
            f"{pin.name}: this covsearch searches {dim} dimensions, the index has {manifest.dim}; {MEND}"
        )
    wanted = list(manifest.parts if parts is None or manifest.foreign else dict.fromkeys([*NEEDED, *parts]))
    if missing := [name for name in wanted if name not in manifest.parts]:
        raise NotFoundError(f"the index ({pin.name}) has no {missing[0]}: {PARTS[missing[0]].mend}")
    names, numbers = names_and_recordings(pin)
    vectors = finder.open(pin, names, numbers, head_of(pin))
    return Opened(
        PostgresState(pin), vectors, PostgresCatalogue(pin), {name: _part(pin, name, numbers) for name in wanted}
    )


def _part(pin: Pin, name: str, numbers: NDArray[np.int64]) -> Blobs:
    blobs = (RemoteChroma if name == "chroma" else RemoteBlobs)(pin, name, numbers)
    # the segments of all tracks are compared with every question, so all of them are fetched
    return blobs.take(range(len(blobs))) if name == "segments" else blobs


def names_and_recordings(pin: Pin) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """What the N performances are called, in natural order, and the numbers of their recordings, (N,)."""
    with pin.connection() as connection:
        query = text("SELECT collection, pid, recording FROM performances JOIN performance_text USING (id)")
        rows = connection.execute(query).all()
    if len(rows) != pin.manifest.count:
        raise ArtefactError(f"{pin.name}: expected {pin.manifest.count} performances, found {len(rows)}; {MEND}")
    naming = naming_of((collection, pid) for collection, pid, _ in rows)
    called = {naming.name(collection, pid): recording for collection, pid, recording in rows}
    if len(called) != len(rows):
        raise ArtefactError(f"{pin.name}: a performance is there twice; {MEND}")
    names = tuple(sorted(called, key=natural_key))
    return names, np.array([called[name] for name in names], dtype=np.int64)
