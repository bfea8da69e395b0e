"""Do the files of a generation belong together? A build writes what fits; this looks again, without trusting it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from covsearch.config import ModelConfig, fingerprint, from_toml
from covsearch.dataset.ids import ID_RULE, natural_key
from covsearch.dataset.names import is_name
from covsearch.db.catalogue import SqliteCatalogue
from covsearch.errors import ArtefactError, UsageError
from covsearch.index.collection import Collection, check_unit, read_collection
from covsearch.index.generation import MODEL_FILES, Generation
from covsearch.index.manifest import MEND
from covsearch.index.parts import PARTS, read_part


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
        _check_ids(collection.pids)
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
            _check_model(generation)
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


def _check_ids(pids: Sequence[str]) -> None:
    odd = next((pid for pid in pids if not is_name(pid)), None)
    if odd is not None:
        raise ArtefactError(f"{odd!r} is no performance id: {ID_RULE}")
    if list(pids) != sorted(pids, key=natural_key):
        raise ArtefactError("PIDs are not in natural order")


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


def _check_model(generation: Generation) -> None:
    manifest = generation.manifest
    weights, text = ((generation.model_folder / name).read_bytes() for name in MODEL_FILES)
    try:
        config = from_toml(text.decode("utf-8", "replace"), model=ModelConfig)["model"]
        came = fingerprint(text.decode(), weights)
    except (UsageError, UnicodeDecodeError) as e:
        raise ArtefactError(f"config.toml: {e}") from e
    if came != manifest.model:
        raise ArtefactError(f"index was built with model {manifest.model}, the model in it is {came}")
    if config.features != manifest.features:
        raise ArtefactError(f"index was built with {manifest.features}, the model in it sees {config.features}")
