"""Corrections of groups: accepted, split, merged, taken back. Only a server with ``--edit`` takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from starlette.requests import ClientDisconnect

from covsearch.api import Index
from covsearch.errors import UsageError
from covsearch.web.asking import LEFT, asked, index_of
from covsearch.web.described import FAILURES
from covsearch.web.receive import check_edit
from covsearch.web.waiting import jobs_of

router = APIRouter(responses=FAILURES)
MOST_BYTES = 2**18  # of a form
SECONDS = 20.0
Fields = list[tuple[str, str]]


@router.get("/api/corrections", tags=["collection"])
async def api_corrections(request: Request) -> dict[str, Any]:
    """What was said of the works, and holds."""
    index = index_of(request)
    return await asked(request, lambda: index.corrections.to_dict())


@router.post("/corrections", include_in_schema=False)
async def correct(request: Request) -> Response:
    """Do what a form of a group's page says, and show the group that came of it."""
    check_edit(request)
    fields, index = await _form(request), index_of(request)
    do, where = _meant(fields)
    await asked(request, lambda: do(index), jobs_of(request).gate)  # a merge may have to find the groups first
    return RedirectResponse(f"/groups/{quote(where, safe='')}" if where else "/groups", 303)


def _meant(fields: Fields) -> tuple[Callable[[Index], object], str]:
    """What is to be done, and the performance whose group is shown then; none where it may be in no group."""
    kind, ids, every = _one(fields, "kind"), _all(fields, "id"), _all(fields, "member")
    if kind == "accept":
        return lambda index: index.corrections.accept(*every), every[0] if every else ""
    if kind == "split":
        rest = [name for name in every if name not in ids]
        if not ids or not rest:
            raise UsageError("choose some of the performances, and not all: those are split from the others")
        return lambda index: index.corrections.split(*ids, others=rest), rest[0] if len(rest) > 1 else ""
    if kind == "merge":
        if not every:
            raise UsageError("expected a group to merge with another")
        return lambda index: index.corrections.merge(every[0], _one(fields, "with").strip()), every[0]
    if kind == "undo":
        number = _one(fields, "number")
        if not number.isascii() or not number.isdigit() or len(number) > 9:
            raise UsageError(f"expected the number of a correction, not {number[:50]!r}")
        return lambda index: index.corrections.undo(int(number)), ""
    raise UsageError(f"expected accept, split, merge or undo, not {kind[:50]!r}")


def _one(fields: Fields, name: str) -> str:
    return next((value for key, value in fields if key == name), "")


def _all(fields: Fields, name: str) -> Sequence[str]:
    return [value for key, value in fields if key == name]


async def _form(request: Request) -> Fields:
    """A short form as browsers send it without files."""
    if not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "expected a form: send it as application/x-www-form-urlencoded")
    body = b""
    try:
        async with asyncio.timeout(SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    raise HTTPException(413, f"the form is too large: at most {MOST_BYTES // 1024} KiB are taken")
    except TimeoutError:
        raise HTTPException(408, "the form took too long to arrive") from None
    except ClientDisconnect:
        raise HTTPException(LEFT, "the client left") from None
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=5000)
    except ValueError:
        raise HTTPException(400, "the form cannot be read") from None
