"""Who reads files: worker processes of this machine, or Dask workers of many machines. Both answer the same jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from covsearch.collections.cluster import connected, spread_jobs
from covsearch.collections.pool import Job, answers

Hands = Callable[[Iterable[Job]], Iterator[tuple[Job, dict[str, Any]]]]
"""As :func:`covsearch.collections.pool.answers` with its number of workers chosen."""
RETRIES = 2


@contextmanager
def hands(workers: int | None = None, scheduler: str | None = None) -> Iterator[Hands]:
    """Who reads files, as long as the block lasts; what failed and may pass is tried twice more.

    Parameters
    ----------
    workers : int, optional
        Processes on this machine; by default one a core. Without meaning where there is a scheduler.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``; its workers read the files.

    Raises
    ------
    UsageError, MissingExtraError, CovsearchError
        As :func:`covsearch.collections.cluster.connected`.
    """
    if scheduler is None:
        yield partial(retried, partial(answers, workers=workers))
    else:
        with connected(scheduler) as client:
            yield partial(retried, partial(spread_jobs, client))


def retried(hand: Hands, jobs: Iterable[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
    """The answers to jobs; one that ``may_pass`` counts only when it came a third time.

    Jobs are given again after all others, so that what was in the way has time to pass.
    """
    for left in range(RETRIES, -1, -1):
        again = []
        for job, told in hand(jobs):
            if left and told.get("may_pass"):
                again.append(job)
            else:
                yield job, told
        if not again:
            return
        jobs = again
