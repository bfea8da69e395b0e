"""Files read by Dask workers of many machines, which see them at the same paths.

Each thread of a Dask worker keeps one decoder process with the limits of :mod:`covsearch.collections.worker`. A Dask
worker that dies costs nothing: Dask gives its jobs to another one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from covsearch.collections.pool import Job, Sandbox
from covsearch.errors import CovsearchError, MissingExtraError, UsageError

AHEAD = 1000  # jobs that the scheduler has at once; more only take its memory
_SECONDS = 30  # to wait for the scheduler, and then for its first worker
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):\d{1,5}")
_here = threading.local()


@contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """A client of a Dask scheduler that has workers.

    Parameters
    ----------
    scheduler : str
        ``tcp://host:8786``, or ``tls://host:8786`` with the certificates of Dask's own configuration.

    Raises
    ------
    UsageError
        When that is no such address, or one of TLS and Dask's configuration has no certificates.
    MissingExtraError
        Without dask.distributed.
    CovsearchError
        When no scheduler answers there, or it has no worker.
    """
    if not _ADDRESS.fullmatch(scheduler):
        raise UsageError(f"expected a scheduler's address like tcp://host:8786 or tls://host:8786, got {scheduler!r}")
    try:
        from distributed import Client
        from distributed.security import Security
    except ImportError as e:
        raise MissingExtraError("work on a Dask cluster", "dask") from e
    security = Security()
    if scheduler.startswith("tls:") and security.get_connection_args("client")["ssl_context"] is None:
        raise UsageError(f"{scheduler} needs certificates, and Dask's configuration names none: see docs/scale.md")
    try:
        client = Client(scheduler, timeout=_SECONDS, security=security, set_as_default=False)
    except (OSError, ValueError) as e:
        why = " ".join(str(e).split())
        raise CovsearchError(f"no Dask scheduler answers at {scheduler} ({why}); start one: dask scheduler") from e
    with client:
        try:
            client.wait_for_workers(1, timeout=_SECONDS)
        except TimeoutError as e:
            raise CovsearchError(
                f"the Dask scheduler at {scheduler} has no worker; start some: dask worker {scheduler}"
            ) from e
        yield client


def spread_jobs(client: Any, jobs: Iterable[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Read files on a cluster; as :func:`covsearch.collections.pool.answers`, with jobs that may say what they need.

    Parameters
    ----------
    client : distributed.Client
    jobs : iterable of mapping
        What :func:`read_here` takes.

    Yields
    ------
    (job, answer)
        In the order in which they are done.

    Raises
    ------
    CovsearchError
        When a worker cannot decode or write at all, or the scheduler is lost.
    """
    from distributed import as_completed

    waiting = iter(jobs)
    running: dict[Any, Job] = {}
    done = as_completed(loop=client.loop)
    while True:
        while len(running) < AHEAD and (job := next(waiting, None)) is not None:
            future = client.submit(read_here, dict(job), pure=False)
            running[future] = job
            done.add(future)
        if not running:
            return
        future = next(done)
        job, told = running.pop(future), _told(future)
        if "broken" in told:
            raise CovsearchError(str(told["broken"]))
        yield job, told


def _told(future: Any) -> dict[str, Any]:
    """What came of one job."""
    from distributed import KilledWorker

    try:
        return dict(future.result())
    except KilledWorker as e:
        return {"refused": f"{e.allowed_failures + 1} Dask workers died at it", "died": True}
    except Exception as e:  # whatever a cluster fails with, it is no fault of the file
        why = " ".join(f"{type(e).__name__}: {e}".split())[:300]
        advice = "see that all workers have this version of covsearch, and run again to go on"
        raise CovsearchError(f"the Dask cluster failed ({why}); {advice}") from e


def read_here(job: dict[str, Any]) -> dict[str, Any]:
    """Read one file in this thread's decoder process: what a Dask worker does.

    Parameters
    ----------
    job : dict
        As :func:`covsearch.collections.worker.answer` takes it, and ``needs``: paths that this machine must see.

    Returns
    -------
    dict
        The answer; ``broken`` where no decoder can be started.
    """
    for path in job.pop("needs", ()):
        if not Path(path).exists():
            why = f"a Dask worker does not see {path}; all need the same file system at the same path"
            return {"refused": why, "may_pass": True}
    if not hasattr(_here, "sandbox"):
        _here.sandbox = Sandbox()
    try:
        return dict(_here.sandbox.read(job))
    except CovsearchError as e:
        return {"broken": str(e)}
