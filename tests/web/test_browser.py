"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from web.browsing import WAIT, Tab, api, needs_chromium
from web.conftest import find_groups, serving

import covsearch
from covsearch.workspace import Workspace
from tests.collections.music import write_music

pytestmark = needs_chromium
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def tab(chromium: api.Browser, page: httpx.Client) -> Iterator[Tab]:
    tab = Tab(chromium, str(page.base_url))
    yield tab
    tab.close()
    assert tab.hosts == {f"127.0.0.1:{page.base_url.port}"}


def test_from_a_title_to_the_evidence(tab: Tab) -> None:
    page = tab.page
    page.goto("/")
    page.get_by_label("Id, title or artist").fill("song 2, version 1")
    page.locator("#completions option").first.wait_for(state="attached")
    assert page.locator("#completions option").first.get_attribute("value") == "P_4"
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Song 2, version 1").click()
    page.wait_for_url("**/performances/P_4")
    page.locator(".verdict.yes, .verdict.no").wait_for()
    verdict = page.locator(".verdict").inner_text()
    assert verdict.split(":")[0] in ("Cover found", "No cover found", "The same recording found")
    assert page.locator("meter").count() == 10
    row = page.locator("tbody tr").filter(has_text="Song 2, version 3")
    row.scroll_into_view_if_needed()
    told = row.locator("[data-match]")
    api.expect(told).to_have_text(
        re.compile(r"^\s*0:00-1:29 ↔ 0:00-1:29\s+4 semitones higher, tempo × 1\.00\s*$"), timeout=WAIT
    )
    row.get_by_role("link", name="Why: Song 2, version 3").click()
    page.wait_for_url("**/compare?*")
    api.expect(page.locator("#matrix")).to_have_attribute("data-drawn", "1", timeout=WAIT)
    red, dark = page.evaluate(
        """() => {
            const canvas = document.getElementById("matrix");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let red = 0, dark = 0;
            for (let i = 0; i < data.length; i += 4) {
                red += data[i] > 150 && data[i + 1] < 80;
                dark += data[i] < 80;
            }
            return [red, dark];
        }"""
    )
    assert red > 500
    assert dark > 1000
    page.locator("#matrix").hover(position={"x": 1, "y": 1})
    assert page.locator("#at").inner_text().startswith("A 0:00, B 1:3")


def test_evidence_moves_nothing(tab: Tab) -> None:
    """Rows are as high before as after the evidence came."""
    page = tab.page
    page.route("**/api/compare*", lambda route: held.append(route))
    held: list[api.Route] = []
    page.set_viewport_size({"width": 1200, "height": 2000})
    page.goto("/performances/P_4?whole=1&top=5")
    rows = "Array.from(document.querySelectorAll('tbody tr'), (row) => row.getBoundingClientRect().y)"
    before = page.evaluate(rows)
    for n in range(5):
        while len(held) <= n:
            page.wait_for_timeout(20)
        held[n].continue_()
    api.expect(page.locator("[data-match]").last).to_contain_text("tempo × ", timeout=WAIT)
    assert page.evaluate(rows) == before


