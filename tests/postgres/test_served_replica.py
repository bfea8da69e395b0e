"""``covsearch serve`` on a streaming replica: it answers as on the primary, follows it, and says what it cannot do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from collection import write_collection
from postgres_server import lagging, replayed
from web.conftest import find_groups, serving
from web.test_uploads import heard

import covsearch
from covsearch.api import Index
from covsearch.search import Searcher
from covsearch.workspace import Workspace

pytestmark = pytest.mark.skipif(
    not os.environ.get("COVSEARCH_TEST_NIGHTLY"), reason="starts two more servers: `make nightly`"
)
P_4 = "da-tacos_toy_subset_hpcp/W_2_hpcp/P_4_hpcp.h5"
PAGES = ("/", "/find?q=song", "/health", "/groups", "/groups/P_1", "/works/W_1", "/performances/P_1?whole=1")
BODIES = ("/api/query?id=P_1", "/api/find?q=song", "/api/groups", "/api/compare?a=P_1&b=P_2", "/api/performances/P_1")
CORRECTIONS = (
    {"kind": "accept", "member": ["P_1", "P_9"]},
    {"kind": "split", "member": ["P_1", "P_2"], "id": "P_1"},
    {"kind": "merge", "member": "P_1", "with": "P_9"},
    {"kind": "undo", "number": "1"},
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Eight melodies of three versions."""
    return write_collection(tmp_path / "toy")


@pytest.fixture
def writer(primary: Workspace, files: Path) -> Index:
    """Their index on the primary, made by the bundled model; the replica has it too."""
    made = covsearch.build(files, home=primary.home, store=primary.store)
    replayed()
    return made


@pytest.fixture
def served(writer: Index, replica: Workspace) -> Iterator[httpx.Client]:
    with serving(replica, edit=True) as client:
        yield client


def file(files: Path) -> dict[str, tuple[str, bytes]]:
    return {"file": ("mine.h5", (files / P_4).read_bytes())}


def test_it_answers_as_on_the_primary(served: httpx.Client, primary: Workspace, files: Path) -> None:
    with serving(primary, edit=True) as other:
        for client in (served, other):
            find_groups(client)
        for path in BODIES:
            came, expected = served.get(path), other.get(path)
            assert (came.status_code, came.json()) == (200, expected.json()), path
        came, expected = (client.post("/api/query", files=file(files)) for client in (served, other))
        assert came.json()["matches"][0]["pid"] == "P_4"
        assert (came.status_code, came.json()) == (200, expected.json())
    for path in PAGES:
        heard(served, path)
        assert served.get(path, headers={"accept": "text/html"}).status_code == 200, path
    assert served.get("/readyz").json() == {"status": "ok", "performances": 24}
    where = served.post("/uploads", files=file(files)).headers["location"]
    assert "The same recording found: P_4." in heard(served, f"{where}?whole=1")


def test_without_edit_it_takes_nothing(writer: Index, replica: Workspace, files: Path) -> None:
    with serving(replica) as client:
        refused = [client.post(path, files=file(files)) for path in ("/uploads", "/api/query", "/api/setlist")]
        refused += [client.post("/corrections", data=fields) for fields in CORRECTIONS]
    assert {answer.status_code for answer in refused} == {403}
    assert {answer.json()["detail"].split(":")[0] for answer in refused} == {"this server only reads"}


@pytest.mark.parametrize("fields", CORRECTIONS, ids=lambda fields: fields["kind"])
def test_a_correction_is_refused_in_a_sentence_that_names_the_primary(
    served: httpx.Client, primary: Workspace, writer: Index, fields: dict[str, str]
) -> None:
    writer.corrections.accept("P_4", "P_7")
    replayed()
    answer = served.post("/corrections", data=fields)
    port = urlsplit(str(primary.store)).port
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    sentence = rf"\S+ is a replica, which can only be read: write to its primary at 127\.0\.0\.1:{port}"
    assert re.fullmatch(sentence, answer.json()["detail"])
    page = served.post("/corrections", data=fields, headers={"accept": "text/html"})
    assert (page.status_code, "This server does not take that" in page.text) == (403, True)
    assert [said["kind"] for said in served.get("/api/corrections").json()["corrections"]] == ["accept"]


def test_it_follows_what_the_primary_publishes(served: httpx.Client, writer: Index) -> None:
    def matches() -> int:
        return len(served.get("/api/query?id=P_1&top=100").json()["matches"])

    assert matches() == 23
    with lagging():
        writer.remove("P_24")
        writer.corrections.accept("P_1", "P_9")
        assert matches() == 23
        assert served.get("/api/corrections").json()["corrections"] == []
    assert matches() == 22
    assert served.get("/readyz").json() == {"status": "ok", "performances": 23}
    (said,) = served.get("/api/corrections").json()["corrections"]
    assert said["together"] == [["P_1", "P_9"]]
    assert "23 performances" in served.get("/").text


ASKED: dict[str, Callable[[Index], object]] = {
    "query": lambda index: [match.pid for match in index.query("P_1", top=30)],
    "compare": lambda index: index.compare("P_1", "P_2").to_dict(),
    "groups": lambda index: index.groups().to_dict(),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_the_primary_removes_while_it_is_asked_is_asked_again(
    writer: Index, replica: Workspace, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    reader, overtaken, named = covsearch.open(replica.home, store=replica.store), [], Searcher.performances
    assert len(reader) == 24

    def late(searcher: Searcher, pids: list[str]) -> object:
        if not overtaken and not overtaken.append(searcher.generation.name):
            writer.remove("P_24")
            writer.remove("P_23")
            replayed()
        return named(searcher, pids)

    monkeypatch.setattr(Searcher, "performances", late)
    came = ASKED[what](reader)
    assert overtaken == ["gen-0001"]
    assert len(reader) == 22
    assert came == ASKED[what](writer)
