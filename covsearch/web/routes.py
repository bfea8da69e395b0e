"""The API: every body is ``to_dict()`` of the public face."""

from __future__ import annotations

import base64
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from covsearch.api import Index
from covsearch.compare import Comparison
from covsearch.web.gate import Gate

router = APIRouter()
PICTURE = 512  # a cross-similarity is brought to at most so many rows and columns
Id = Annotated[str, Query(max_length=600, description="An id of the index.", examples=["P_22"])]
Top = Annotated[int, Query(ge=1, le=1000, description="Matches wanted.")]


def gate_of(request: Request) -> Gate:
    """The server's pool."""
    gate: Gate = request.app.state.gate
    return gate


def index_of(request: Request) -> Index:
    """The server's index."""
    index: Index = request.app.state.index
    return index


@router.get("/api/query", tags=["search"])
async def query(
    request: Request,
    id: Id,
    top: Top = 10,
    rerank: Annotated[str | None, Query(pattern="^(align|head|windows|cosine)$")] = None,
    candidates: Annotated[int | None, Query(ge=1, le=100_000)] = None,
) -> dict[str, Any]:
    """Rank the collection as covers of one of its performances."""
    ask = partial(index_of(request).query, top=top, rerank=rerank, candidates=candidates)
    return (await gate_of(request).run(lambda: ask(known(request, id)))).to_dict()


@router.get("/api/compare", tags=["search"])
async def compare(request: Request, a: Id, b: Id, picture: bool = False) -> dict[str, Any]:
    """Set two performances side by side; with `picture` the cross-similarity, too, as bytes in base 64, row by row."""
    found = await gate_of(request).run(lambda: index_of(request).compare(a, b))
    return {**found.to_dict(), **({"picture": _picture(found)} if picture else {})}


@router.get("/api/find", tags=["collection"])
async def find(
    request: Request, q: Annotated[str, Query(max_length=300)], limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> list[dict[str, Any]]:
    """Performances by title or artist."""
    found = await gate_of(request).run(lambda: index_of(request).find(q, limit))
    return [one.to_dict() for one in found]


@router.get("/api/performances/{id:path}", tags=["collection"])
async def performance(request: Request, id: str) -> dict[str, Any]:
    """What is known of one performance."""
    return (await gate_of(request).run(lambda: index_of(request)[id])).to_dict()


@router.get("/api/stats", tags=["collection"])
async def stats(request: Request) -> dict[str, Any]:
    """What is in the index."""
    return (await gate_of(request).run(index_of(request).stats)).to_dict()


@router.get("/healthz", tags=["server"])
async def healthz() -> dict[str, str]:
    """Whether the server runs."""
    return {"status": "ok"}


@router.get("/readyz", tags=["server"])
async def readyz(request: Request) -> dict[str, Any]:
    """Whether the index can be asked."""
    return {"status": "ok", "performances": await gate_of(request).run(lambda: len(index_of(request)))}


@router.get("/metrics", tags=["server"])
async def metrics(request: Request) -> Response:
    """Requests, seconds and questions, for Prometheus."""
    text = request.app.state.metrics.text(gate_of(request).inside)
    return Response(text, media_type="text/plain; version=0.0.4")


def known(request: Request, id_: str) -> str:
    """`id_`, if the index has it: the name of a file of the server's must never pass for one."""
    return index_of(request)[id_].pid


def _picture(found: Comparison) -> dict[str, Any]:
    """The cross-similarity, darkest where most alike: brought to a few hundred rows, a byte each."""
    similarity = found.alignment.similarity
    small = _shrunk(_shrunk(similarity, 0), 1)
    low, high = np.quantile(small, (0.5, 0.998)).tolist()
    grey = np.clip((small - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    span, (rate_a, rate_b) = found.alignment.span, found.rates
    seconds = ((similarity.shape[0] + span - 1) / rate_a, (similarity.shape[1] + span - 1) / rate_b)
    data = base64.b64encode(grey.tobytes()).decode("ascii")
    return {"rows": grey.shape[0], "columns": grey.shape[1], "seconds": seconds, "grey": data}


def _shrunk(matrix: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The maxima of blocks along `axis`, so that thin diagonals stay."""
    block = -(-matrix.shape[axis] // PICTURE)
    return np.maximum.reduceat(matrix, np.arange(0, matrix.shape[axis], block), axis=axis)
