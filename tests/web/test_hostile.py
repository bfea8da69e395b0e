"""Requests that nobody honest sends, byte by byte over a socket: each is refused or harmless, and the server lives."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from urllib.parse import quote

import httpx
import pytest

SECRET = b"[build-system]"  # how pyproject.toml begins
LONG, HUGE = "A" * 5_000, "A" * 200_000
TEXT = "text/html"


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("utf-8")


def send(method: str, path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


REQUESTS = {
    # paths
    "traversal": (get("/static/../../../pyproject.toml"), 404),
    "traversal, escaped": (get("/static/%2e%2e/%2e%2e/%2e%2e/pyproject.toml"), 404),
    "traversal, escaped slashes": (get("/static/..%2f..%2f..%2fpyproject.toml"), 404),
    "traversal, escaped twice": (get("/static/%252e%252e%252fapp.py"), 404),
    "traversal, backslashes": (get("/static/..\\..\\app.py"), 404),
    "traversal to the package": (get("/static/../app.py"), 404),
    "absolute path": (get("/static//etc/passwd"), 404),
    "absolute path, escaped": (get("/static/%2fetc%2fpasswd"), 404),
    "NUL in a file": (get("/static/covsearch.css%00.png"), 404),
    "NUL in an id": (get("/api/performances/P_1%00"), 404),
    "folder itself": (get("/static/"), 404),
    "file as a folder": (get("/static/covsearch.css/x"), 404),
    "long file name": (get(f"/static/{LONG}"), 404),
    "not UTF-8": (get("/static/%ff%fe"), 404),
    "not UTF-8 in an id": (get("/performances/%ff%fe"), 404),
    "line break": (get("/performances/P_1%0d%0aSet-Cookie:%20a=b"), 404),
    "line break in a search": (get("/find?q=P_1%0d%0aSet-Cookie:%20a=b"), 200),
    "address of another server": (get("http://evil.example/"), 404),
    "two slashes": (get("//evil.example/api/stats"), 404),
    "slash at the end": (get("/find/?q=a"), 404),
    "no slash": (get("api/stats"), 404),
    "a star": (b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 404),
    "dots": (get("/performances/.."), 404),
    "no id": (get("/performances/"), 404),
    "no work": (get("/works/"), 404),
    "server files": (get("/.git/config"), 404),
    "description of the wrong kind": (get("/docs"), 404),
    # ids and words
    "file as an id": (get("/api/query?id=pyproject.toml"), 404),
    "file as an id, absolute": (get("/api/query?id=/etc/passwd"), 404),
    "file in a comparison": (get("/api/compare?a=P_1&b=pyproject.toml"), 404),
    "file in a comparison, first": (get("/compare?a=pyproject.toml&b=P_1"), 404),
    "two files in a comparison": (get("/api/compare?a=pyproject.toml&b=README.md"), 404),
    "file in a home folder": (get("/api/compare?a=P_1&b=~/.bashrc"), 404),
    "file as a performance": (get("/performances/pyproject.toml?whole=1"), 404),
    "file in an event": (get("/events/pyproject.toml"), 200),
    "long id": (get(f"/api/query?id={LONG}"), 400),
    "long id in the path": (get(f"/api/performances/{LONG}"), 404),
    "long words": (get(f"/api/find?q={LONG}"), 400),
    "SQL": (get("/api/find?q=" + quote("' OR 1=1; DROP TABLE performance --")), 200),
    "SQL wildcards": (get("/api/find?q=%25_%25%5c"), 200),
    "full-text syntax": (get("/api/find?q=" + quote('" OR * NEAR(a b) col:x^')), 200),
    "NUL in words": (get("/api/find?q=a%00b"), 200),
    "lone surrogate": (get("/api/find?q=%ed%a0%80"), 200),
    "right to left": (get("/find?q=%e2%80%ae%f0%9f%8e%b5"), 200),
    "HTML in words": (get("/find?q=%3Cscript%3Ealert(2)%3C/script%3E"), 200),
    "template in words": (get("/find?q=%7B%7B7*191%7D%7D"), 200),
    "HTML in an id": (get("/performances/%3Cscript%3Ealert(2)", f"Accept: {TEXT}"), 404),
    "HTML in a filter": (get("/performances/P_1?whole=1&artist=%22%3E%3Cscript%3Ealert(2)"), 200),
    "HTML in a bad value": (get("/performances/P_1?sort=%3Cscript%3Ealert(2)", f"Accept: {TEXT}"), 400),
    # numbers
    "top of -1": (get("/api/query?id=P_1&top=-1"), 400),
    "top without end": (get("/api/query?id=P_1&top=1" + "0" * 5000), 400),
    "top not a number": (get("/api/query?id=P_1&top=NaN"), 400),
    "top twice": (get("/api/query?id=P_1&top=2&top=3"), 200),
    "candidates without end": (get("/api/query?id=P_1&candidates=99999999999"), 400),
    "year not a number": (get("/performances/P_1?since=%D9%A1x"), 400),
    "year in an event": (get("/events/P_1?since=abc"), 400),
    "limit without end": (get("/api/find?q=a&limit=100000"), 400),
    "a thousand parameters": (get("/api/query?id=P_1&" + "&".join(f"x{n}=1" for n in range(1000))), 200),
    # ranges
    "range past the end": (get("/static/covsearch.css", "Range: bytes=999999-"), 416),
    "range backwards": (get("/static/covsearch.css", "Range: bytes=9-1"), 400),
    "range of nonsense": (get("/static/covsearch.css", "Range: bytes=a-b"), 400),
    "range in another unit": (get("/static/covsearch.css", "Range: songs=1-2"), 400),
    "a thousand ranges": (get("/static/covsearch.css", "Range: bytes=" + ",".join(["0-"] * 1000)), 200),
    # headers
    "another host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421),
    "no host": (b"GET / HTTP/1.0\r\n\r\n", 421),
    "no host, 1.1": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n", 400),
    "host not ASCII": (b"GET / HTTP/1.1\r\nHost: \xe9vil\r\nConnection: close\r\n\r\n", 421),
    "forwarded host": (get("/", "X-Forwarded-Host: evil.example"), 200),
    "long header": (get("/", f"X-Long: {HUGE}"), 400),
    "long address": (get(f"/find?q={HUGE}"), 400),
    "many headers": (get("/", *[f"X-{n}: 1" for n in range(20_000)]), 400),
    "header folded": (get("/", "X-A: b\r\n c"), 200),
    "header without a name": (get("/", ": b"), 400),
    "NUL in a header": (get("/", "X-A: \x00"), 400),
    "accept not text": (get("/nothing", "Accept: \xff\xfe;;;,,,"), 404),
    "upgrade": (get("/", "Upgrade: websocket", "Sec-WebSocket-Key: eA==", "Sec-WebSocket-Version: 13"), 200),
    "unknown encoding": (get("/", "Transfer-Encoding: magic"), 400),
    # methods and bodies
    "POST": (send("POST", "/api/stats", b"{}"), 405),
    "PUT a file": (send("PUT", "/static/covsearch.js", b"alert(2)"), 405),
    "DELETE": (send("DELETE", "/api/performances/P_1", b""), 405),
    "TRACE": (send("TRACE", "/", b""), 405),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 404),
    "made-up method": (send("FETCH", "/", b""), 405),
    "cross-site POST": (send("POST", "/api/query", b"a=b", "Origin: http://evil.example"), 403),
    "form from elsewhere": (send("POST", "/", b"a=b", "Sec-Fetch-Site: cross-site"), 403),
    "preflight": (send("OPTIONS", "/api/query", b"", "Origin: http://evil.example"), 403),
    "10 MB of JSON": (send("POST", "/api/query", b"[" * 10_000_000, "Content-Type: application/json"), 403),
    "body of a GET": (send("GET", "/api/stats", b"x" * 100_000), 200),
    "broken chunks": (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nZZ\r\n",
        400,
    ),
    "two lengths": (send("POST", "/", b"abc", "Content-Length: 1"), 400),
    "length below zero": (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n", 400),
    # not HTTP
    "nonsense": (b"\x00\x01\x02\x03\r\n\r\n", 400),
    "TLS": (bytes.fromhex("16030100a5010000a10303") + b"\x00" * 64 + b"\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 421),
    "a line alone": (b"GET /\r\n\r\n", 400),
}


def talk(page: httpx.Client, request: bytes) -> tuple[int, bytes, bytes]:
    """Status, headers and body of what comes back."""
    with socket.create_connection(("127.0.0.1", page.base_url.port), timeout=600) as talking:
        received = b""
        with contextlib.suppress(ConnectionError):  # it answered, and hung up before all was said
            talking.sendall(request)
        with contextlib.suppress(ConnectionError):
            while piece := talking.recv(2**16):
                received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(maxsplit=2)[1]), head, body


def test_there_are_enough() -> None:
    assert len(REQUESTS) >= 60


@pytest.mark.parametrize("name", REQUESTS)
def test_it_is_refused_or_harmless(page: httpx.Client, name: str, caplog: pytest.LogCaptureFixture) -> None:
    request, expected = REQUESTS[name]
    caplog.set_level(logging.ERROR)
    status, head, body = talk(page, request)
    assert status == expected, head + b"\n" + body[:500]
    assert b"\nset-cookie" not in head.lower()
    assert b"evil.example" not in head
    for secret in (SECRET, b"root:x:", b"<script>alert", b"1337", b"Traceback", b"create_app"):
        assert secret not in body
    if status in (403, 404, 405, 421) and TEXT.encode() not in head:
        told, _ = json.JSONDecoder().raw_decode(body.decode())  # another answer may follow
        assert told["status"] == status
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert page.get("/api/stats").json()["performances"] == 24


def test_a_file_named_like_an_id_is_not_read(page: httpx.Client) -> None:
    _, head, body = talk(page, get("/events/pyproject.toml"))
    assert b"text/event-stream" in head
    assert b"event: problem" in body


def test_a_request_that_never_ends_holds_no_place(page: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", page.base_url.port), timeout=600) as slow:
        slow.sendall(b"GET /api/query?id=P_1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        assert page.get("/metrics").text.splitlines()[-1] == "covsearch_questions 0"
        assert page.get("/api/query?id=P_1").status_code == 200
