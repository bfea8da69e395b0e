"""The pages: search, answer, evidence, works, health, and what they say when something fails."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from collection import write_collection
from published import publish, publish_dataset
from web.conftest import HTML

from covsearch import api
from covsearch.search import Searcher
from covsearch.workspace import Workspace

BROWSER = {"accept": "text/html,application/xhtml+xml"}


def text(page: httpx.Client, path: str, status: int = 200) -> str:
    answer = page.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8"), answer.text
    return answer.text


def titles(shown: str) -> list[str]:
    """Titles in the table of matches, from above."""
    return [html.unescape(one) for one in re.findall(r'<td><a href="/performances/[^"]+">([^<]*)</a></td>', shown)]


def events(page: httpx.Client, path: str) -> list[tuple[str, str]]:
    """Names and data of a stream's events."""
    answer = page.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    found = []
    for block in answer.text.strip("\n").split("\n\n"):
        name, *data = block.splitlines()
        found.append((name.removeprefix("event: "), "\n".join(line.removeprefix("data: ") for line in data)))
    return found


def test_home_says_what_can_be_searched(page: httpx.Client) -> None:
    assert "Search 24 performances of 8 works" in text(page, "/")


def test_home_says_what_a_server_that_only_reads_can_do(page: httpx.Client) -> None:
    shown = text(page, "/").split("<main")[1]
    assert 'You can also look through the <a href="/groups">groups</a>' in shown
    assert "<code>covsearch serve --edit</code>" in shown


def test_a_single_performance_has_no_matches_that_a_filter_could_hide(
    tmp_path: Path, served: Callable[..., httpx.Client]
) -> None:
    publish(Workspace(tmp_path), 1)
    alone = served(Workspace(tmp_path))
    assert "Search 1 performance of 1 work by" in text(alone, "/")
    shown = text(alone, "/performances/P_1?whole=1")
    assert "there is nothing else in the index" in shown
    assert "<table" not in shown
    assert "<select" not in shown
    assert "Add other performances to the index" in shown
    assert 'data-settled="1"' in text(alone, "/performances/P_1")
    assert "left by these filters" not in shown
    assert "There is no page" not in shown


@pytest.mark.parametrize("id_", ["P_5", " P_5 ", "p_5"])
def test_searching_an_id_goes_to_its_answer(page: httpx.Client, id_: str) -> None:
    answer = page.get("/find", params={"q": id_})
    assert (answer.status_code, answer.headers["location"]) == (303, "/performances/P_5")


def test_searching_nothing_goes_home(page: httpx.Client) -> None:
    assert page.get("/find?q=++").headers["location"] == "/"


def test_searching_a_title_lists_who_has_it(page: httpx.Client) -> None:
    shown = text(page, "/find?q=song+2")
    assert {"Song 2, version 1", "Song 2, version 2", "Song 2, version 3"} <= set(titles(shown))
    assert 'value="song 2"' in shown
    assert "No performance matches" in text(page, "/find?q=zzz")


def test_an_answer_is_that_of_a_query(page: httpx.Client, songs: Workspace) -> None:
    found = api.open_index(songs.home).query("P_4", top=5)
    shown = text(page, "/performances/P_4?whole=1&top=5")
    assert titles(shown) == [match.title for match in found]
    assert html.escape(found.sentence) in shown
    assert [float(p) for p in re.findall(r"</meter> ([\d.]+)%", shown)] == [
        pytest.approx(100 * match.cover_probability, abs=0.051) for match in found
    ]
    assert 'data-settled="1"' in shown
    assert re.findall(r'data-match="(\w+)"', shown) == [match.pid for match in found]


def test_without_whole_the_vectors_answer_and_an_event_brings_the_rest(page: httpx.Client, songs: Workspace) -> None:
    index = api.open_index(songs.home)
    shown = text(page, "/performances/P_4?top=5")
    assert titles(shown) == [match.title for match in index.query("P_4", top=5, rerank="head")]
    assert "Aligning 23 performances" in shown
    assert 'data-settled="0"' in shown
    assert "<meter" not in shown
    assert '<noscript><meta http-equiv="refresh" content="0; url=?top=5&amp;whole=true"></noscript>' in shown
    (first, _), (second, piece) = events(page, "/events/P_4?top=5")
    assert (first, second) == ("aligning", "answer")
    aligned = index.query("P_4", top=5)
    assert titles(piece) == [match.title for match in aligned]
    assert html.escape(aligned.sentence) in piece


