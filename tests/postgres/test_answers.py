"""What is asked of a database is answered as files answer it, id by id and number by number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from published import made_up_calibration, make_performances, publish

import covsearch
from covsearch.copying import copy_index
from covsearch.dataset.performance import Performance
from covsearch.store import store_of
from covsearch.store.protocols import Catalogue
from covsearch.workspace import Workspace
from tests.contract.materials import contents
from tests.contract.materials import publish as publish_contents

LONG = "".join(map(chr, np.random.default_rng(1).integers(ord("a"), ord("z") + 1, 9000)))  # as of text in base64
TITLES = (
    *("東京タワー", "東京", "京都の夜", "東", "サクラ"),
    *("Don't stop", "Dont look", "AC/DC live", "R.E.M.", "rem", "!!!", "Łódź"),
    *(LONG, f"{LONG[:-1]}4"),
)
QUESTIONS = (
    *("love", "lov", "l", "love moon", "moon lov", "yesterday train", "singer 3", "singer", "song 1", "writer 2"),
    *("東京", "東", "京タ", "タワー", "夜", "京都", "サク"),
    *("don't", "dont", "don t", "acdc", "ac/dc", "rem", "r.e.m", "!!!", "lodz", "señorita björk", "uber", "wri"),
    *(LONG, f"{LONG} x", LONG[:700], LONG[:5], LONG[:-1]),
    *("haupt blut", "blue blue", "love love", "zzz", "", "'\"; DROP TABLE", "100%", "_"),
)


def songs() -> list[Performance]:
    made = list(make_performances(np.random.default_rng(3), 300).values())
    odd = [Performance(f"x {n}", f"W_{n % 3}", title, "Björk" if n % 2 else "") for n, title in enumerate(TITLES)]
    twins = [replace(made[n], pid=f"P_{400 + n}") for n in range(40)]
    return [replace(p, collection="one") for p in (*made, *odd, *twins)]


@pytest.fixture
def both(workspace: Workspace, tmp_path: Path) -> tuple[Catalogue, Catalogue]:
    """The same metadata as files and in a database."""
    made = contents(tmp_path, songs())
    files = Workspace(tmp_path / "files")
    for place in (files, workspace):
        publish_contents(place, made)
    return store_of(files).catalogue(), store_of(workspace).catalogue()


def test_texts_are_found_alike_and_in_one_order(both: tuple[Catalogue, Catalogue]) -> None:
    files, database = both
    hits = 0
    for text in QUESTIONS:
        for limit in (1, 7, 1000):
            expected = files.find(text, limit)
            assert database.find(text, limit) == expected, (text, limit)
            hits += len(expected)
    assert hits > 1000


def test_ids_works_and_typos_are_alike(both: tuple[Catalogue, Catalogue]) -> None:
    files, database = both
    assert list(database.names()) == list(files.names())
    assert database.collections() == files.collections()
    assert database.clique_sizes() == files.clique_sizes()
    for text in ("p_9999", "22", "x1", "W_3", "P_", "x 11", "nothing like it"):
        assert list(database.nearest(text, 5)) == list(files.nearest(text, 5))
        assert database.resolve(text) == files.resolve(text)
    for work in ("W_1", "W_2", "W_100", "nobody"):
        assert list(database.clique(work)) == list(files.clique(work))


def test_the_answers_of_the_sample_are_those_of_files(workspace: Workspace, tmp_path: Path) -> None:
    files = covsearch.build(home=tmp_path / "files", windows=True)
    copy_index(files.workspace, workspace, tmp_path / "cache")
    database = covsearch.open(workspace.home, store=workspace.store)
    assert (len(database), database.foreign) == (len(files), False) == (873, False)
    for asked in ("P_1", "P_22", "P_300", "P_871"):
        for rerank in ("align", "head", "windows", "aligner"):
            expected, found = (index.query(asked, top=100, rerank=rerank).to_dict() for index in (files, database))
            assert found == expected, (asked, rerank)
    assert (
        database.query("P_22", top=1000, rerank="head").to_dict()
        == files.query("P_22", top=1000, rerank="head").to_dict()
    )
    assert database.compare("P_22", "P_20").to_dict() == files.compare("P_22", "P_20").to_dict()
    assert database.find("o haupt") == files.find("o haupt")
    assert database.verify().current.problems == ()


def test_foreign_vectors_with_segments_are_searched_alike(workspace: Workspace, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 3, 8))
    np.savez(tmp_path / "mine.npz", vectors=vectors, ids=[f"track {n}" for n in range(40)])
    files = covsearch.build(vectors=tmp_path / "mine.npz", home=tmp_path / "files")
    database = covsearch.build(vectors=tmp_path / "mine.npz", home=workspace.home, store=workspace.store)
    for n in range(40):
        expected, found = (index.query(f"track {n}", top=50).to_dict() for index in (files, database))
        assert found == expected
    assert database.stats().segments == files.stats().segments == 120


def test_groups_are_those_of_files(workspace: Workspace, tmp_path: Path) -> None:
    publish(Workspace(tmp_path / "files"), 30, calibration=made_up_calibration())
    copy_index(Workspace(tmp_path / "files"), workspace, tmp_path / "cache")
    files, database = covsearch.open(tmp_path / "files"), covsearch.open(workspace.home, store=workspace.store)
    assert database.groups(0.05).to_dict() == files.groups(0.05).to_dict()
