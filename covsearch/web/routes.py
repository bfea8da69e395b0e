"""The API: every body is ``to_dict()`` of the public face."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response

from covsearch.errors import CovsearchError
from covsearch.ranking import HEAD
from covsearch.web import picture as drawing
from covsearch.web.asking import aligning, asked, index_of, inside, known
from covsearch.web.described import FAILURES, example
from covsearch.web.guards import LOG

router = APIRouter(responses=FAILURES)
Id = Annotated[str, Query(max_length=600, description="An id of the index.", openapi_examples=example("P_22"))]
Other = Annotated[str, Query(max_length=600, description="Another id.", openapi_examples=example("P_24"))]
Top = Annotated[int, Query(ge=1, le=1000, description="Matches wanted.")]
Rerank = Annotated[str | None, Query(max_length=20)]
Candidates = Annotated[int | None, Query(ge=1, le=100_000)]


@router.get("/api/query", tags=["search"])
async def api_query(
    request: Request,
    id: Id,
    top: Top = 10,
    rerank: Rerank = None,
    candidates: Candidates = None,
) -> dict[str, Any]:
    """Rank the collection as covers of one of its performances."""
    ask = partial(index_of(request).query, top=top, rerank=rerank, candidates=candidates)
    gate = None if rerank == HEAD else aligning(request)
    return (await asked(request, lambda: ask(known(request, id)), gate)).to_dict()


@router.get("/api/compare", tags=["search"])
async def api_compare(request: Request, a: Id, b: Other, picture: bool = False) -> dict[str, Any]:
    """Set two performances side by side; with `picture` the cross-similarity, too, as bytes in base 64, row by row."""

    def told() -> dict[str, Any]:
        return drawing.told(index_of(request).compare(known(request, a), known(request, b)), picture)

    return await asked(request, told, aligning(request))


@router.get("/api/find", tags=["collection"])
async def api_find(
    request: Request,
    q: Annotated[str, Query(max_length=300, description="Words.", openapi_examples=example("o haupt"))],
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> list[dict[str, Any]]:
    """Performances by id, title, artist or album."""
    found = await asked(request, lambda: index_of(request).find(q, limit))
    return [one.to_dict() for one in found]


@router.get("/api/performances/{id:path}", tags=["collection"])
async def api_performance(
    request: Request, id: Annotated[str, Path(description="An id of the index.", openapi_examples=example("P_22"))]
) -> dict[str, Any]:
    """What is known of one performance."""
    return (await asked(request, lambda: index_of(request)[id])).to_dict()


@router.get("/api/stats", tags=["collection"])
async def api_stats(request: Request) -> dict[str, Any]:
    """What is in the index."""
    return (await asked(request, index_of(request).stats)).to_dict()


@router.get("/healthz", tags=["server"])
async def healthz() -> dict[str, str]:
    """Whether the server runs."""
    return {"status": "ok"}


@router.get("/readyz", tags=["server"])
async def readyz(request: Request) -> dict[str, Any]:
    """Whether the index can be asked: 503 where it is gone or damaged."""
    try:
        return {"status": "ok", "performances": await asked(request, lambda: len(index_of(request)))}
    except CovsearchError as e:  # anybody may ask this: what is wrong, and where, is for the log
        LOG.warning("not ready: %s", e)
        raise HTTPException(503, "the index cannot be asked; the server's log says why") from e


@router.get("/metrics", tags=["server"])
async def metrics(request: Request) -> Response:
    """Requests, seconds and questions, for Prometheus."""
    text = request.app.state.metrics.text(inside(request))
    return Response(text, media_type="text/plain; version=0.0.4")
