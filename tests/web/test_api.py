"""The API: bodies are those of the public face, failures are problem+json in the words of the command line."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import httpx
import numpy as np
import pytest
from own_server import wait_for
from web.conftest import find_groups

from covsearch import api
from covsearch.workspace import Workspace


def body(page: httpx.Client, path: str) -> Any:
    answer = page.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
    return answer.json()


def plain(value: object) -> Any:
    return json.loads(json.dumps(value))


@pytest.fixture(scope="module")
def index(songs: Workspace) -> api.Index:
    return api.open_index(songs.home)


@pytest.mark.parametrize("more", [{}, {"rerank": "head"}, {"rerank": "windows"}, {"top": 3, "candidates": 5}])
def test_a_query_is_that_of_the_index(page: httpx.Client, index: api.Index, more: dict[str, Any]) -> None:
    asked = httpx.QueryParams({"id": "P_7", **more})
    assert body(page, f"/api/query?{asked}") == plain(index.query("P_7", **more).to_dict())


def test_a_comparison_is_that_of_the_index(page: httpx.Client, index: api.Index) -> None:
    found = body(page, "/api/compare?a=P_7&b=P_9")
    assert found == plain(index.compare("P_7", "P_9").to_dict())
    assert found["tempo"] == pytest.approx(1, abs=0.02)


def test_the_picture_is_dark_along_the_path(page: httpx.Client, index: api.Index) -> None:
    picture = body(page, "/api/compare?a=P_7&b=P_9&picture=1")["picture"]
    grey = np.frombuffer(base64.b64decode(picture["grey"]), np.uint8).reshape(picture["rows"], picture["columns"])
    found = index.compare("P_7", "P_9")
    assert grey.shape == found.alignment.similarity.shape
    assert picture["seconds"] == pytest.approx([240 / found.rates[0], 256 / found.rates[1]])
    on = grey[tuple(found.alignment.path.T)]
    assert on.mean() > 200 > 2 * grey.mean()


def test_long_recordings_keep_their_diagonal_in_the_picture() -> None:
    from covsearch.web.picture import shrunk

    matrix = np.zeros((1500, 700), np.float32)
    matrix[np.arange(700), np.arange(700)] = 1
    small = shrunk(shrunk(matrix, 0), 1)
    assert small.shape == (500, 350)
    assert small.sum() == 467  # at 233 of 3 rows by 2 columns the diagonal crosses two


def test_find_performances_and_stats_are_those_of_the_index(page: httpx.Client, index: api.Index) -> None:
    assert body(page, "/api/find?q=song&limit=4") == plain([one.to_dict() for one in index.find("song", 4)])
    assert [one["pid"] for one in body(page, "/api/find?q=p_7")] == ["P_7"]
    assert body(page, "/api/performances/P_3") == plain(index["P_3"].to_dict())
    assert body(page, "/api/stats") == plain(index.stats().to_dict())


def test_who_watches_the_server_is_told(page: httpx.Client) -> None:
    assert body(page, "/healthz") == {"status": "ok"}
    assert body(page, "/readyz") == {"status": "ok", "performances": 24}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/query?id=P_2222", 404, "no performance P_2222 in the index: did you mean"),
        ("/api/query?id=/etc/passwd", 404, "no performance '/etc/passwd' in the index"),
        ("/api/query", 400, "id: Field required"),
        ("/api/query?id=P_1&top=0", 400, "top: Input should be greater than or equal to 1"),
        ("/api/query?id=P_1&rerank=best", 400, "rerank must be one of align"),
        ("/api/query?id=P_1&rerank=head&candidates=5", 400, "candidates are what windows or alignment order"),
        ("/api/compare?a=P_1&b=P_1", 400, "expected two performances, got P_1 twice"),
        ("/api/compare?a=P_1&b=nobody", 404, "no performance nobody in the index"),
        ("/api/performances/P_0", 404, "no performance P_0 in the index"),
        ("/api/find?q=a&limit=x", 400, "limit: Input should be a valid integer"),
        ("/api/nothing", 404, "Not Found"),
    ],
)
def test_a_failure_is_a_problem_with_the_words_of_the_command_line(
    page: httpx.Client, path: str, status: int, said: str
) -> None:
    answer = page.get(path, headers={"accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (answer.status_code, told["status"], told["type"]) == (status, status, "about:blank")
    assert told["title"] == {400: "Bad Request", 404: "Not Found"}[status]
    assert said in told["detail"]


def test_what_nobody_foresaw_is_500_without_its_reason(
    page: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(api.Index, "find", broken)
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
    answer = page.get("/api/find?q=a")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
    wait_for(lambda: "secret" in caplog.text)  # which is logged once the answer is sent
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_damaged_index_is_said_as_such(page: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from covsearch.errors import ArtefactError

    def damaged(*_: object) -> None:
        raise ArtefactError("head.npz is not what was built")

    monkeypatch.setattr(api.Index, "stats", damaged)
    answer = page.get("/api/stats")
    assert (answer.status_code, answer.json()["detail"]) == (
        500,
        "head.npz is not what was built",
    )


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        found = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return found + [one for inner in value.values() for one in references(inner)]
    return [one for inner in value for one in references(inner)] if isinstance(value, list) else []


def test_the_description_is_whole_and_has_examples_that_work(page: httpx.Client) -> None:
    told = body(page, "/openapi.json")
    assert told["openapi"].startswith("3.1")
    assert set(told["info"]) >= {"title", "version"}
    assert set(told["paths"]) == {
        *("/api/query", "/api/compare", "/api/find", "/api/performances/{id}", "/api/stats", "/api/setlist"),
        *("/api/groups", "/api/corrections"),
        *("/healthz", "/readyz", "/metrics", "/audio/{id}"),
    }
    for reference in references(told):
        place = told
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
    find_groups(page)
    operations = [(path, name, one) for path, methods in told["paths"].items() for name, one in methods.items()]
    named = [operation["operationId"] for _, _, operation in operations]
    assert len(set(named)) == len(named)
    for path, method, operation in operations:
        assert method == "get" or path in ("/api/query", "/api/setlist")
        assert operation["summary"]
        assert operation["description"]
        assert "422" not in operation["responses"]
        if path.startswith("/api/"):
            problem = operation["responses"]["4XX"]["content"]["application/problem+json"]["example"]
            assert set(problem) == {"type", "title", "status", "detail"}
        if method == "post":
            assert operation["requestBody"]["content"]["multipart/form-data"]["schema"]["required"] == ["file"]
            continue
        if path.startswith("/audio/"):  # the sample has none: tests/web/test_sound.py
            continue
        asked, parameters = {}, operation.get("parameters", [])
        for parameter in parameters:
            assert parameter["in"] in ("query", "path")
            assert "schema" in parameter
            if parameter["required"]:
                (asked[parameter["name"]],) = parameter["examples"].values()
        asked = {name: example["value"] for name, example in asked.items()}
        where = path.format(**asked)
        assert page.get(where, params={k: v for k, v in asked.items() if f"{{{k}}}" not in path}).status_code == 200
