"""Do the files of a generation belong together? A build writes what fits; this looks again, without trusting it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from covsearch.db.catalogue import SqliteCatalogue
from covsearch.errors import ArtefactError
from covsearch.index.collection import Collection, check_unit, read_collection
from covsearch.index.generation import MODEL_FILES, Generation
from covsearch.index.manifest import MEND
from covsearch.index.parts import PARTS, read_part
from covsearch.store.checked import check_ids, check_model


def agreements(generation: Generation) -> Iterator[str]:
    """Compare the files of a generation with each other, whose checksums are right.

    Yields
    ------
    str
        What agrees with what, one after the other.

    Raises
    ------
    ArtefactError
        At the first thing that does not agree; names the file, and what mends it.
    """
    collection, folder = read_collection(generation), generation.folder
    with _named(folder / "ids.json"):
        check_ids(collection.pids)
    with _named(folder / "embeddings.safetensors"):
        check_unit(collection.pids, collection.flat.vectors)
    yield "ids in order, one vector each, finite and of length 1"
    with _named(folder / "index.faiss"):
        collection.flat.check_rows()
    yield "FAISS rows are those vectors under the head"
    with _named(generation.database):
        _check_database(generation, collection)
    yield "database sound, same performances in the same rows"
    for name in generation.manifest.parts:
        with _named(folder / PARTS[name].file):
            read_part(generation, name).check(collection.pids)
        yield PARTS[name].sound
    with _named(generation.model_folder):
        generation.calibration()
        if not generation.manifest.foreign:
            folder = generation.model_folder
            check_model({name: (folder / name).read_bytes() for name in MODEL_FILES}, generation.manifest)
    foreign = generation.manifest.foreign
    yield "calibration, if any, is of these vectors" if foreign else "model is the one that the manifest names"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file's name and what mends it into the message, where they are not."""
    try:
        yield
    except ArtefactError as e:
        if str(path) in str(e):
            raise
        raise ArtefactError(f"{path}: {e}; {MEND}") from e


def _check_database(generation: Generation, collection: Collection) -> None:
    catalogue, manifest = SqliteCatalogue(generation.database), generation.manifest
    catalogue.check()
    expected, came = tuple(enumerate(collection.pids)), catalogue.rows()
    if came != expected:
        odd = next((a, b) for a, b in zip_longest(expected, came) if a != b)
        raise ArtefactError(f"expected {_row(odd[0])}, found {_row(odd[1])}")
    works = sum(catalogue.clique_sizes().values())
    if works != manifest.works:
        raise ArtefactError(f"expected {manifest.works} works, found {works}")


def _row(row: tuple[int, str] | None) -> str:
    return "no more rows" if row is None else f"{row[1]} in row {row[0]}"
