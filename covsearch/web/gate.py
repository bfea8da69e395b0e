"""A bounded pool of threads: what does not fit is refused at once instead of waiting without end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class BusyError(Exception):
    """Too many questions wait already."""


class Gate:
    """Runs functions in `workers` threads and lets at most `waiting` more wait.

    Parameters
    ----------
    workers, waiting : int
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "covsearch-web")
        self._room = workers + waiting
        self.inside = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns; a client that leaves before it began takes it out of the queue.

        Raises
        ------
        BusyError
            When nothing more may wait.
        """
        if self.inside >= self._room:
            raise BusyError
        self.inside += 1
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._left))
        loop = asyncio.get_running_loop()
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let those finish that run, and forget those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _left(self) -> None:
        self.inside -= 1
