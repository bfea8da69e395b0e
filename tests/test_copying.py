"""An index goes from one store to another as it is, in as many runs as it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from postgres_server import database
from published import made_up_calibration, model_folder, publish

import covsearch
from covsearch import copying
from covsearch.copying import copy_index
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.index.calibration import write_calibration
from covsearch.index.windows import Windows
from covsearch.progress import Progress
from covsearch.store import store_of
from covsearch.store.protocols import Contents, Opened
from covsearch.workspace import Workspace
from tests.contract.checks import check_same, open_all
from tests.contract.materials import contents
from tests.contract.materials import publish as publish_contents


@pytest.fixture(params=["folder to folder", "folder to database", "database to folder"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Workspace, Workspace]:
    """Where an index is, and where it is to be."""
    files, other = Workspace(tmp_path / "one"), Workspace(tmp_path / "other")
    if request.param == "folder to folder":
        return files, other
    kept = Workspace(tmp_path / "two", database(str(tmp_path)))
    return (files, kept) if request.param == "folder to database" else (kept, files)


def test_everything_is_copied(places: tuple[Workspace, Workspace], tmp_path: Path) -> None:
    source, target = places
    write_calibration(model_folder(tmp_path / "model"), made_up_calibration())
    made = contents(tmp_path, windows=True)
    publish_contents(source, replace(made, source="/songs"))
    report = copy_index(source, target, tmp_path / "cache")
    assert (report.performances, report.works, report.generation, report.resumed) == (8, 4, "gen-0001", 0)

    def facts(opened: Opened) -> None:
        check_same(opened, made)
        ours = opened.parts["windows"].take(range(8))
        theirs = made.parts["windows"]
        assert isinstance(theirs, Windows)
        np.testing.assert_array_equal(ours.vectors, theirs.vectors)
        m = opened.state.manifest
        assert (m.subset, m.source, m.frame_rate, m.model, m.features) == (
            "one",
            "/songs",
            10.0,
            made.model,
            made.features,
        )
        assert m.windows == theirs.settings
        assert opened.state.model_files() == made.model_files
        assert opened.state.calibration() == made_up_calibration()

    store_of(target).read(facts, None)
    assert store_of(target).verify(lambda *_: None)[0].problems == ()
    assert not list((tmp_path / "cache" / "copy").iterdir())


def test_a_copy_that_was_stopped_goes_on(
    places: tuple[Workspace, Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = places
    publish(source, 25, windows=True)
    monkeypatch.setattr(copying, "CHUNK", 10)
    keep, fetched = copying._keep, list[int]()

    def stopped(opened: Any, rows: range, folder: Path) -> int:
        if rows.start == 20 and len(fetched) < 3:
            fetched.append(20)
            raise KeyboardInterrupt
        fetched.append(rows.start)
        return keep(opened, rows, folder)

    monkeypatch.setattr(copying, "_keep", stopped)
    with pytest.raises(KeyboardInterrupt):
        copy_index(source, target, tmp_path / "cache")
    with pytest.raises(NotFoundError):
        store_of(target).current()
    assert copy_index(source, target, tmp_path / "cache").resumed == 20
    ours, theirs = (open_all(store_of(place)) for place in (target, source))
    np.testing.assert_array_equal(ours.vectors.take(range(25)), theirs.vectors.take(range(25)))
    assert ours.catalogue.stored(ours.vectors.names) == theirs.catalogue.stored(theirs.vectors.names)


@pytest.mark.parametrize("what", ["metadata", "chroma", "vectors"])
def test_a_copy_that_is_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    source, target = Workspace(tmp_path / "one"), Workspace(tmp_path / "other")
    publish(source, 12)
    compare = copying._compare

    def with_another(opened: Opened, made: Contents, progress: Progress) -> None:
        order = [1, 0, *range(2, 12)]
        changed: dict[str, Any] = {
            "metadata": {"performances": [made.performances[row] for row in order]},
            "chroma": {"parts": {"chroma": made.parts["chroma"].take(order)}},
            "vectors": {"vectors": made.vectors[order]},
        }
        compare(opened, replace(made, **changed[what]), progress)

    monkeypatch.setattr(copying, "_compare", with_another)
    with pytest.raises(ArtefactError, match=f"the {what} of the copy are not those of the index"):
        copy_index(source, target, tmp_path / "cache")


def test_foreign_vectors_and_their_calibration_are_copied(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    songs = np.repeat(rng.normal(size=(30, 8)), 2, axis=0) + 0.1 * rng.normal(size=(60, 8))
    ids = [f"t{n}" for n in range(60)]
    np.savez(tmp_path / "mine.npz", vectors=songs, ids=ids)
    (tmp_path / "songs.csv").write_text("id,work\n" + "".join(f"t{n},w{n // 2}\n" for n in range(60)))
    files = covsearch.build(vectors=tmp_path / "mine.npz", metadata=tmp_path / "songs.csv", home=tmp_path / "one")
    kept = Workspace(tmp_path / "two", database(str(tmp_path)))
    copy_index(files.workspace, kept, tmp_path / "cache")
    found = covsearch.open(kept.home, store=kept.store)
    assert found.query("t1", top=5).to_dict() == files.query("t1", top=5).to_dict()
    assert found.query("t1")[0].cover_probability is not None


def test_a_place_is_not_copied_to_itself(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), 5)
    with pytest.raises(UsageError, match="name two places"):
        copy_index(Workspace(tmp_path), Workspace(tmp_path), tmp_path / "cache")
