"""An answer as a page, a piece of one, CSV or JSON: the rows that a view leaves, in its order."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from covsearch.answers import QueryResult
from covsearch.errors import CovsearchError
from covsearch.ranking import COSINE, HEAD
from covsearch.web.asking import aligning, asked
from covsearch.web.problems import on_the_page
from covsearch.web.rendering import page, piece
from covsearch.web.view import View

COLUMNS = ("rank", "pid", "title", "artist", "year", "cover_probability", "predicted", "same_recording", "listed")
Ask = Callable[[str | None], QueryResult]  # by a stage; None is the default one


@dataclass(frozen=True)
class Subject:
    """What an answer's page is about, and its addresses.

    Attributes
    ----------
    facts : dict
        The performance that was asked with, as plain values.
    here, events : str
        The page, and where the aligned answer comes as an event.
    why : str
        Where a match, whose id follows, is compared with it; for programs below ``/api``.
    """

    facts: dict[str, Any]
    here: str
    events: str
    why: str


def of_index(found: QueryResult) -> Subject:
    """The question that was asked by an id of the index."""
    assert found.query is not None
    facts = found.query.to_dict()
    name = quote(facts["pid"], safe="")
    return Subject(facts, f"/performances/{name}", f"/events/{name}", f"/compare?a={name}&b=")


def rows_shown(found: QueryResult, view: View, question: Subject) -> dict[str, Any]:
    """What the answer's template needs: the sentence, and the rows of the view's page."""
    matches = found.to_dicts()
    rows = view.rows(matches)
    return {
        "found": found,
        "question": question,
        "query": question.facts,
        "rows": view.paged(rows),
        "left": len(rows),
        "hidden": len(matches) - len(rows),
        "pages": view.pages(len(rows)),
        "view": view,
        "compares": found.rerank != COSINE,  # foreign vectors have no chroma to compare
    }


def as_file(found: QueryResult, view: View) -> Response:
    """The rows that the view leaves, of all its pages, as its format: CSV, or the API's JSON."""
    rows = view.rows(found.to_dicts())
    if view.format == "json":
        return JSONResponse({**found.to_dict(), "matches": rows})
    text = io.StringIO()
    lines = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return Response(text.getvalue(), media_type="text/csv", headers={"content-disposition": "attachment"})


async def answered(
    request: Request, view: View, ask: Ask, question: Callable[[QueryResult], Subject], setlist: str | None = None
) -> Response:
    """An answer's page or file: by the vectors at once, or aligned where the view wants it whole or as a file."""
    settled = view.whole or view.format != "html"
    found = await asked(request, lambda: ask(None if settled else HEAD), aligning(request) if settled else None)
    if view.format != "html":
        return as_file(found, view)
    settled = settled or not found or not found.calibrated or found.rerank == COSINE
    return page("performance.html", **rows_shown(found, view, question(found)), settled=settled, setlist=setlist)


def aligned(request: Request, view: View, ask: Ask, question: Callable[[QueryResult], Subject]) -> Response:
    """The aligned answer, as an event when it is there: a piece of HTML, or the words of what failed."""

    async def stream() -> AsyncIterator[str]:
        yield event("aligning", "")
        try:  # in the pool itself: the response hears when the client leaves
            found = await aligning(request).run(lambda: ask(None))
            yield event("answer", piece("answer.html", **rows_shown(found, view, question(found)), settled=True))
        except CovsearchError as e:
            yield event("problem", on_the_page(str(e)))

    return events(stream())


def events(stream: AsyncIterator[str]) -> Response:
    """Server-sent events."""
    return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})


def event(name: str, data: str) -> str:
    """One server-sent event; its data may have several lines, and are never without one, else browsers pass over it."""
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in data.splitlines() or [""]) + "\n"
