"""Files, setlists, groups and corrections in a real browser; and that every page is open to everybody."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import httpx
import numpy as np
import pytest
from collection import FRAME_RATE, melody
from features.audio.sounds import tones, write
from web.axe import violations
from web.browsing import WAIT, Tab, api, needs_chromium
from web.conftest import serving
from web.test_uploads import P_4

from covsearch.workspace import Workspace

pytestmark = needs_chromium
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def own(editable: httpx.Client, toy_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with an index of its own, that may be corrected."""
    home = tmp_path_factory.mktemp("browsed") / "home"
    shutil.copytree(toy_files.parent / "home", home)
    with serving(Workspace(home), edit=True) as client:
        yield client


@pytest.fixture(scope="module")
def concert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Applause, and two songs of the index."""
    rng = np.random.default_rng(0)
    pieces = [rng.gamma(4.0, 1.0, (40, 12)), np.roll(melody(3), 7, axis=1), np.roll(melody(7), 3, axis=1)]
    path = tmp_path_factory.mktemp("concert") / "A concert.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", data=np.concatenate(pieces).astype(np.float32))
        file.attrs["frame_rate"] = FRAME_RATE
    return path


@pytest.fixture
def tab(chromium: api.Browser, own: httpx.Client) -> Iterator[Tab]:
    tab = Tab(chromium, str(own.base_url))
    yield tab
    tab.close()


def test_a_file_is_chosen_and_answered(tab: Tab, toy_files: Path) -> None:
    page = tab.page
    page.goto("/")
    page.get_by_label("Or ask with a recording").set_input_files(toy_files / P_4)
    page.get_by_role("button", name="Find its covers").click()
    page.wait_for_url("**/uploads/*")
    page.locator(".verdict.yes").wait_for()
    assert page.locator(".verdict").inner_text() == "The same recording found: P_4."
    assert page.locator("tbody tr").first.inner_text().count("same recording") == 1
    told = page.locator("tbody tr").filter(has_text="Song 2, version 3").locator("[data-match]")
    told.scroll_into_view_if_needed()
    api.expect(told).to_have_text(re.compile("4 semitones higher"), timeout=WAIT)
    page.get_by_role("link", name="Why: Song 2, version 3").click()
    api.expect(page.locator("#matrix")).to_have_attribute("data-drawn", "1", timeout=WAIT)
    for strip in ("#strip-a", "#strip-b"):
        dark = page.locator(strip).evaluate(
            "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
            ".data.filter((value, i) => i % 4 == 0 && value < 100).length"
        )
        assert dark > 200


def test_audio_is_dropped_and_its_progress_shows(tab: Tab, tmp_path: Path) -> None:
    page, wav = tab.page, write(tmp_path / "mine.wav", tones(30.0, 5))
    page.goto("/")
    stages = """() => {
        window.stages = new Set();
        const look = new MutationObserver(() => sessionStorage.setItem(
            "stages", (sessionStorage.getItem("stages") || "") + document.querySelector("strong").textContent));
        const from = document.querySelector("#waiting strong");
        if (from) look.observe(from, { childList: true, characterData: true, subtree: true });
    }"""
    page.context.add_init_script(f"addEventListener('DOMContentLoaded', {stages})")
    page.goto("/")
    with wav.open("rb") as file:
        dropped = page.evaluate_handle(
            """bytes => {
                const carried = new DataTransfer();
                carried.items.add(new File([new Uint8Array(bytes)], "mine.wav"));
                return carried;
            }""",
            list(file.read()),
        )
    page.locator("#upload").dispatch_event("drop", {"dataTransfer": dropped})
    page.wait_for_url("**/uploads/*")
    page.locator(".verdict.yes, .verdict.no").wait_for()
    assert page.locator("h1").inner_text() == "mine"
    assert "Decoding" in page.evaluate("sessionStorage.getItem('stages')")


def test_what_is_no_recording_is_said_beside_the_form(chromium: api.Browser, own: httpx.Client, tmp_path: Path) -> None:
    tab = Tab(chromium, str(own.base_url))
    (tmp_path / "notes.txt").write_text("hello")
    tab.page.goto("/")
    tab.page.get_by_label("Or ask with a recording").set_input_files(tmp_path / "notes.txt")
    tab.page.get_by_role("button", name="Find its covers").click()
    api.expect(tab.page.locator("#said")).to_have_text(re.compile("^notes.txt: expected audio"), timeout=WAIT)
    assert tab.page.url.endswith("/")
    assert all("415" in complaint for complaint in tab.complaints)  # the browser notes the refusal itself
    tab.context.close()


def test_a_file_is_answered_without_javascript(chromium: api.Browser, own: httpx.Client, toy_files: Path) -> None:
    tab = Tab(chromium, str(own.base_url), java_script_enabled=False)
    tab.page.goto("/")
    tab.page.get_by_label("Or ask with a recording").set_input_files(toy_files / P_4)
    tab.page.get_by_role("button", name="Find its covers").click()
    tab.page.wait_for_url("**/uploads/*whole=true")
    assert tab.page.locator("meter").count() == 10
    tab.close()


def test_a_concert_has_its_timeline(tab: Tab, concert: Path) -> None:
    page = tab.page
    page.goto("/setlist")
    page.get_by_label("The recording").set_input_files(concert)
    page.get_by_role("button", name="Find its songs").click()
    page.wait_for_url("**/setlist")
    page.locator("svg .song").first.wait_for()
    assert page.locator(".verdict").inner_text().startswith("2 songs of the index found in ")
    assert page.locator("svg rect").count() == 3
    widths = [rect.bounding_box()["width"] for rect in page.locator("svg rect").all()]
    assert widths[0] < widths[1] / 4
    with page.expect_download() as saved:
        page.get_by_role("link", name="CUE sheet").click()
    assert saved.value.suggested_filename == "setlist.cue"


def test_a_group_is_corrected_and_the_correction_taken_back(tab: Tab) -> None:
    page = tab.page
    page.goto("/groups")
    page.get_by_role("link", name="P_10", exact=True).click()
    page.wait_for_url("**/groups/P_10")
    assert page.locator("svg circle").count() == 3
    page.get_by_label("Choose Song 4, version 3").check()
    page.get_by_role("button", name="Split the chosen").click()
    api.expect(page.locator("table tbody tr")).to_have_count(2, timeout=WAIT)
    assert "P_12 is no version of P_10 or P_11." in page.locator(".corrections").inner_text()
    page.get_by_label("Merge with the group of").fill("P_12")
    page.get_by_role("button", name="Merge", exact=True).click()
    api.expect(page.locator("main")).to_contain_text("P_12 is no version", timeout=WAIT)  # it contradicts: refused
    tab.complaints[:] = [said for said in tab.complaints if "400" not in said]
    page.goto("/groups?show=singles")
    assert page.locator("tbody tr").all_inner_texts()[0].startswith("Song 4, version 3")
    page.get_by_role("button", name="Undo correction").click()
    page.wait_for_url("**/groups")
    page.get_by_role("link", name="P_10", exact=True).click()
    api.expect(page.locator("table tbody tr")).to_have_count(3, timeout=WAIT)
    page.get_by_role("button", name="Accept").click()
    api.expect(page.locator(".verdict")).to_contain_text("accepted", timeout=WAIT)
    page.get_by_role("button", name="Undo correction").click()
    page.wait_for_url("**/groups")


def test_an_answer_is_sorted_by_its_heads(tab: Tab) -> None:
    page = tab.page
    page.goto("/performances/P_4?whole=1&top=20")
    page.get_by_role("link", name="Year", exact=True).click()
    page.wait_for_url("**sort=year**")
    years = page.locator("tbody td:nth-child(4)").all_inner_texts()
    assert years == sorted(years)
    page.get_by_role("link", name="Year", exact=True).click()
    page.wait_for_url("**descending=true**")
    assert page.locator("tbody td:nth-child(4)").all_inner_texts() == years[::-1]
    assert page.locator("th[aria-sort=descending]").inner_text() == "Year"
    page.get_by_label("Hide same recordings").check()
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**hide_same=1**")
    assert page.locator("tbody").get_by_text("same recording").count() == 0


@pytest.fixture(scope="module")
def addresses(own: httpx.Client, toy_files: Path, concert: Path) -> list[str]:
    """One of every page."""
    sent = [
        own.post("/uploads", files={"file": (path.name, path.read_bytes())}).headers["location"]
        for path in (toy_files / P_4, concert)
    ]
    return [
        *("/", "/find?q=song", "/find?q=zzz", "/performances/P_4?whole=1&top=60", "/performances/P_4", "/works/W_3"),
        *("/compare?a=P_4&b=P_6", "/health", "/setlist", "/groups", "/groups?show=same", "/groups?show=singles"),
        *("/groups/P_7", "/nothing", f"{sent[0]}?whole=1", f"{sent[0]}/compare?b=P_6", f"{sent[1]}/setlist"),
    ]


def settled(page: api.Page, address: str) -> None:
    page.goto(address)
    api.expect(page.locator("#waiting")).to_have_count(0, timeout=WAIT)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    chromium: api.Browser, own: httpx.Client, addresses: list[str], scheme: str
) -> None:
    tab = Tab(chromium, str(own.base_url), color_scheme=scheme)
    for address in addresses:
        settled(tab.page, address)
        assert (address, violations(tab.page)) == (address, [])
    assert [said for said in tab.complaints if "404" not in said] == []
    tab.context.close()


def test_axe_finds_nothing_while_a_page_waits(chromium: api.Browser, own: httpx.Client) -> None:
    tab = Tab(chromium, str(own.base_url))
    tab.page.route("**/progress/**", lambda _: None)
    tab.page.route("**/static/waiting.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    from covsearch.web.jobs import Job
    from covsearch.web.waiting import waiting

    job = Job("A song.mp3", 60)
    job.told = ("aligning", 3, 10)
    body = bytes(waiting("key", job).body)
    tab.page.route("**/uploads/waits", lambda route: route.fulfill(body=body, content_type="text/html; charset=utf-8"))
    tab.page.goto("/uploads/waits")
    assert violations(tab.page) == []
    tab.close()


def test_a_phone_scrolls_down_only(chromium: api.Browser, own: httpx.Client, addresses: list[str]) -> None:
    tab = Tab(chromium, str(own.base_url), viewport=PHONE)
    for address in addresses:
        settled(tab.page, address)
        width = tab.page.evaluate("document.documentElement.scrollWidth")
        assert (address, width <= PHONE["width"]) == (address, True)
    tab.context.close()
