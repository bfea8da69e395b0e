"""Two collections with the same ids in one index: each performance is still itself, by its full name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from collection import melody, write_collection, write_feature
from commands import Commands
from published import make_chroma, make_performances, publish_made, random_head, unit_vectors
from untrained import write_model

from covsearch import compare
from covsearch.config import FeatureConfig
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.performance import Performance
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
from covsearch.indexing import build_index
from covsearch.search import Searcher, open_searcher
from covsearch.stats import read_stats
from covsearch.update import add_performances, remove_performances
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace

OTHERS = ("other:P_1", "other:P_2", "other:P_3", "other:P_4")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """P_1 to P_4 of W_1 and W_2, and other recordings than the index has by these ids."""
    return write_collection(tmp_path / "other", works=2, versions=2, subset="other", frames=300)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """P_1 to P_6 of W_1, W_2 and W_3 in ``toy``, indexed by ``model`` with windows in ``home``; nobody changes them."""
    folder = tmp_path_factory.mktemp("built")
    write_model(folder / "model", features=FeatureConfig("hpcp", 2000, rate=SLOW_RATE))
    root = write_collection(folder / "toy", works=3, versions=2)
    build_index(root, folder / "model", Workspace(folder / "home"), frame_rate=SLOW_RATE, windows=True)
    return folder


@pytest.fixture
def plain(built: Path, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(built / "home", tmp_path / "home")))


@pytest.fixture
def workspace(plain: Workspace, other: Path) -> Workspace:
    add_performances(plain, [other], frame_rate=SLOW_RATE)
    return plain


def answers(searcher: Searcher) -> dict[str, object]:
    return {pid: searcher.query(pid, 99, rerank="windows").matches for pid in searcher.collection.pids}


def test_a_collection_of_another_name_may_have_the_same_ids(plain: Workspace, built: Path, other: Path) -> None:
    report = add_performances(plain, [other], frame_rate=SLOW_RATE)
    assert (report.added, report.already_there, report.performances, report.works) == (OTHERS, (), 10, 5)
    again = add_performances(plain, [other, built / "toy"], frame_rate=SLOW_RATE)
    assert (again.added, again.generation) == ((), "gen-0002")
    assert again.already_there == ("P_5", "P_6", *OTHERS, "toy:P_1", "toy:P_2", "toy:P_3", "toy:P_4")
    verified = verify_workspace(plain).current
    assert (verified.name, verified.problems) == ("gen-0002", ())


def test_each_keeps_its_own_vector(plain: Workspace, built: Path, other: Path, tmp_path: Path) -> None:
    before = open_searcher(plain).collection
    add_performances(plain, [other], frame_rate=SLOW_RATE)
    alone = Workspace(tmp_path / "alone")
    build_index(other, built / "model", alone, frame_rate=SLOW_RATE, windows=True)
    theirs, both = open_searcher(alone).collection, open_searcher(plain).collection
    assert both.pids == ("P_5", "P_6", *OTHERS, "toy:P_1", "toy:P_2", "toy:P_3", "toy:P_4")
    for n in range(1, 5):
        for source, name in ((before, f"toy:P_{n}"), (theirs, f"other:P_{n}")):
            expected = source.flat.vectors[source.rows[f"P_{n}"]]
            np.testing.assert_allclose(both.flat.vectors[both.rows[name]], expected, atol=1e-6)


def test_a_query_takes_both_forms_and_an_unclear_id_names_the_full_ones(workspace: Workspace) -> None:
    searcher = open_searcher(workspace)
    asked = {text: searcher.query(text).query for text in ("P_5", "toy:P_5", "toy:P_1", "other:P_1")}
    assert {text: p.pid for text, p in asked.items() if p} == {
        "P_5": "P_5",
        "toy:P_5": "P_5",
        "toy:P_1": "toy:P_1",
        "other:P_1": "other:P_1",
    }
    assert {p.collection for p in asked.values() if p} == {"toy", "other"}
    with pytest.raises(UsageError, match=r"2 collections have a performance P_1: say other:P_1 or toy:P_1") as caught:
        searcher.query("P_1")
    assert caught.value.exit_code == 2
    for nobody in ("other:P_5", "nobody:P_1", "toy:", ":P_1", "P_77"):
        with pytest.raises(NotFoundError, match=f"no performance {nobody} in the index"):
            searcher.query(nobody)


def test_works_of_two_collections_are_two_works(workspace: Workspace) -> None:
    searcher = open_searcher(workspace)
    known = {m.performance.pid: m.listed for m in searcher.query("toy:P_1").matches}
    assert {pid for pid, cover in known.items() if cover} == {"toy:P_2"}
    assert set(known.values()) == {True, False}
    works = {p.pid: p.wid for p in searcher.catalogue.get(searcher.collection.pids).values()}
    assert (works["toy:P_1"], works["other:P_1"], works["P_5"]) == ("toy:W_1", "other:W_1", "W_3")
    assert searcher.catalogue.clique("toy:W_1") == ("toy:P_1", "toy:P_2")
    assert searcher.catalogue.clique("toy:W_3") == searcher.catalogue.clique("W_3") == ("P_5", "P_6")
    assert searcher.catalogue.clique("W_1") == ()
    versions = {hit.performance.pid: hit.versions for hit in searcher.catalogue.find("song")}
    assert versions == dict.fromkeys(searcher.collection.pids, 2)


def test_where_each_came_from_and_what_it_sounds_like_stay_apart(
    workspace: Workspace, built: Path, tmp_path: Path
) -> None:
    origins = open_searcher(workspace).catalogue.origins(["toy:P_1", "other:P_1", "P_5"])
    folders = {name: origin.folder for name, origin in origins.items()}
    toy, other = str(built / "toy"), str(tmp_path / "other")
    assert folders == {"toy:P_1": toy, "other:P_1": other, "P_5": toy}
    found = compare.compare(workspace, "other:P_1", "toy:P_1")
    assert (found.a.pid, found.b.pid, found.listed) == ("other:P_1", "toy:P_1", False)
    assert compare.compare(workspace, "toy:P_5", "P_6").listed
    with pytest.raises(UsageError, match="expected two performances, got P_5 twice"):
        compare.compare(workspace, "P_5", "toy:P_5")


def test_every_collection_is_counted(workspace: Workspace) -> None:
    stats = read_stats(workspace)
    assert stats.collections == {"other": (4, 2), "toy": (6, 3)}
    assert (stats.works, stats.cover_pairs) == ({2: 5}, 5)


def test_removing_the_others_gives_the_answers_and_the_names_before(plain: Workspace, other: Path) -> None:
    before = answers(open_searcher(plain, windows=True))
    add_performances(plain, [other], frame_rate=SLOW_RATE)
    one = remove_performances(plain, ["other:P_1", "other:P_77"])
    assert (one.removed, one.not_there, one.works) == (("other:P_1",), ("other:P_77",), 5)
    searcher = open_searcher(plain)
    assert searcher.query("P_1").query == searcher.query("toy:P_1").query
    assert verify_workspace(plain).current.problems == ()
    remove_performances(plain, OTHERS)
    after = answers(open_searcher(plain, windows=True))
    assert list(after) == list(before) == [f"P_{n}" for n in range(1, 7)]
    assert after == before


def test_what_is_unclear_is_not_removed(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="2 collections have a performance P_2: say other:P_2 or toy:P_2"):
        remove_performances(workspace, ["P_5", "P_2"])
    assert len(open_searcher(workspace).collection.pids) == 10
    assert remove_performances(workspace, ["toy:P_5", "P_6"]).removed == ("P_5", "P_6")


def test_the_same_name_for_another_recording_or_work_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    write_feature(tmp_path / "changed", "other", "hpcp", "W_1", "P_2", melody(99))
    with pytest.raises(
        CovsearchError, match=r"P_2 is in the index with another hpcp file.*`covsearch remove other:P_2`"
    ):
        add_performances(workspace, [tmp_path / "changed"], frame_rate=SLOW_RATE)
    write_feature(tmp_path / "moved", "toy", "hpcp", "W_9", "P_5", melody(99))
    with pytest.raises(CovsearchError, match=r"P_5 is in the index as a performance of W_3, not of W_9"):
        add_performances(workspace, [tmp_path / "moved"], frame_rate=SLOW_RATE)
    assert len(open_searcher(workspace).collection.pids) == 10


def test_the_commands_take_full_names_and_end_with_their_codes(workspace: Workspace, command: Commands) -> None:
    assert command.out(workspace, "query", "other:P_3").startswith("other:P_3 (other:W_2) · Song 2, version 1")
    assert command.out(workspace, "query", "toy:P_5").startswith("P_5 (W_3) · ")
    answer = command.json(workspace, "query", "P_5")
    assert {match["pid"] for match in answer["matches"]} == {"P_6", *OTHERS, "toy:P_1", "toy:P_2", "toy:P_3", "toy:P_4"}
    assert "collection" not in answer["query"]
    lines = command.out(workspace, "stats").splitlines()
    assert "collection   other: 4 performances of 2 works" in lines
    assert "collection   toy: 6 performances of 3 works" in lines
    assert command.out(workspace, "remove", "toy:P_1").splitlines()[0] == "Removed 1 performance: toy:P_1."
    assert command.out(workspace, "query", "P_1").startswith("P_1 (other:W_1)")


def test_failures_are_one_line_and_have_their_exit_codes(
    workspace: Workspace, tmp_path: Path, command: Commands
) -> None:
    changed = write_feature(tmp_path / "changed", "other", "hpcp", "W_1", "P_2", melody(99))
    unclear = "2 collections have a performance P_1: say other:P_1 or toy:P_1"
    cases = [
        (2, unclear, ["query", "P_1"]),
        (2, unclear, ["compare", "P_1", "P_5"]),
        (2, unclear, ["remove", "P_5", "P_1"]),
        (3, "no performance other:P_6 in the index", ["query", "other:P_6"]),
        (1, "to replace it, `covsearch remove other:P_2` first", ["add", str(changed), "--frame-rate", str(SLOW_RATE)]),
    ]
    for code, message, arguments in cases:
        came = command(workspace, *arguments)
        assert (came.code, came.out) == (code, ""), came.err
        assert message in came.err
        assert came.err.count("\n") == 1


@pytest.mark.parametrize("name", ["a:b", "x\n"])
def test_a_collections_name_has_no_colon(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ArtefactError, match=r"cannot be a collection's name: expected 1 to 255 characters, .*no ':'"):
        publish_made(
            Workspace(tmp_path),
            ["P_1"],
            unit_vectors(rng, 1),
            random_head(rng),
            make_performances(rng, 1),
            subset=name,
            parts={"chroma": make_chroma(1)},
        )


def test_ids_that_read_like_full_names_are_told_apart(tmp_path: Path) -> None:
    given = [Performance(pid, "a:W", collection=c) for c, pid in (("a", "x"), ("b", "a:x"), ("b", "b:x"), ("a", "y"))]
    rng = np.random.default_rng(0)
    publish_made(
        Workspace(tmp_path),
        [f"{p.collection}:{p.pid}" for p in given],
        unit_vectors(rng, 4),
        random_head(rng),
        {f"{p.collection}:{p.pid}": p for p in given},
        subset="a",
        parts={"chroma": make_chroma(4)},
    )
    searcher = open_searcher(Workspace(tmp_path))
    assert set(searcher.collection.pids) == {"x", "b:a:x", "b:x", "y"}
    meant = {text: searcher.named(text) for text in ("x", "a:x", "b:a:x", "b:x", "b:b:x", "a:y")}
    assert meant == {"x": "x", "a:x": "x", "b:a:x": "b:a:x", "b:x": "b:x", "b:b:x": "b:x", "a:y": "y"}
    assert {p.wid for p in searcher.catalogue.get(searcher.collection.pids).values()} == {"a:a:W", "b:a:W"}
    assert verify_workspace(Workspace(tmp_path)).current.problems == ()