def test_the_evidence_of_a_match_does_not_rank_again(
    songs: Workspace, served: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {m.pid: m.cover_probability for m in api.open_index(songs.home).query("P_4", top=23)}
    ranked, rank = [], Searcher._rank
    monkeypatch.setattr(Searcher, "_rank", lambda self, *a: ranked.append(a) or rank(self, *a))
    page = served(songs)
    assert events(page, "/events/P_4?top=5")[1][0] == "answer"
    for place, (pid, probability) in enumerate(expected.items()):
        compared = page.get("/api/compare", params={"a": "P_4", "b": pid}).json()
        assert compared["cover_probability"] == probability
        assert len(ranked) == (1 if place < 5 else 2), "those beyond the five are ranked once, together"


def test_an_event_tells_what_failed(page: httpx.Client) -> None:
    assert events(page, "/events/P_404")[1][0] == "problem"
    assert "no performance P_404 in the index" in events(page, "/events/P_404")[1][1]


def test_an_index_without_a_calibration_has_nothing_to_wait_for(
    small: Workspace, served: Callable[..., httpx.Client]
) -> None:
    assert 'data-settled="1"' in text(served(small), "/performances/P_1")


def test_filters_leave_rows_and_say_how_many_they_hid(page: httpx.Client, songs: Workspace) -> None:
    found = list(api.open_index(songs.home).query("P_4", top=23))
    years = text(page, "/performances/P_4?whole=1&top=23&since=1970&until=1975")
    assert titles(years) == [m.title for m in found if 1970 <= (m.performance.year or 0) <= 1975]
    assert "17 matches hidden by the filters" in years
    assert len(titles(text(page, "/performances/P_4?whole=1&top=23&since=1970&until="))) == 15
    artist = text(page, "/performances/P_4?whole=1&top=23&artist=singer+1")
    assert titles(artist) == [m.title for m in found if m.artist.startswith("Singer 1")]
    same = [m for m in found if m.same_recording]
    assert len(titles(text(page, "/performances/P_4?whole=1&top=23&hide_same=1"))) == 23 - len(same)
    assert "No match is left by these filters." in text(page, "/performances/P_4?whole=1&artist=nobody")


@pytest.mark.parametrize("by", ["title", "artist", "year"])
def test_rows_are_sorted(page: httpx.Client, songs: Workspace, by: str) -> None:
    found = [m.to_dict() for m in api.open_index(songs.home).query("P_4", top=23)]
    expected = [row["title"] for row in sorted(found, key=lambda row: row[by])]
    assert titles(text(page, f"/performances/P_4?whole=1&top=23&sort={by}")) == expected


def test_csv_has_the_rows_that_are_shown(page: httpx.Client, songs: Workspace) -> None:
    shown = text(page, "/performances/P_4?whole=1&top=8&since=1965&sort=year")
    (link,) = re.findall(r'href="([^"]+)">CSV', shown)
    answer = page.get(html.unescape(link))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["title"] for row in rows] == titles(shown)
    by_id = {m.pid: m for m in api.open_index(songs.home).query("P_4", top=8)}
    assert [float(row["cover_probability"]) for row in rows] == [by_id[row["pid"]].cover_probability for row in rows]


def test_a_work_lists_its_versions_by_year(page: httpx.Client) -> None:
    shown = text(page, "/works/W_3")
    assert re.findall(r"<li>.*?(\d{4}).*?>(Song [^<]+)<", shown) == [
        (str(1967 + n), f"Song 3, version {n + 1}") for n in range(3)
    ]
    assert "no work is called &#39;W_99&#39; here" in text(page, "/works/W_99", 404)


def test_the_evidence_is_told_without_javascript(page: httpx.Client, songs: Workspace) -> None:
    found = api.open_index(songs.home).compare("P_4", "P_6")
    shown = text(page, "/compare?a=P_4&b=P_6")
    assert "P_6 is 4 semitones higher" in shown
    assert html.escape(found.together) in shown
    assert f"B plays {found.tempo:.2f} times as fast as A" in shown
    assert len(re.findall(r"cosine \d", shown)) == len(found.passages)
    assert 'aria-label="How alike the moments of A and B are. They run together from 0:00 to ' in shown


def test_health_says_what_is_served(page: httpx.Client, songs: Workspace) -> None:
    found = api.open_index(songs.home).stats().to_dict()
    shown = text(page, "/health")
    assert f"gen-0001, built {found['created']}" in shown
    assert f"{found['model']}, 128 numbers a vector" in shown


