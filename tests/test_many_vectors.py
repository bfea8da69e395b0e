"""A generation of many vectors from one end to the other; 2,000 are made to count as many."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest
from commands import Commands
from numpy.typing import NDArray
from published import publish, reseal

import covsearch
from covsearch.errors import ArtefactError
from covsearch.foreign import build_foreign
from covsearch.foreign_update import add_vectors
from covsearch.index import searched
from covsearch.index.collection import read_collection
from covsearch.index.fastscan import recipe
from covsearch.index.generation import Generation, open_generation
from covsearch.update import remove_performances
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace

COUNT, DIM, VERSIONS = 2000, 32, 4
APPROXIMATE = "the search is approximate"


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searched, "FLAT_LIMIT", COUNT - 1)


def songs(count: int, seed: int = 0, spread: float = 0.3) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    vectors = np.repeat(rng.standard_normal((count // VERSIONS, DIM)), VERSIONS, axis=0)
    vectors += spread * rng.standard_normal(vectors.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def save(folder: Path, vectors: NDArray[np.float32], first: int = 0, name: str = "theirs") -> Path:
    """As an .npz of ids and vectors."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.npz"
    np.savez(path, vectors=vectors, ids=[f"t{first + n}" for n in range(len(vectors))])
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "home")
    build_foreign(save(tmp_path, songs(COUNT)), made)
    return made


def test_answers_say_that_they_are_approximate(workspace: Workspace, command: Commands) -> None:
    index = covsearch.open(workspace.home)
    found = index.query("t8", top=3)
    assert not found.exact
    assert found.to_dict()["settings"]["exact"] is False
    assert sorted(match.pid for match in found) == ["t10", "t11", "t9"]
    assert APPROXIMATE in " ".join(command.out(workspace, "query", "t8").split())
    assert index.stats().to_dict()["exact"] is False
    assert "search       approximate" in command.out(workspace, "stats")


def test_a_small_collection_says_nothing_of_it(tmp_path: Path, command: Commands) -> None:
    workspace = Workspace(tmp_path / "home")
    build_foreign(save(tmp_path, songs(COUNT - VERSIONS)), workspace)
    index = covsearch.open(workspace.home)
    assert index.query("t8").exact
    assert index.query("t8").to_dict()["settings"]["exact"] is True
    assert APPROXIMATE not in " ".join(command.out(workspace, "query", "t8").split())
    assert "approximate" not in command.out(workspace, "stats")


