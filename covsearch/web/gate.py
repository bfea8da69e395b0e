"""A bounded pool of threads: what does not fit is refused at once instead of waiting without end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from covsearch.errors import CovsearchError

T = TypeVar("T")


RETRY_SECONDS = 2


class BusyError(CovsearchError):
    """Too many questions wait already."""

    def __init__(self) -> None:
        super().__init__(f"too many questions at once: ask again in {RETRY_SECONDS} seconds")


class Gate:
    """Runs functions in `workers` threads and lets at most `waiting` more wait."""

    def __init__(self, workers: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "covsearch-web")
        self._room = workers + waiting
        self.inside = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns; if this is cancelled before `work` begins, it never does.

        Raises
        ------
        BusyError
            When nothing more may wait.
        """
        self.check()
        loop = asyncio.get_running_loop()
        future = self._pool.submit(work)
        self.inside += 1
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._left))
        return await asyncio.wrap_future(future)

    def check(self) -> None:
        """Raise BusyError when nothing more may wait."""
        if self.inside >= self._room:
            raise BusyError

    def close(self) -> None:
        """Let those finish that run, and forget those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _left(self) -> None:
        self.inside -= 1
