"""Ids that are not Da-TACOS's, and works that nobody knows, from a build through queries to an update."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from commands import Commands
from hypothesis import given, settings
from hypothesis import strategies as st
from published import make_chroma, publish_made, random_head, reseal, unit_vectors

from covsearch.dataset.ids import natural_key
from covsearch.dataset.performance import Performance
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.index.generation import Generation, open_generation
from covsearch.search import open_searcher
from covsearch.stats import read_stats
from covsearch.update import remove_performances
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace

IDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=255)


def publish(workspace: Workspace, performances: Sequence[Performance]) -> Generation:
    rng = np.random.default_rng(0)
    return publish_made(
        workspace,
        [p.pid for p in performances],
        unit_vectors(rng, len(performances)),
        random_head(rng),
        {p.pid: p for p in performances},
        subset="mine",
        parts={"chroma": make_chroma(len(performances))},
    )


@given(ids=st.lists(IDS, min_size=3, max_size=6, unique=True), wid=IDS)
@settings(max_examples=40)
def test_any_ids_are_published_queried_and_removed(
    ids: list[str], wid: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    performances = [Performance(pid, wid if n < 2 else None) for n, pid in enumerate(ids)]
    publish(workspace, performances)
    searcher = open_searcher(workspace)
    assert searcher.collection.pids == tuple(sorted(ids, key=natural_key))
    assert searcher.catalogue.get(ids) == {p.pid: p for p in performances}
    for pid in ids:
        answer = searcher.query(pid, top=len(ids))
        assert answer.query is not None
        assert answer.query.pid == pid
        assert {match.performance.pid for match in answer.matches} == set(ids) - {pid}
    assert verify_workspace(workspace).current.problems == ()
    report = remove_performances(workspace, [ids[0], ids[1]])
    assert report.removed == tuple(sorted(ids[:2], key=natural_key))
    assert report.works == 0
    with pytest.raises(NotFoundError):
        open_searcher(workspace).query(ids[0])
    assert verify_workspace(workspace).current.problems == ()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two versions of one work, one of another, and two of which the work is not known."""
    workspace = Workspace(tmp_path / "home")
    songs = [
        Performance("Help! (live)", "help", "Help!", "A Band", work_title="Help!"),
        Performance("help.mp3", "help", "Help", "A Choir", work_title="Help!"),
        Performance("other", "Other song", "Something"),
        Performance("tape/side A 2", None, "Found on a tape"),
        Performance("tape/side A 10", None, "Found on a tape"),
    ]
    publish(workspace, songs)
    return workspace


def test_a_match_is_known_only_where_both_works_are(workspace: Workspace) -> None:
    searcher = open_searcher(workspace)
    known = {m.performance.pid: m.listed for m in searcher.query("Help! (live)").matches}
    assert known == {"help.mp3": True, "other": False, "tape/side A 2": None, "tape/side A 10": None}
    assert {m.listed for m in searcher.query("tape/side A 2").matches} == {None}


def test_unknown_works_are_not_counted_and_not_anybodys_versions(workspace: Workspace) -> None:
    stats = read_stats(workspace)
    assert (stats.manifest.count, stats.manifest.works) == (5, 2)
    assert (stats.works, stats.cover_pairs, stats.alone) == ({1: 1, 2: 1}, 1, 1)
    catalogue = open_searcher(workspace).catalogue
    assert {hit.performance.pid: hit.versions for hit in catalogue.find("tape")} == {
        "tape/side A 2": 1,
        "tape/side A 10": 1,
    }
    assert [hit.versions for hit in catalogue.find("help")] == [2, 2]
    assert verify_workspace(workspace).current.problems == ()


def test_numbers_in_ids_are_ordered_as_numbers(workspace: Workspace) -> None:
    assert open_searcher(workspace).collection.pids[-2:] == ("tape/side A 2", "tape/side A 10")


@pytest.mark.parametrize(
    ("text", "near"), [("Help.mp3", "help.mp3"), ("tape/side A", "'tape/side A 2'"), ("othr", "other")]
)
def test_a_typo_of_any_id_is_answered_with_the_nearest(workspace: Workspace, text: str, near: str) -> None:
    with pytest.raises(NotFoundError, match=f"did you mean {near}"):
        open_searcher(workspace).query(text)


def test_the_commands_say_that_a_work_is_unknown(workspace: Workspace, command: Commands) -> None:
    said = command.out(workspace, "query", "tape/side A 2")
    assert said.startswith("tape/side A 2 (work unknown) · Found on a tape\n")
    answer = command.json(workspace, "query", "other")
    unknown = [m for m in answer["matches"] if m["pid"].startswith("tape")]
    assert [(m["wid"], m["listed"]) for m in unknown] == [(None, None)] * 2
    rows = [line.split(",") for line in command.out(workspace, "query", "other", "--csv").splitlines()]
    at = rows[0].index("listed")
    assert {row[1]: (row[2], row[at]) for row in rows[1:]} == {
        "Help! (live)": ("help", "false"),
        "help.mp3": ("help", "false"),
        "tape/side A 2": ("", ""),
        "tape/side A 10": ("", ""),
    }
    assert "3 of 2 works, 1 with one performance only; of 2 the work is unknown" in command.out(workspace, "stats")


def test_a_work_id_with_a_control_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"'a\\tb' of x is no work id: expected 1 to 255 characters"):
        publish(Workspace(tmp_path), [Performance("x", "a\tb")])


def test_an_index_with_the_schema_before_is_to_be_built_again(workspace: Workspace) -> None:
    connection = sqlite3.connect(open_generation(workspace).database)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    reseal(workspace)
    for use in (lambda: open_searcher(workspace), lambda: remove_performances(workspace, ["other"])):
        with pytest.raises(
            ArtefactError, match=r"has schema 2, this covsearch reads schema \d: run `covsearch build-i"
        ):
            use()