def test_an_index_of_ours_says_it_too(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    publish(workspace, COUNT)
    found = covsearch.open(tmp_path).query("P_8", rerank="head")
    assert (found.exact, len(found)) == (False, 10)


def test_the_manifest_says_the_kind_and_readers_refuse_others(workspace: Workspace) -> None:
    generation = open_generation(workspace)
    said = generation.manifest.recipe
    assert {**said, "error": 0.0} == {**recipe(DIM), "error": 0.0}
    assert said["error"] == read_collection(generation).flat.recipe["error"]
    for wrong in ({**said, "faiss": "PQ8x8"}, {"faiss": "Flat", "metric": "inner product", "dim": DIM + 1}):
        with pytest.raises(ArtefactError, match=r"run `covsearch build-index`"):
            read_collection(replace(generation, manifest=replace(generation.manifest, recipe=wrong)))


def test_vectors_are_mapped_and_come_back_to_the_bit(workspace: Workspace) -> None:
    collection = read_collection(open_generation(workspace))
    assert not collection.flat.vectors.flags.owndata
    assert not collection.flat.vectors.flags.writeable
    row = collection.rows["t77"]
    np.testing.assert_array_equal(collection.flat.vectors[row], songs(COUNT)[77])


def test_a_folder_whose_name_is_not_utf_8_is_read(tmp_path: Path) -> None:
    home = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    home.mkdir()
    build_foreign(save(tmp_path, songs(COUNT)), Workspace(home))
    assert sorted(match.pid for match in covsearch.open(home).query("t8", top=3)) == ["t10", "t11", "t9"]


def test_adding_and_removing_keep_what_was_learned_and_answer_as_a_new_build(
    workspace: Workspace, tmp_path: Path
) -> None:
    learned = error(workspace)
    more = songs(COUNT + 200)[COUNT:]
    add_vectors(workspace, save(tmp_path, more, COUNT, "more"))
    assert error(workspace) == learned
    gone = ["t0", "t501", "t1999"]
    remove_performances(workspace, gone)
    assert error(workspace) == learned
    assert not verify_workspace(workspace).current.problems
    fresh = Workspace(tmp_path / "fresh")
    kept = [n for n in range(COUNT + 200) if f"t{n}" not in gone]
    every = np.concatenate([songs(COUNT), more])[kept]
    path = tmp_path / "again" / "theirs.npz"
    path.parent.mkdir()
    np.savez(path, vectors=every, ids=[f"t{n}" for n in kept])
    build_foreign(path, fresh)
    assert error(fresh) != learned
    for pid in ("t8", f"t{COUNT + 50}"):
        ours, theirs = (covsearch.open(home.home).query(pid, top=3) for home in (workspace, fresh))
        assert [(match.pid, match.distance) for match in ours] == [(match.pid, match.distance) for match in theirs]


def test_it_is_learned_again_when_the_rows_drift(workspace: Workspace, tmp_path: Path) -> None:
    learned = error(workspace)
    rng = np.random.default_rng(5)
    odd = np.zeros((COUNT, DIM), np.float32)
    odd[np.arange(COUNT), rng.integers(0, DIM, COUNT)] = 1  # each in one direction alone
    add_vectors(workspace, save(tmp_path, odd, COUNT, "odd"))
    assert error(workspace) != learned
    assert not verify_workspace(workspace).current.problems


def test_below_the_limit_it_is_flat_again(workspace: Workspace) -> None:
    remove_performances(workspace, ["t5"])
    assert covsearch.open(workspace.home).query("t8").exact


def test_the_same_build_is_the_same_to_the_byte(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    build_foreign(tmp_path / "theirs.npz", other)
    one, two = ((open_generation(home).folder / "index.faiss").read_bytes() for home in (workspace, other))
    assert one == two


def swapped_codes(generation: Generation) -> None:
    collection = read_collection(generation)
    index = faiss.read_index(str(generation.folder / "index.faiss"))
    rows = np.pad(np.asarray(collection.flat.vectors), ((0, 0), (0, index.d - DIM)))
    rows[:, DIM] = 0.5
    rows[[6, 900]] = rows[[900, 6]]
    index.reset()
    index.add(rows)
    faiss.write_index(index, str(generation.folder / "index.faiss"))


def not_finite(generation: Generation) -> None:
    path = generation.folder / "embeddings.safetensors"
    data = bytearray(path.read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (swapped_codes, r"index\.faiss: row 6 has a code that is not of its vector"),
        (not_finite, r"embeddings\.safetensors: t1999: vector must be finite"),
    ],
)
def test_what_checksums_cannot_tell_verifying_finds(workspace: Workspace, damage: object, message: str) -> None:
    damage(open_generation(workspace))  # type: ignore[operator]
    reseal(workspace)
    (problem,) = verify_workspace(workspace).current.problems
    assert covsearch.open(workspace.home)
    with pytest.raises(ArtefactError, match=message):
        raise ArtefactError(problem)


@pytest.mark.parametrize("stored", [b"junk", b"", b"{}"])
def test_a_file_that_is_not_what_was_written_is_named(workspace: Workspace, stored: bytes) -> None:
    for file in ("index.faiss", "embeddings.safetensors"):
        path = open_generation(workspace).folder / file
        before = path.read_bytes()
        path.write_bytes(stored)
        reseal(workspace)
        with pytest.raises(ArtefactError, match=rf"{file}: .*run `covsearch build-index`"):
            covsearch.open(workspace.home).query("t1")
        path.write_bytes(before)
        reseal(workspace)


def error(workspace: Workspace) -> float:
    text = (open_generation(workspace).folder / "manifest.json").read_text(encoding="utf-8")
    found: float = json.loads(text)["recipe"]["error"]
    return found
