"""Connections to Milvus, and its failures in the words of covsearch."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import parse_qsl, urlsplit

from covsearch.errors import CovsearchError, MissingExtraError, UnavailableError, UsageError
from covsearch.guard.urls import without_password

try:
    import grpc
    from pymilvus import DataType as DataType
    from pymilvus import MilvusClient, MilvusException
except ImportError as e:
    raise MissingExtraError("an index in Milvus", "milvus") from e

TOKEN = "MILVUS_TOKEN"
"""The variable of the environment with ``USER:PASSWORD`` or a key; no URL has it, so nothing can show it."""
WAIT, LONG = 10.0, 3600.0
"""Seconds for an answer; and for one to what takes as long as there are vectors."""
QUIET = {"grpc.keepalive_time_ms": 300_000}
"""pymilvus pings every 10 s. A server that gRPC's defaults protect, as Milvus Lite, then ends the connection, with its
answer: it bears a ping every five minutes."""


def milvus_address(url: str) -> str:
    """Where Milvus is: ``milvus=`` of a store's URL.

    Raises
    ------
    UsageError
        When it is missing, or no address.
    """
    query = dict(parse_qsl(url.partition("?")[2]))
    address = query.get("milvus", "")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        form = "milvus+postgresql://USER@HOST/DATABASE?milvus=http://HOST:19530"
        raise UsageError(f"expected a store like '{form}' (USER:PASSWORD of Milvus in {TOKEN}), got {_shown(url)}")
    return address


def _shown(url: str) -> str:
    """`url` without what it says of Milvus, which may hold a password."""
    return without_password(url.partition("?")[0])


@cache
def client_of(address: str) -> MilvusClient:
    """The one client of a process for `address`; it connects again by itself."""
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs a traceback of every failure
    with milvus_errors(address):
        return MilvusClient(address, token=os.environ.get(TOKEN, ""), timeout=WAIT, grpc_options=QUIET)


@contextmanager
def milvus_errors(address: str) -> Iterator[None]:
    """Failures of Milvus in one line.

    Raises
    ------
    UnavailableError
        Where there is no server.
    CovsearchError
        For all else: a wrong password, a full disk.
    """
    try:
        yield
    except MilvusException as e:
        said = " ".join(str(e.message).split())
        if "Fail connecting" in said or "UNAVAILABLE" in said or "Retry timeout" in said:
            raise UnavailableError(f"{address}: no connection to Milvus: {said}") from None
        if "auth" in said.lower():
            raise CovsearchError(f"{address}: {said}: give USER:PASSWORD or a key in {TOKEN}") from None
        raise CovsearchError(f"{address}: Milvus says: {said}") from None
    except grpc.RpcError as e:
        raise UnavailableError(f"{address}: no connection to Milvus: {' '.join(str(e).split())[:200]}") from None
