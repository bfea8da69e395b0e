"""The pool: how much it lets in, and when a place is free again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import httpx
import pytest

from covsearch import api
from covsearch.web.gate import BusyError, Gate
from covsearch.workspace import Workspace


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(600):
        while not holds():
            await asyncio.sleep(0.01)


def run(test: Callable[[Gate, threading.Event], Awaitable[None]]) -> None:
    """`test` with a gate of one worker and one that may wait."""
    gate, go = Gate(workers=1, waiting=1), threading.Event()

    async def whole() -> None:
        try:
            async with asyncio.timeout(600):
                await test(gate, go)
        finally:
            go.set()
            await until(lambda: gate.inside == 0)

    asyncio.run(whole())
    gate.close()


def test_what_does_not_fit_is_refused_at_once_and_the_rest_is_answered() -> None:
    async def test(gate: Gate, go: threading.Event) -> None:
        inside = [asyncio.ensure_future(gate.run(go.wait)) for _ in range(2)]
        await until(lambda: gate.inside == 2)
        with pytest.raises(BusyError, match="too many questions at once: ask again in 2 seconds"):
            await gate.run(lambda: True)
        go.set()
        assert await asyncio.gather(*inside) == [True, True]
        await until(lambda: gate.inside == 0)
        assert await gate.run(lambda: 7) == 7

    run(test)


def test_a_place_is_free_again_when_the_work_fails() -> None:
    async def test(gate: Gate, _: threading.Event) -> None:
        def fails() -> None:
            raise ValueError("told")

        for _ in range(5):
            with pytest.raises(ValueError, match="told"):
                await gate.run(fails)
            await until(lambda: gate.inside == 0)

    run(test)


def test_who_leaves_before_the_work_began_frees_the_place_and_it_never_runs() -> None:
    async def test(gate: Gate, go: threading.Event) -> None:
        ran = []
        first = asyncio.ensure_future(gate.run(go.wait))
        second = asyncio.ensure_future(gate.run(lambda: ran.append(2)))
        await until(lambda: gate.inside == 2)
        second.cancel()
        await until(lambda: gate.inside == 1)
        third = asyncio.ensure_future(gate.run(lambda: ran.append(3)))
        go.set()
        await asyncio.gather(first, third)
        assert ran == [3]

    run(test)


def test_closing_forgets_what_waits() -> None:
    gate, go, ran = Gate(workers=1, waiting=3), threading.Event(), []

    async def whole() -> None:
        first = asyncio.ensure_future(gate.run(go.wait))
        second = asyncio.ensure_future(gate.run(lambda: ran.append(2)))
        await until(lambda: gate.inside == 2)
        closing = asyncio.ensure_future(asyncio.to_thread(gate.close))
        with pytest.raises(asyncio.CancelledError):
            await second
        go.set()
        await closing
        assert await first is True

    asyncio.run(whole())
    assert ran == []


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, list[str]]:
    """Searches by words wait for the event, and are noted when they begin."""
    go, begun = threading.Event(), []

    def find(_: api.Index, text: str, limit: int = 20) -> list[object]:
        begun.append(text)
        go.wait(600)
        return []

    monkeypatch.setattr(api.Index, "find", find)
    return go, begun


@pytest.mark.parametrize("path", ["/api/find?q=waits", "/find?q=waits"])
@pytest.mark.parametrize("refused", ["/api/stats", "/", "/performances/P_1"])
def test_a_full_server_says_when_to_come_back_and_forgets_who_left(
    small: Workspace,
    served: Callable[..., httpx.Client],
    stuck: tuple[threading.Event, list[str]],
    path: str,
    refused: str,
) -> None:
    go, begun = stuck
    page = served(small, workers=1, waiting=1)
    gate = page.covsearch.app.state.gate  # type: ignore[attr-defined]

    async def whole() -> None:
        async with httpx.AsyncClient(base_url=page.base_url, timeout=600, trust_env=False) as client:
            first = asyncio.ensure_future(client.get("/api/find?q=first"))
            await until(lambda: begun == ["first"])
            leaves = asyncio.ensure_future(client.get(path))
            await until(lambda: gate.inside == 2)
            answer = await client.get(refused)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.json()["detail"] == "too many questions at once: ask again in 2 seconds"
            leaves.cancel()
            await until(lambda: gate.inside == 1)
            go.set()
            assert (await first).json() == []

    try:
        asyncio.run(whole())
    finally:
        go.set()
    assert begun == ["first"]


@pytest.fixture
def stuck_answers(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, list[str]]:
    """Aligned answers wait for the event, and are noted when they begin."""
    go, begun, query = threading.Event(), [], api.Index.query

    def waits(index: api.Index, asked: str, *, rerank: str | None = None, **more: object) -> object:
        if rerank is None:
            begun.append(asked)
            go.wait(600)
        return query(index, asked, rerank=rerank, **more)

    monkeypatch.setattr(api.Index, "query", waits)
    return go, begun


def test_quick_questions_do_not_wait_behind_aligned_ones(
    small: Workspace, served: Callable[..., httpx.Client], stuck_answers: tuple[threading.Event, list[str]]
) -> None:
    go, begun = stuck_answers
    page = served(small, workers=1, waiting=1)
    gate = page.covsearch.app.state.aligning  # type: ignore[attr-defined]

    async def whole() -> None:
        async with httpx.AsyncClient(base_url=page.base_url, timeout=600, trust_env=False) as client:
            both = [asyncio.ensure_future(client.get("/api/query?id=P_1")) for _ in range(2)]
            await until(lambda: gate.inside == 2 and len(begun) == 1)
            for quick in ("/performances/P_2", "/api/query?id=P_2&rerank=head", "/api/find?q=a", "/"):
                assert (await client.get(quick)).status_code == 200
            told = (await client.get("/events/P_1")).text
            assert "event: problem\ndata: too many questions at once: ask again in 2 seconds\n" in told
            for slow in ("/api/query?id=P_2", "/performances/P_2?whole=1", "/compare?a=P_1&b=P_2"):
                assert (await client.get(slow)).status_code == 503
            go.set()
            assert [answer.status_code for answer in await asyncio.gather(*both)] == [200, 200]

    try:
        asyncio.run(whole())
    finally:
        go.set()


def test_who_leaves_a_stream_is_forgotten(
    small: Workspace, served: Callable[..., httpx.Client], stuck_answers: tuple[threading.Event, list[str]]
) -> None:
    go, begun = stuck_answers
    page = served(small, workers=1, waiting=1)
    gate = page.covsearch.app.state.aligning  # type: ignore[attr-defined]

    async def whole() -> None:
        async with httpx.AsyncClient(base_url=page.base_url, timeout=600, trust_env=False) as client:
            first = asyncio.ensure_future(client.get("/api/query?id=P_2"))
            await until(lambda: begun == ["P_2"])
            async with client.stream("GET", "/events/P_1"):
                await until(lambda: gate.inside == 2)
            await until(lambda: gate.inside == 1)
            go.set()
            await first

    try:
        asyncio.run(whole())
    finally:
        go.set()
