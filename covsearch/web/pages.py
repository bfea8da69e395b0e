"""The pages. All of them work without JavaScript; with it, answers come in as they are ready."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from covsearch.answers import QueryResult
from covsearch.compare import Comparison
from covsearch.errors import NotFoundError
from covsearch.web.answer import aligned, answered, of_index
from covsearch.web.asking import aligning, asked, index_of, known
from covsearch.web.receive import options_of
from covsearch.web.rendering import page
from covsearch.web.timeline import timeline
from covsearch.web.view import View

router = APIRouter(include_in_schema=False)
FOUND = 50  # performances that a search by words lists


@router.get("/")
async def home_page(request: Request) -> Response:
    """The search box, and what there is to search."""
    found = await asked(request, index_of(request).stats)
    options = options_of(request)
    return page("home.html", stats=found.to_dict(), edit=options.edit, most=options.upload_bytes)


@router.get("/find")
async def find_page(request: Request, q: Annotated[str, Query(max_length=300)] = "") -> Response:
    """Performances by id, title or artist; an id, in any case, goes straight to its answer."""
    words, index = q.strip(), index_of(request)
    if not words:
        return RedirectResponse("/", 303)
    if await asked(request, lambda: words in index):
        return RedirectResponse(f"/performances/{quote(words, safe='')}", 303)
    found = [one.to_dict() for one in await asked(request, lambda: index.find(words, FOUND))]
    alike = [one["pid"] for one in found if one["pid"].casefold() == words.casefold()]
    if len(alike) == 1:
        return RedirectResponse(f"/performances/{quote(alike[0], safe='')}", 303)
    return page("find.html", q=words, found=found, limit=FOUND)


@router.get("/performances/{id:path}")
async def performance_page(request: Request, id: str, view: Annotated[View, Query()]) -> Response:
    """One performance and its covers: the vectors' candidates at once, the aligned answer with `whole` or by events."""
    return await answered(request, view, partial(_ask, request, id, view.top), of_index)


@router.get("/events/{id:path}")
async def events(request: Request, id: str, view: Annotated[View, Query()]) -> Response:
    """The aligned answer as a server-sent event."""
    return aligned(request, view, partial(_ask, request, id, view.top), of_index)


@router.get("/compare")
async def compare_page(
    request: Request, a: Annotated[str, Query(max_length=600)], b: Annotated[str, Query(max_length=600)]
) -> Response:
    """Why two performances are held for covers, or not: the picture, the path and the passages."""
    index = index_of(request)

    def told() -> tuple[Comparison, bool]:
        found = index.compare(known(request, a), known(request, b))
        return found, all(index.audio(pid) for pid in (found.a.pid, found.b.pid))

    found, both = await asked(request, told, aligning(request))
    name = quote(found.a.pid, safe="")
    data, back = f"/api/compare?a={name}&b=", f"/performances/{name}"
    return page("compare.html", found=found, data=data, back=back, there=(both, both))


@router.get("/works/{wid:path}")
async def work_page(request: Request, wid: str) -> Response:
    """A work's versions in the order of their years."""
    index = index_of(request)
    versions = await asked(request, lambda: [index[pid].to_dict() for pid in index.versions(wid)])
    if not versions:
        raise NotFoundError(f"no work is called {wid!r} here")
    versions.sort(key=lambda one: (one["year"] is None, one["year"] or 0, one["title"]))
    return page("work.html", wid=wid, versions=versions, years=timeline(versions))


def _ask(request: Request, id_: str, top: int, stage: str | None) -> QueryResult:
    index = index_of(request)
    pid = known(request, id_)
    return index.query(pid, top=top, rerank=None if index.foreign else stage)