def test_what_the_server_refuses_is_said_where_the_answer_would_be(
    chromium: api.Browser, page: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = Tab(chromium, str(page.base_url))
    tab.page.route(
        "**/events/*",
        lambda route: route.fulfill(
            content_type="text/event-stream", body="event: problem\ndata: too many questions at once\n\n"
        ),
    )
    tab.page.goto("/performances/P_4")
    api.expect(tab.page.locator(".verdict")).to_have_text("too many questions at once", timeout=WAIT)
    assert tab.complaints == []
    tab.context.close()


@pytest.mark.parametrize("path", ["/", "/find?q=song", "/performances/P_4?whole=1", "/compare?a=P_4&b=P_6", "/health"])
def test_a_phone_scrolls_down_only(chromium: api.Browser, page: httpx.Client, path: str) -> None:
    tab = Tab(chromium, str(page.base_url), viewport=PHONE)
    tab.page.goto(path)
    tab.page.wait_for_load_state("networkidle")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tab.context.close()


def test_a_phone_shows_all_of_a_table_of_groups(chromium: api.Browser, page: httpx.Client) -> None:
    find_groups(page)
    tab = Tab(chromium, str(page.base_url), viewport=PHONE)
    tab.page.goto("/groups")
    width = tab.page.locator(".scroll").evaluate("it => [it.scrollWidth, it.clientWidth]")
    assert width[0] == width[1]
    tab.context.close()


def test_on_a_phone_the_strip_of_b_is_as_high_as_the_picture(chromium: api.Browser, page: httpx.Client) -> None:
    tab = Tab(chromium, str(page.base_url), viewport=PHONE)
    tab.page.goto("/compare?a=P_4&b=P_5")
    tab.page.locator("#matrix[data-drawn]").wait_for()
    strip, picture = (tab.page.locator(name).bounding_box() for name in ("#strip-b", "#matrix"))
    assert strip
    assert picture
    assert strip["height"] == pytest.approx(picture["height"], abs=1)
    tab.close()


def test_search_and_answer_work_without_javascript(chromium: api.Browser, page: httpx.Client) -> None:
    tab = Tab(chromium, str(page.base_url), java_script_enabled=False)
    tab.page.goto("/")
    tab.page.get_by_label("Id, title or artist").fill("P_4")
    tab.page.get_by_role("button", name="Search").click()
    tab.page.wait_for_url("**/performances/P_4?whole=true")
    assert tab.page.locator("meter").count() == 10
    tab.page.locator("select[name=sort]").select_option("year")
    tab.page.get_by_role("button", name="Apply").click()
    tab.page.wait_for_url("**sort=year**")
    years = tab.page.locator("tbody td:nth-child(4)").all_inner_texts()
    assert years == sorted(years)
    tab.page.get_by_role("link", name="Why: ").first.click()
    assert "times as fast as A" in tab.page.locator("table").inner_text()
    tab.context.close()


def test_html_in_titles_is_never_run(chromium: api.Browser, hostile: httpx.Client) -> None:
    tab = Tab(chromium, str(hostile.base_url))
    tab.page.on("dialog", lambda dialog: tab.complaints.append(dialog.message))
    for path in ("/find?q=alert", "/performances/P_1", "/compare?a=P_1&b=P_2"):
        tab.page.goto(path)
        tab.page.wait_for_load_state("networkidle")
        assert "<script>alert(1)</script>" in tab.page.locator("main").inner_text()
    assert tab.complaints == []
    tab.context.close()


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("played")
    covsearch.build(write_music(folder / "Music"), home=folder / "home")
    with serving(Workspace(folder / "home")) as client:
        yield client


def test_a_click_plays_and_the_keys_switch(chromium: api.Browser, player: httpx.Client) -> None:
    tab = Tab(chromium, str(player.base_url))
    page = tab.page
    page.goto("/compare?a=Album/two.flac&b=Album/two%20again.wav")
    api.expect(page.locator("#matrix")).to_have_attribute("data-drawn", "1", timeout=WAIT)
    first, second = (page.locator(f"#sound-{side}") for side in "ab")
    page.locator("#matrix").click(position={"x": 200, "y": 100})
    api.expect(first).to_have_js_property("paused", False, timeout=WAIT)
    at = first.evaluate("sound => sound.currentTime")
    chosen = page.evaluate(
        """async () => {
            const found = await (await fetch(document.getElementById("picture").dataset.address)).json();
            const { width, height } = document.getElementById("matrix").getBoundingClientRect();
            const [a, b] = found.picture.seconds;
            return [200 / width * a, (1 - 100 / height) * b];
        }"""
    )
    assert 0 <= at - chosen[0] < 5  # it plays meanwhile
    assert second.evaluate("sound => [sound.currentTime, sound.paused]") == [pytest.approx(chosen[1], abs=0.2), True]
    page.keyboard.press("b")
    api.expect(second).to_have_js_property("paused", False, timeout=WAIT)
    api.expect(first).to_have_js_property("paused", True)
    assert at > 0
    assert abs(second.evaluate("sound => sound.currentTime") - at) < 5  # the same song at the same tempo
    page.keyboard.press("a")
    api.expect(first).to_have_js_property("paused", False, timeout=WAIT)
    api.expect(second).to_have_js_property("paused", True)
    page.get_by_role("button", name="Hear the same moment of B").click()
    api.expect(second).to_have_js_property("paused", False, timeout=WAIT)
    api.expect(first).to_have_js_property("paused", True)
    page.locator("#matrix").focus()
    page.keyboard.press("Space")
    api.expect(second).to_have_js_property("paused", True)
    assert page.locator("#switch").inner_text() == "Hear the same moment of A"
    tab.context.close()
    assert tab.complaints == []
