"""The pages. All of them work without JavaScript; with it, answers come in as they are ready."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from covsearch import __version__
from covsearch.answers import QueryResult
from covsearch.compare import Comparison
from covsearch.errors import CovsearchError
from covsearch.plots import clock
from covsearch.ranking import COSINE
from covsearch.web.asking import asked, gate_of, index_of, known
from covsearch.web.view import View

router = APIRouter(include_in_schema=False)
TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = ("rank", "pid", "title", "artist", "year", "cover_probability", "predicted", "same_recording", "listed")
FOUND = 50  # performances that a search by words lists

_environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
_environment.filters |= {
    "clock": clock,
    "percent": lambda p: "" if p is None else f"{p:.1%}",
    "quoted": partial(quote, safe=""),
}
_environment.globals |= {"version": __version__}


def page(name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> HTMLResponse:
    """A template filled in; every value is escaped."""
    return HTMLResponse(_environment.get_template(name).render(**values), status, headers)


def problem(request: Request, title: str, detail: str, status: int, headers: Mapping[str, str]) -> HTMLResponse:
    """A failure as a page."""
    return page("problem.html", status, headers, title=title, detail=detail)


@router.get("/")
async def home_page(request: Request) -> Response:
    """The search box, and what there is to search."""
    found = await asked(request, index_of(request).stats)
    return page("home.html", stats=found.to_dict())


@router.get("/find")
async def find_page(request: Request, q: Annotated[str, Query(max_length=300)] = "") -> Response:
    """Performances by id, title or artist; an id goes straight to its answer."""
    words, index = q.strip(), index_of(request)
    if not words:
        return RedirectResponse("/", 303)
    if await asked(request, lambda: words in index):
        return RedirectResponse(f"/performances/{quote(words, safe='')}", 303)
    found = await asked(request, lambda: index.find(words, FOUND))
    return page("find.html", q=words, found=[one.to_dict() for one in found], limit=FOUND)


@router.get("/performances/{id:path}")
async def performance_page(request: Request, id: str, view: Annotated[View, Query()]) -> Response:
    """One performance and its covers: the vectors' candidates at once, the aligned answer with `whole` or by events."""
    settled = view.whole or view.format == "csv"
    found = await asked(request, lambda: _ask(request, id, view.top, None if settled else "head"))
    if view.format == "csv":
        return _csv(found, view)
    settled = settled or not found.calibrated or found.rerank == COSINE
    return page("performance.html", **_shown(found, view), settled=settled)


@router.get("/events/{id:path}")
async def events(request: Request, id: str, view: Annotated[View, Query()]) -> Response:
    """The aligned answer as a server-sent event: a piece of HTML, or the words of what failed."""

    async def stream() -> AsyncIterator[str]:
        yield "event: aligning\ndata: \n\n"
        try:  # in the pool itself: the response hears when the client leaves
            found = await gate_of(request).run(lambda: _ask(request, id, view.top, None))
            piece = _environment.get_template("answer.html").render(**_shown(found, view), settled=True)
            yield _event("answer", piece)
        except CovsearchError as e:
            yield _event("problem", str(e))

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})


@router.get("/compare")
async def compare_page(
    request: Request, a: Annotated[str, Query(max_length=600)], b: Annotated[str, Query(max_length=600)]
) -> Response:
    """Why two performances are held for covers, or not: the picture, the path and the passages."""
    index = index_of(request)

    def told() -> tuple[Comparison, bool]:
        found = index.compare(known(request, a), known(request, b))
        return found, all(index.audio(pid) for pid in (found.a.pid, found.b.pid))

    found, there = await asked(request, told)
    return page("compare.html", found=found, a=a, b=b, there=there)


@router.get("/works/{wid:path}")
async def work_page(request: Request, wid: str) -> Response:
    """A work's versions in the order of their years."""
    index = index_of(request)
    versions = await asked(request, lambda: [index[pid].to_dict() for pid in index.versions(wid)])
    if not versions:
        return page("problem.html", 404, title="Not Found", detail=f"no work is called {wid!r} here")
    versions.sort(key=lambda one: (one["year"] is None, one["year"] or 0, one["title"]))
    return page("work.html", wid=wid, versions=versions)


@router.get("/health")
async def health_page(request: Request) -> Response:
    """What is in the index, and by which model."""
    found = await asked(request, index_of(request).stats)
    return page("health.html", stats=found.to_dict(), inside=gate_of(request).inside)


def _ask(request: Request, id_: str, top: int, stage: str | None) -> QueryResult:
    index = index_of(request)
    pid = known(request, id_)
    return index.query(pid, top=top, rerank=None if index.foreign else stage)


def _shown(found: QueryResult, view: View) -> dict[str, Any]:
    """What the answer's template needs: the sentence, and the rows that the view leaves."""
    matches = found.to_dicts()
    rows = view.rows(matches)
    query = found.query.to_dict() if found.query else None
    compares = found.rerank != COSINE  # foreign vectors have no chroma to compare
    return {
        "found": found,
        "query": query,
        "rows": rows,
        "hidden": len(matches) - len(rows),
        "view": view,
        "compares": compares,
    }


def _csv(found: QueryResult, view: View) -> Response:
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    rows.writerows(view.rows(found.to_dicts()))
    return Response(text.getvalue(), media_type="text/csv", headers={"content-disposition": "attachment"})


def _event(name: str, data: str) -> str:
    """One server-sent event; its data may have several lines."""
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in data.splitlines()) + "\n"