@pytest.mark.parametrize(
    ("path", "status", "heading", "said"),
    [
        ("/performances/P_2222", 404, "Nothing here has this name", "no performance P_2222 in the index"),
        ("/performances/P_1?sort=wrong", 400, "This cannot be answered", "sort: Input should be"),
        ("/compare?a=P_1&b=P_1", 400, "This cannot be answered", "expected two performances, got P_1 twice"),
        ("/compare?a=P_1", 400, "This cannot be answered", "b: Field required"),
        ("/nothing", 404, "Nothing here has this name", "The address /nothing leads nowhere here."),
        ("/uploads", 405, "This cannot be asked here", "The address /uploads leads nowhere here."),
    ],
)
def test_a_failure_is_a_page_for_a_browser(page: httpx.Client, path: str, status: int, heading: str, said: str) -> None:
    shown = text(page, path, status)
    assert f"<h1>{heading}</h1>" in shown
    assert html.escape(said) in shown
    assert "<form action=" in shown


def test_what_is_not_there_is_looked_for_on_the_page(page: httpx.Client) -> None:
    shown = text(page, "/performances/P_2222", 404)
    assert "covsearch find" not in shown
    assert "Search for its title or artist above." in shown
    assert '<a href="#q">Search by id, title or artist</a>' in shown
    assert 'id="q"' in shown
    told = events(page, "/events/P_2222")[1][1]
    assert told.endswith("Search for its title or artist above.")


def test_an_index_that_is_gone_is_the_servers_fault(small: Workspace, served: Callable[..., httpx.Client]) -> None:
    page = served(small)
    assert page.get("/readyz").status_code == 200
    small.index.rename(small.home / "moved")
    for path in ("/readyz", "/api/query?id=P_1"):
        assert page.get(path).status_code == 503
    assert str(small.home) not in page.get("/readyz").text, "anybody may ask that"
    assert "<h1>The server cannot answer now</h1>" in text(page, "/", 503)
    assert page.get("/healthz").status_code == 200
    (small.home / "moved").rename(small.index)
    assert page.get("/readyz").json() == {"status": "ok", "performances": 6}


@pytest.mark.parametrize("path", ["/", "/find?q=alert", "/performances/P_1?whole=1", "/performances/P_1", "/works/W_1"])
def test_html_in_titles_is_text(hostile: httpx.Client, path: str) -> None:
    shown = text(hostile, path)
    assert "<script>alert" not in shown
    if path != "/":
        assert html.escape(HTML).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in shown


def test_html_in_titles_is_text_in_events_and_evidence_too(hostile: httpx.Client) -> None:
    _, (name, piece) = events(hostile, "/events/P_1")
    assert name == "answer"
    assert "&lt;script&gt;alert(1)" in piece
    for shown in (piece, text(hostile, "/compare?a=P_1&b=P_2"), text(hostile, "/find?q=%3Cscript%3Ealert(1)")):
        assert "<script>alert" not in shown


@pytest.mark.parametrize("path", ["/", "/find?q=song", "/performances/P_4", "/compare?a=P_4&b=P_5", "/health"])
def test_pages_have_nothing_inline_and_nothing_of_another_host(page: httpx.Client, path: str) -> None:
    shown = text(page, path)
    assert re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|javascript:", shown) == []
    assert re.findall(r'(?:src|href|action|url)="?(?:https?:)?//[^"]*', shown) == []
    assert shown.startswith('<!doctype html>\n<html lang="en">')
    assert shown.count("<h1>") == 1


def test_the_next_request_sees_a_new_generation(small: Workspace, served: Callable[..., httpx.Client]) -> None:
    page = served(small)
    assert "Search 6 performances" in text(page, "/")
    assert len(page.get("/api/query?id=P_1&top=50").json()["matches"]) == 5
    publish(small, 9)
    assert "Search 9 performances" in text(page, "/")
    found = page.get("/api/query?id=P_1&top=50").json()
    assert (len(found["matches"]), found["settings"]["generation"]) == (8, "gen-0002")


def test_an_index_without_windows_compares_and_opens_once(
    tmp_path: Path, served: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    from covsearch import search

    workspace = Workspace(tmp_path / "home")
    publish_dataset(workspace, write_collection(tmp_path / "toy", works=3))
    opened, opening = [], search.open_searcher
    monkeypatch.setattr(search, "open_searcher", lambda *a, **k: opened.append(k) or opening(*a, **k))
    page = served(workspace)
    for _ in range(2):
        assert "P_3 is 4 semitones higher" in text(page, "/compare?a=P_1&b=P_3")
        assert len(page.get("/api/query?id=P_1").json()["matches"]) == 8
    assert opened == [{"windows": None}]
