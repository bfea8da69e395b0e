"""What a database keeps: as much as somebody may need, every byte as it was, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from covsearch.errors import ArtefactError
from covsearch.store import store_of
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace
from tests.contract.checks import check_same, open_all
from tests.contract.materials import contents, many, publish


def execute(workspace: Workspace, statement: str) -> list[Any]:
    with psycopg.connect(str(workspace.store), options="-c search_path=covsearch") as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def counts(workspace: Workspace) -> dict[str, int]:
    tables = ("generations", "recordings", "performance_versions", "work_versions", "contents")
    return {table: execute(workspace, f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def test_two_generations_are_kept_and_those_that_are_read(workspace: Workspace, tmp_path: Path) -> None:
    made = [contents(tmp_path, many(6), n) for n in range(6)]
    publish(workspace, made[0])
    opened = open_all(store_of(workspace))
    for later in made[1:5]:
        publish(workspace, later)
    assert list(store_of(workspace).sizes()) == ["gen-0001", "gen-0004", "gen-0005"]
    assert counts(workspace)["recordings"] == 18
    check_same(opened, made[0])
    del opened
    publish(workspace, made[5])
    assert list(store_of(workspace).sizes()) == ["gen-0005", "gen-0006"]
    # a model's two files are the same in all; the heads of two generations
    expected = {"generations": 2, "recordings": 12, "performance_versions": 12, "work_versions": 2, "contents": 4}
    assert counts(workspace) == expected


def test_a_generation_with_one_more_costs_one_row(workspace: Workspace, tmp_path: Path) -> None:
    whole = contents(tmp_path, many(60))
    rows = range(59)
    parts = {name: part.take(rows) for name, part in whole.parts.items()}
    fewer = {"names": whole.names[:59], "performances": whole.performances[:59], "vectors": whole.vectors[:59]}
    publish(workspace, replace(whole, parts=parts, **fewer))  # type: ignore[arg-type]
    before = counts(workspace)
    publish(workspace, whole)
    more = {name: number - before[name] for name, number in counts(workspace).items()}
    assert more == {"generations": 1, "recordings": 1, "performance_versions": 1, "work_versions": 0, "contents": 0}
    check_same(open_all(store_of(workspace)), whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE recordings SET chroma = set_byte(chroma, 20, 255 - get_byte(chroma, 20))", "the recording of P_"),
        ("UPDATE recordings SET vector = set_byte(vector, 1, 255 - get_byte(vector, 1))", "the recording of P_"),
        ("UPDATE performance_versions SET words = words || ' more '", "the words of P_"),
        (
            "UPDATE performance_versions SET whole = sha256(whole) WHERE pid = 'P_2'",
            "rows of performances are not those",
        ),
        ("DELETE FROM performance_versions WHERE pid = 'P_3'", "rows of performances are not those"),
        ("UPDATE contents SET content = content || '\\x00'", "is missing, or was changed since it was published"),
        ("DELETE FROM generation_files", "is missing, or was changed since it was published"),
        ("DELETE FROM work_versions", "expected 2 works, found 0"),
        ("UPDATE generations SET manifest = '{}'", "index has format None"),
    ],
)
def test_what_is_changed_behind_our_back_is_found(
    workspace: Workspace, tmp_path: Path, change: str, message: str
) -> None:
    publish(workspace, contents(tmp_path, many(6)))
    assert verify_workspace(workspace).current.problems == ()
    execute(workspace, change)
    found = verify_workspace(workspace)
    assert any(message in problem for problem in found.current.problems), found.current.problems
    assert found.mend[0].startswith("covsearch build-index")


def test_damage_is_not_copied_into_a_new_generation(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(6)))
    execute(workspace, "UPDATE recordings SET chroma = set_byte(chroma, 20, 255 - get_byte(chroma, 20)) WHERE id = 2")
    with store_of(workspace).writing(), pytest.raises(ArtefactError, match="was changed since it was published"):
        store_of(workspace).open_checked()


def test_large_columns_are_kept_apart_and_not_compressed(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, contents(tmp_path, many(3)))
    query = "SELECT attstorage FROM pg_attribute WHERE attrelid = 'recordings'::regclass AND attname = 'chroma'"
    assert execute(workspace, query) == [("e",)]
