"""Who is let in: names, tokens, other sites, and how often; and what every answer carries."""

from __future__ import annotations

import base64
from collections.abc import Callable

import httpx
import pytest

from covsearch.errors import UsageError
from covsearch.web import guards
from covsearch.web.guards import Guards
from covsearch.web.metrics import Metrics
from covsearch.web.options import Options
from covsearch.workspace import Workspace

Served = Callable[..., httpx.Client]
TOKEN = "schlüssel: 7"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("path", ["/", "/api/stats", "/static/covsearch.js", "/nothing", "/api/query", "/metrics"])
def test_every_answer_carries_the_same_rules(page: httpx.Client, path: str) -> None:
    headers = page.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert (headers["referrer-policy"], headers["cross-origin-resource-policy"]) == ("same-origin", "same-origin")
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:1234", 200),
        ("LocalHost:80", 200),
        ("[::1]", 200),
        ("[::1]:8000", 200),
        ("music.example.org", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.", 421),
        ("localhost@evil.example", 421),
        ("", 421),
        ("[::1", 421),
        ("::1", 421),
    ],
)
def test_only_names_of_its_own_are_answered(small: Workspace, served: Served, host: str, status: int) -> None:
    page = served(small, hosts=Options().hosts | {"music.example.org"})
    answer = page.get("/api/stats", headers={"host": host})
    assert answer.status_code == status
    if status == 421:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"].startswith(f"this server is not called {host!r}")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"Bearer " + TOKEN.encode(), 200),
        (b"bearer " + TOKEN.encode(), 200),
        (basic("", TOKEN).encode(), 200),
        (basic("anybody", TOKEN).encode(), 200),
        (None, 401),
        (b"", 401),
        (b"Bearer", 401),
        (b"Bearer wrong", 401),
        (b"Bearer  " + TOKEN.encode(), 401),
        (TOKEN.encode(), 401),
        (basic(TOKEN, "").encode(), 401),
        (b"Basic ====", 401),
        (b"Basic \xff\xfe", 401),
        (b"Digest " + TOKEN.encode(), 401),
    ],
)
def test_a_token_is_taken_as_bearer_and_as_password(
    small: Workspace, served: Served, sent: bytes | None, status: int
) -> None:
    page = served(small, token=TOKEN)
    headers = {} if sent is None else {b"authorization": sent}
    for path in ("/api/stats", "/", "/static/covsearch.css", "/metrics", "/openapi.json", "/events/P_1"):
        answer = page.get(path, headers=headers)
        assert answer.status_code == status
        if status == 401:
            assert answer.headers["www-authenticate"] == 'Basic realm="covsearch", charset="UTF-8"'
            assert answer.json()["title"] == "Unauthorized"
    assert page.get("/healthz").json() == {"status": "ok"}


def test_an_empty_token_is_refused() -> None:
    with pytest.raises(UsageError, match="the token is empty"):
        Options(token="")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 405),
        ({"sec-fetch-site": "same-origin"}, 405),
        ({"sec-fetch-site": "none"}, 405),
        ({"origin": "http://127.0.0.1:HERE"}, 405),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://evil.example/://127.0.0.1:HERE"}, 403),
        ({"origin": "http://127.0.0.1:HERE", "sec-fetch-site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_other_sites_cannot_send(page: httpx.Client, method: str, headers: dict[str, str], status: int) -> None:
    """Nothing takes a POST there, so what passes finds no method."""
    sent = {name: value.replace("HERE", str(page.base_url.port)) for name, value in headers.items()}
    answer = page.request(method, "/api/stats", headers=sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert ("another site" in answer.json()["detail"]) == (status == 403)


def test_too_many_requests_are_told_to_wait(small: Workspace, served: Served) -> None:
    page = served(small, per_second=1e-9, burst=3)
    assert [page.get("/healthz").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = page.get("/api/stats")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["detail"] == "too many requests: wait a second"


def test_behind_a_proxy_each_of_its_clients_has_its_own_requests(small: Workspace, served: Served) -> None:
    page = served(small, per_second=1e-9, burst=1)
    clients = ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    got = [page.get("/healthz", headers={"x-forwarded-for": client}).status_code for client in clients]
    assert got == [200, 429, 200]


def test_guessing_tokens_is_slowed_too(small: Workspace, served: Served) -> None:
    page = served(small, per_second=1e-9, burst=2, token=TOKEN)
    assert [page.get("/").status_code for _ in range(3)] == [401, 401, 429]


def limited(monkeypatch: pytest.MonkeyPatch, **options: float) -> tuple[Guards, list[float]]:
    """Guards whose clock stands at the last of a list."""
    now = [0.0]
    monkeypatch.setattr(guards.time, "monotonic", lambda: now[-1])

    async def app(*_: object) -> None: ...

    return Guards(app, Options(**options), Metrics()), now  # type: ignore[arg-type]


def test_a_client_gets_its_requests_back_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    guard, now = limited(monkeypatch, per_second=2, burst=3)
    assert [guard._allowed("a") for _ in range(5)] == [True] * 3 + [False] * 2
    assert guard._allowed("b")
    now.append(0.5)
    assert [guard._allowed("a") for _ in range(2)] == [True, False]
    now.append(1000.0)
    assert [guard._allowed("a") for _ in range(4)] == [True] * 3 + [False]


def test_only_so_many_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "CLIENTS", 2)
    guard, _ = limited(monkeypatch, per_second=1e-9, burst=1)
    assert [guard._allowed(client) for client in "aabbcc"] == [True, False] * 3
    assert len(guard._buckets) == 2
    assert guard._allowed("a")  # forgotten as the one that was longest unseen
