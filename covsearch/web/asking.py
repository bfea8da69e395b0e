"""How a request asks the index: in the pool, and no longer than its client waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fastapi import HTTPException, Request

from covsearch.api import Index
from covsearch.web.gate import Gate

T = TypeVar("T")
LEFT = 499  # as nginx calls it


def gate_of(request: Request) -> Gate:
    """The pool of quick questions."""
    gate: Gate = request.app.state.gate
    return gate


def aligning(request: Request) -> Gate:
    """The pool of questions that take a second: those that take none do not wait behind them."""
    gate: Gate = request.app.state.aligning
    return gate


def inside(request: Request) -> int:
    """Questions that are answered or wait."""
    return gate_of(request).inside + aligning(request).inside


def index_of(request: Request) -> Index:
    """The server's index."""
    index: Index = request.app.state.index
    return index


async def asked(request: Request, work: Callable[[], T], gate: Gate | None = None) -> T:
    """What `work` returns, from the pool; a client that leaves before it began takes it out of the queue.

    Parameters
    ----------
    request : Request
    work : callable
    gate : Gate, optional
        Another pool than that of quick questions.

    Raises
    ------
    BusyError
        When nothing more may wait.
    HTTPException
        When the client left; nobody reads it.
    """
    running = asyncio.ensure_future((gate or gate_of(request)).run(work))
    gone = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            raise HTTPException(LEFT, "the client left")
        return running.result()
    finally:
        running.cancel()
        gone.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def known(request: Request, id_: str) -> str:
    """`id_`, if the index has it: the name of a file of the server's must never pass for one."""
    return index_of(request)[id_].pid
