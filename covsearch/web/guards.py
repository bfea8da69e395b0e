"""What every request passes: whose name it calls, who it is, how often it comes; and what every answer carries."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import time
from collections import OrderedDict

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from covsearch.web.metrics import Metrics
from covsearch.web.options import Options

LOG = logging.getLogger("covsearch.web")
OPEN = frozenset({"/healthz", "/readyz"})  # for who watches the server, without a token
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
CLIENTS = 10_000  # remembered at most
LINGER, LINGER_IDLE = 5.0, 1.0  # seconds that what still comes is read for after a refusal, in all and without a byte


class Guards:
    """ASGI middleware; refusals are problem+json."""

    def __init__(self, app: ASGIApp, options: Options, metrics: Metrics) -> None:
        self.app, self.options, self.metrics = app, options, metrics
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> tokens left, when

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, sent, status = time.perf_counter(), 0, 500
        unread = _has_body(scope)

        async def heard() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and bool(message.get("more_body"))
            return message

        async def answer(message: Message) -> None:
            nonlocal sent, status
            if message["type"] == "http.response.start":
                status = message["status"]
                known = {name.lower() for name, _ in message["headers"]}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in known]
                extra += [(b"connection", b"close")] if unread else []
                message = {**message, "headers": [*message["headers"], *extra]}
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
                if unread and not message.get("more_body"):
                    await send({**message, "more_body": True})
                    await _linger(heard)
                    message = {"type": "http.response.body"}
            await send(message)

        refused = self._refused(scope)
        try:
            if refused:
                await _problem(answer, *refused)
            else:
                await self.app(scope, heard, answer)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.count(status, seconds)
            LOG.info("%s %s %d %.3f s %d bytes", scope["method"], ascii(scope["path"])[1:-1], status, seconds, sent)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason, for a request that goes no further."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if (host.rsplit(":", 1)[0] if not host.endswith("]") else host).lower() not in self.options.hosts:
            return 421, f"this server is not called {host[:100]!r}: start it with --host, or use one of its names"
        if not self._allowed((scope.get("client") or ("unknown",))[0]):
            return 429, "too many requests: wait a second"
        if scope["path"] not in OPEN and not self._known(headers.get("authorization", "")):
            return 401, "a token is needed: send 'Authorization: Bearer TOKEN', or give it as the password"
        if scope["method"] not in ("GET", "HEAD") and not _same_site(headers):
            return 403, "this came from another site; only this server's own pages and programs may send it"
        return None

    def _known(self, sent: str) -> bool:
        wanted = self.options.token
        return wanted is None or hmac.compare_digest(_secret(sent), wanted.encode())

    def _allowed(self, client: str) -> bool:
        """A token bucket a client; the longest unseen are forgotten."""
        now = time.monotonic()
        left, seen = self._buckets.pop(client, (self.options.burst, now))
        left = min(self.options.burst, left + (now - seen) * self.options.per_second)
        self._buckets[client] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        return left >= 1


async def _linger(receive: Receive) -> None:
    """Read on for a while: a connection closed on unread bytes is reset, and its answer may be lost."""
    loop = asyncio.get_running_loop()
    end, more = loop.time() + LINGER, True
    while more:
        try:
            async with asyncio.timeout_at(min(end, loop.time() + LINGER_IDLE)):
                more = bool((await receive()).get("more_body"))
        except TimeoutError:
            return


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _secret(sent: str) -> bytes:
    """What a client sends as its token: after ``Bearer``, or as the password of ``Basic``, which browsers ask for."""
    kind, _, value = sent.partition(" ")
    if kind.lower() == "bearer":
        return value.encode("latin-1")
    if kind.lower() != "basic":
        return b""
    try:
        return base64.b64decode(value, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _same_site(headers: dict[str, str]) -> bool:
    """Whether a request that may change something is a program's, or comes from a page of this server."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or origin.split("://", 1)[-1] == headers.get("host")


async def _problem(send: Send, status: int, detail: str) -> None:
    titles = {401: "Unauthorized", 403: "Forbidden", 421: "Misdirected Request", 429: "Too Many Requests"}
    body = json.dumps({"type": "about:blank", "title": titles[status], "status": status, "detail": detail}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="covsearch", charset="UTF-8"'))
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
