"""Groups on the page: as the index finds them, once, and as they are corrected."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from web.conftest import find_groups, serving
from web.test_pages import text
from web.test_uploads import heard

import covsearch
from covsearch.groups import Groups
from covsearch.web.timeline import timeline
from covsearch.workspace import Workspace


@pytest.fixture
def own(editable: httpx.Client, toy_files: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    """A server with an index of its own, that may be corrected."""
    shutil.copytree(toy_files.parent / "home", tmp_path / "home")
    with serving(Workspace(tmp_path / "home"), edit=True) as client:
        client.index = covsearch.open(tmp_path / "home")  # type: ignore[attr-defined]
        yield client


@pytest.fixture(scope="module")
def found(editable: httpx.Client, toy_files: Path) -> Groups:
    return covsearch.open(toy_files.parent / "home").groups()


def correct(page: httpx.Client, *fields: tuple[str, str], status: int = 303) -> httpx.Response:
    body = str(httpx.QueryParams(fields))
    answer = page.post("/corrections", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == status, answer.text
    return answer


def members(page: httpx.Client, id_: str) -> list[str]:
    shown = heard(page, f"/groups/{id_}")
    return re.findall(r'name="id" value="([^"]+)"', shown)


def test_groups_are_those_of_the_index(editable: httpx.Client, found: Groups) -> None:
    assert len(found) == 8
    shown = heard(editable, "/groups")
    assert re.findall(r'<td><a href="/groups/([^"]+)">', shown) == [group.name for group in found]
    assert "24 of 24 performances are in groups" in shown
    find_groups(editable)
    assert editable.get("/api/groups").json() == json.loads(json.dumps(found.to_dict()))
    assert "There are none." in heard(editable, "/groups?show=singles")
    same = [member for group in found for member in group.members if member.same_as]
    assert heard(editable, "/groups?show=same").count("is the recording") == bool(same)


def test_a_group_shows_its_versions_along_the_years(editable: httpx.Client, found: Groups) -> None:
    shown = heard(editable, "/groups/P_5")
    (group,) = (group for group in found if "P_5" in [member.performance.pid for member in group.members])
    assert members(editable, "P_5") == [member.performance.pid for member in group.members]
    assert shown.count("<circle ") == 3
    assert "<title>1965: Song 2, version 2 Singer 5</title>" in shown
    assert group.why in shown
    assert "no performance P_404 in the index" in text(editable, "/groups/P_404", 404)
    assert text(editable, "/works/W_3").count("<circle ") == 3


def test_they_are_found_once(own: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from covsearch import groups

    calls, find_links = [], groups.find_links
    monkeypatch.setattr(groups, "find_links", lambda *asked: calls.append(1) or find_links(*asked))
    for path in ("/groups", "/groups/P_1", "/api/groups", "/groups?show=same"):
        heard(own, path)
    correct(own, ("kind", "accept"), ("member", "P_1"), ("member", "P_2"))
    heard(own, "/groups")
    assert len(calls) == 1


def test_while_they_are_found_the_page_waits_and_the_api_says_so(
    own: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from covsearch import groups
    from covsearch.web import works

    go, find_links = threading.Event(), groups.find_links

    def slow(scope: object, alarms: float, progress: Callable[[str, int, int], None]) -> object:
        while not go.wait(0.05):
            progress("aligning", 3, 10)
        return find_links(scope, alarms, progress)

    monkeypatch.setattr(groups, "find_links", slow)
    monkeypatch.setattr(works, "SOON", 0.3)
    answer = own.get("/api/groups")
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "2")
    assert answer.json()["total"] == 10
    shown = text(own, "/groups")
    (events,) = re.findall(r'data-events="(/progress/groups/[^"]+)"', shown)
    assert "Aligning" in shown
    go.set()
    assert own.get(events).text.endswith("event: done\ndata: \n\n")
    find_groups(own)
    assert len(own.get("/api/groups").json()["groups"]) == 8


def test_who_is_unknown_is_said_before_groups_are_found(own: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from covsearch import groups

    begun: list[object] = []
    monkeypatch.setattr(groups, "find_links", lambda *asked: begun.append(asked))
    assert "no performance P_404 in the index" in text(own, "/groups/P_404", 404)
    assert begun == []


def test_a_group_is_accepted_split_merged_and_taken_back(own: httpx.Client) -> None:
    index: covsearch.Index = own.index  # type: ignore[attr-defined]
    before = members(own, "P_4")
    assert before == ["P_4", "P_5", "P_6"]
    every = [("member", name) for name in before]
    assert correct(own, ("kind", "accept"), *every).headers["location"] == "/groups/P_4"
    shown = heard(own, "/groups/P_4")
    assert "accepted; " in shown
    assert "P_4, P_5 and P_6 are versions of one work" in shown
    assert correct(own, ("kind", "undo"), ("number", "1")).headers["location"] == "/groups"
    assert list(index.corrections) == []
    assert correct(own, ("kind", "split"), ("id", "P_6"), *every).headers["location"] == "/groups/P_4"
    assert members(own, "P_4") == ["P_4", "P_5"]
    assert ">P_6</td>" in heard(own, "/groups?show=singles")
    find_groups(own)
    alone = text(own, "/groups/P_6")
    assert "is in no group" in alone
    assert "<h1>Song 2, version 3</h1>" in alone
    assert 'href="/performances/P_6"' in alone
    assert 'name="member" value="P_6"' in alone
    assert "P_6 is no version of" in alone
    assert correct(own, ("kind", "merge"), ("member", "P_4"), ("with", "P_8")).headers["location"] == "/groups/P_4"
    assert members(own, "P_8") == ["P_4", "P_5", "P_7", "P_8", "P_9"]
    refused = correct(own, ("kind", "accept"), ("member", "P_4"), ("member", "P_6"), status=400).json()["detail"]
    assert "P_6 is no version of P_4" in refused
    assert [one["kind"] for one in own.get("/api/corrections").json()["corrections"]] == ["split", "merge"]
    for number in ("2", "3"):
        correct(own, ("kind", "undo"), ("number", number))
    assert members(own, "P_4") == before


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ([], 400, "expected accept, split, merge or undo, not ''"),
        ([("kind", "remove")], 400, "expected accept, split, merge or undo"),
        ([("kind", "accept")], 400, "expected the ids of performances, got none"),
        ([("kind", "accept"), ("member", "pyproject.toml"), ("member", "P_1")], 404, "pyproject.toml"),
        ([("kind", "split"), ("member", "P_1"), ("member", "P_2")], 400, "choose some of the performances"),
        ([("kind", "split"), ("id", "P_1"), ("member", "P_1")], 400, "and not all"),
        ([("kind", "merge"), ("with", "P_1")], 400, "expected a group"),
        ([("kind", "merge"), ("member", "P_1"), ("with", "")], 404, "no performance"),
        ([("kind", "merge"), ("member", "P_1"), ("with", "P_1")], 400, "twice"),
        ([("kind", "undo"), ("number", "-1")], 400, "expected the number of a correction, not '-1'"),
        ([("kind", "undo"), ("number", "7" * 500)], 400, "expected the number of a correction"),
        ([("kind", "undo"), ("number", "7")], 404, "there is no correction"),
    ],
)
def test_what_cannot_be_corrected_is_said(
    own: httpx.Client, fields: list[tuple[str, str]], status: int, said: str
) -> None:
    assert said in correct(own, *fields, status=status).json()["detail"]
    assert own.get("/api/corrections").json()["corrections"] == []


def test_a_form_must_be_one_and_be_short(own: httpx.Client) -> None:
    assert own.post("/corrections", json={"kind": "undo"}).status_code == 415
    correct(own, ("kind", "x" * 300_000), status=413)
    correct(own, *[("id", "P_1")] * 6000, status=400)
    other = {"origin": "http://evil.example"}
    assert own.post("/corrections", data={"kind": "undo", "number": "1"}, headers=other).status_code == 403


def test_a_server_that_only_reads_takes_none(page: httpx.Client) -> None:
    refused = correct(page, ("kind", "accept"), ("member", "P_1"), ("member", "P_2"), status=403)
    assert "covsearch serve --edit" in refused.json()["detail"]
    shown = heard(page, "/groups/P_1")
    assert "<button" not in shown.split("<main")[1]


def test_an_index_that_cannot_be_grouped_says_why(small: Workspace, served: Callable[..., httpx.Client]) -> None:
    page = served(small)
    find_groups(page)
    assert "groups need a calibrated model" in text(page, "/groups", 400)
    assert page.get("/api/groups").status_code == 400


def test_points_stand_at_their_years_and_beside_or_above_each_other() -> None:
    years = timeline([{"year": year} for year in (1990, None, 1970, 1970, 1980, 1970)])
    assert years is not None
    assert [(point.x, point.row) for point in years.points] == [(30, 0), (30, 1), (30, 2), (500, 0), (970, 0)]
    assert [year for _, year in years.ticks] == [1970, 1975, 1980, 1985, 1990]
    assert years.base == 3 * 18 + 6
    assert timeline([{"year": None}]) is None
    alone = timeline([{"year": 1980}])
    assert alone is not None
    assert [(point.x, point.row) for point in alone.points] == [(500, 0)]
    assert alone.ticks == ((500.0, 1980),)


def test_ticks_have_room() -> None:
    for last in range(1901, 2030):
        years = timeline([{"year": 1900}, {"year": last}])
        assert years is not None
        places = [x for x, _ in years.ticks]
        assert all(b - a >= 45 for a, b in pairwise(places))
        assert len(places) <= 12
