"""What every back end answers: the specification of :mod:`covsearch.store.protocols`, reading."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from brute_force import rank_all
from published import made_up_calibration, model_folder, random_head, unit_vectors

from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.features.slow import restored
from covsearch.index.calibration import write_calibration
from covsearch.index.head import Head, cosine_head
from covsearch.store.protocols import Opened, Publisher
from covsearch.workspace import Workspace
from tests.contract.checks import check_same, open_all
from tests.contract.materials import (
    NAMES,
    ODD,
    contents,
    many,
    publish,
)

OUTSIDE = unit_vectors(np.random.default_rng(0), 1)[0]

# --- what was published is read back


def test_before_anything_is_published_nothing_is_found(store: Publisher) -> None:
    for ask in (store.current, store.catalogue, lambda: open_all(store)):
        with pytest.raises(NotFoundError):
            ask()


@pytest.mark.parametrize("windows", [False, True])
def test_what_is_published_is_read_back_value_for_value(
    workspace: Workspace, store: Publisher, tmp_path: Path, windows: bool
) -> None:
    made = contents(tmp_path, windows=windows)
    publish(workspace, made)
    check_same(open_all(store), made)
    with store.writing():
        check_same(store.open_checked(), made)


def test_a_state_says_how_it_was_made(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    calibration = made_up_calibration()
    write_calibration(model_folder(tmp_path / "model"), calibration)
    made = replace(contents(tmp_path, windows=True), source="/songs")
    name = publish(workspace, made)

    def facts(opened: Opened) -> None:
        state, m = opened.state, opened.state.manifest
        assert (state.name, m.count, m.works, m.dim) == (name, len(ODD), 4, 128)
        assert (m.subset, m.source, m.frame_rate) == ("one", "/songs", 10.0)
        assert (m.model, m.features) == (made.model, made.features)
        assert m.parts == {part: made.parts[part].settings for part in made.parts}
        assert m.windows == made.parts["windows"].settings
        assert state.calibration() == calibration
        assert state.model_files() == made.model_files
        assert sorted(made.model_files) == ["calibration.toml", "config.toml", "model.safetensors"]

    store.read(facts)


def test_parts_are_opened_that_were_asked_for(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path))
    assert set(store.read(lambda opened: opened).parts) == {"chroma"}
    with pytest.raises(NotFoundError, match="has no windows"):
        store.read(lambda opened: opened, ["windows"])
    publish(workspace, contents(tmp_path, windows=True))
    assert set(store.read(lambda opened: opened).parts) == {"chroma"}
    assert set(store.read(lambda opened: opened, ["windows"]).parts) == {"chroma", "windows"}


# --- vectors


@pytest.mark.parametrize("weights", ["signed", "positive", "negative"])
@pytest.mark.parametrize(("count", "distinct"), [(1, 1), (2, 2), (2, 1), (87, 87), (87, 5), (873, 873), (873, 40)])
def test_a_search_is_exact_with_ties_too(
    workspace: Workspace, store: Publisher, tmp_path: Path, count: int, distinct: int, weights: str
) -> None:
    rng = np.random.default_rng(count + distinct)
    vectors = unit_vectors(rng, distinct)[rng.permutation(np.arange(count) % distinct)]
    head = (
        Head(-np.ones(128, np.float32), 0.5) if weights == "negative" else random_head(rng, signed=weights == "signed")
    )
    publish(workspace, contents(tmp_path, many(count), vectors=vectors, head=head))
    check_searches(open_all(store), vectors, head, rng.integers(0, count, 5).tolist())


def test_a_search_of_15_000_is_exact(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    vectors, head = unit_vectors(rng, 15_000), random_head(rng)
    publish(workspace, contents(tmp_path, many(15_000), vectors=vectors, head=head))
    check_searches(open_all(store), vectors, head, [0, 7_000, 14_999])


def check_searches(
    opened: Opened, vectors: np.ndarray, head: Head, rows: list[int], outside: np.ndarray = OUTSIDE
) -> None:
    asked = [(vectors[row], exclude) for row in rows for exclude in (None, row)] + [(outside, None)]
    there = wanted = 0
    for vector, exclude in asked:
        order = rank_all(vector, vectors, head)
        expected = order[order != exclude] if exclude is not None else order
        for k in (1, 10, len(vectors), len(vectors) + 5):
            found = opened.vectors.search(vector, k, exclude=exclude)
            np.testing.assert_array_equal(found.distances, head.distances(vector, vectors[found.rows]))
            if opened.vectors.exact or k >= len(vectors):
                assert found.rows.tolist() == expected[:k].tolist()
                continue
            there += len(np.intersect1d(found.rows, expected[:k]))
            wanted += len(expected[:k])
            assert found.rows.tolist() == [row for row in expected.tolist() if row in set(found.rows.tolist())]
    assert there >= 0.98 * wanted


def test_a_question_that_cannot_be_is_refused(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    made = contents(tmp_path)
    publish(workspace, made)
    vectors = open_all(store).vectors
    with pytest.raises(UsageError, match="at least 1 match"):
        vectors.search(made.vectors[0], 0)
    for vector in (made.vectors[0][:-1], np.full(128, np.nan, np.float32)):
        with pytest.raises(ArtefactError, match="128 finite numbers"):
            vectors.search(vector, 1)


def test_vectors_of_another_model_have_their_own_length(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    vectors = unit_vectors(np.random.default_rng(0), 20)[:, :8]
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    made = contents(tmp_path, many(20), vectors=vectors, head=cosine_head(8))
    unheard = {"model_files": {}, "features": None, "frame_rate": None}
    publish(workspace, replace(made, model="theirs", parts={}, **unheard))  # type: ignore[arg-type]
    opened = store.read(lambda opened: opened)
    facts = opened.state.manifest
    assert (facts.dim, facts.model, facts.foreign, dict(opened.parts)) == (8, "theirs", True, {})
    check_searches(opened, vectors, made.head, [0, 19], unit_vectors(np.random.default_rng(1), 1)[0, :8])


# --- metadata


def test_performances_are_called_by_their_ids_while_these_are_clear(
    workspace: Workspace, store: Publisher, tmp_path: Path
) -> None:
    made = contents(tmp_path)
    publish(workspace, made)
    catalogue = store.catalogue()
    assert set(made.names) == set(NAMES)
    known = catalogue.get([*NAMES, "P_1", "nobody"])
    assert {name: p.pid for name, p in known.items()} == {name: name for name in NAMES}
    works = {name: p.wid for name, p in known.items() if p.wid}
    assert works == {"P_2": "one:W_1", "one:P_1": "one:W_1", "two:P_1": "two:W_1", "P_10": "W: 2", NAMES[-1]: "作品"}
    assert known["tape/side A 10"].matches == ODD[5].matches
    assert set(catalogue.stored(["one:P_2", "P_1"])) == set()


def test_an_id_or_a_full_name_is_resolved(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path))
    resolve = store.catalogue().resolve
    assert {name: resolve(name) for name in NAMES} == {name: name for name in NAMES}
    assert (resolve("one:P_10"), resolve("one:P_2"), resolve("two:tape/side A 2")) == ("P_10", "P_2", "tape/side A 2")
    assert [resolve(nobody) for nobody in ("P_3", "two:P_2", "", "a\nb", "%", "P__")] == [None] * 6
    with pytest.raises(UsageError, match="say one:P_1 or two:P_1"):
        resolve("P_1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("senorita", {"P_2", "one:P_1"}),
        ("SEÑOR", {"P_2", "one:P_1"}),
        ("bjork señorita", {"one:P_1"}),
        ("writer another", {"P_2"}),
        ("or not", {"P_10"}),
        ("say OR train", set()),
        ("tra", {"two:P_1"}),
        ("debut bjork", {"one:P_1"}),
        ("ain", set()),
        ("", set()),
        ('"* -', set()),
    ],
)
def test_titles_and_artists_are_found_by_words(
    workspace: Workspace, store: Publisher, tmp_path: Path, text: str, expected: set[str]
) -> None:
    publish(workspace, contents(tmp_path))
    assert {found.performance.pid for found in store.catalogue().find(text)} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P_2", ["P_2"]),
        (" p_2 ", ["P_2"]),
        ("one:p_2", ["P_2", "two:one:P_2"]),
        ("two:P_2", []),
        ("p_1", ["one:P_1", "two:P_1"]),
        ("ONE:p_1", ["one:P_1"]),
        ("P_", []),
        ("P%", []),
    ],
)
def test_a_performance_is_found_by_its_id(
    workspace: Workspace, store: Publisher, tmp_path: Path, text: str, expected: list[str]
) -> None:
    publish(workspace, contents(tmp_path))
    assert [found.performance.pid for found in store.catalogue().find(text)] == expected


def test_a_hit_tells_how_many_versions_there_are(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path))
    catalogue = store.catalogue()
    assert [found.versions for found in catalogue.find("senorita")] == [2, 2]
    assert [found.versions for found in catalogue.find("tape")] == [1]
    assert len(catalogue.find("senorita", 1)) == 1
    with pytest.raises(UsageError, match="at least 1 hit"):
        catalogue.find("senorita", 0)


def test_works_and_collections_are_counted(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path))
    catalogue = store.catalogue()
    assert catalogue.collections() == {"one": (3, 2), "two": (5, 2)}
    assert catalogue.clique_sizes() == {1: 3, 2: 1}
    assert [list(catalogue.clique(w)) for w in ("one:W_1", "W: 2", "W_9")] == [["P_2", "one:P_1"], ["P_10"], []]


def test_names_are_by_row(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    made = contents(tmp_path)
    publish(workspace, made)
    assert list(store.catalogue().names()) == list(open_all(store).vectors.names)


@pytest.mark.parametrize(("typo", "expected"), [("p2", "P_2"), ("P_11", "P_10"), ("tape/side a 2", "tape/side A 2")])
def test_a_typo_is_told_what_it_may_have_meant(
    workspace: Workspace, store: Publisher, tmp_path: Path, typo: str, expected: str
) -> None:
    publish(workspace, contents(tmp_path))
    near = store.catalogue().nearest(typo)
    assert expected in near
    assert len(near) <= 3
    assert len(store.catalogue().nearest(typo, 1)) == 1


# --- parts


def test_parts_are_taken_by_rows_in_any_order(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    made = contents(tmp_path, windows=True)
    publish(workspace, made)
    opened = open_all(store)
    rows, chroma, windows = [5, 0, 5, 3], made.parts["chroma"], made.parts["windows"]
    assert len(opened.parts["chroma"]) == len(opened.parts["windows"]) == len(ODD)
    np.testing.assert_array_equal(opened.parts["chroma"].rates, chroma.rates)
    taken = opened.parts["chroma"].take(rows)
    np.testing.assert_array_equal(taken.rates, chroma.rates[rows])
    for place, row in enumerate(rows):
        stored = chroma.frames[chroma.first[row] : chroma.first[row + 1]]
        np.testing.assert_array_equal(taken.track(place), restored(stored))
    expected, cut = windows.take(rows), opened.parts["windows"].take(rows)
    np.testing.assert_array_equal(cut.vectors, expected.vectors)
    np.testing.assert_array_equal(cut.cuts.first, expected.cuts.first)
    np.testing.assert_array_equal(cut.cuts.start, expected.cuts.start)
    assert cut.cuts.recipe == windows.cuts.recipe
