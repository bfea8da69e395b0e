"""Work that takes longer than a request: done in the pool for long work, looked at until it is done."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from typing import Any

from covsearch.errors import CovsearchError
from covsearch.progress import Progress
from covsearch.web.gate import Gate

MOST = 32  # that are kept, with what came of them
LOOK = 0.25  # seconds between two looks


class StoppedError(CovsearchError):
    """Nobody waits for this any more, or the server stops."""

    def __init__(self) -> None:
        super().__init__("this was stopped, as nobody waited for it: ask again")


class Job:
    """One piece of work, its progress and what came of it.

    Parameters
    ----------
    title : str
        What it is about, for a person.
    patience : float
        Seconds for which it goes on while nobody looks.
    """

    def __init__(self, title: str, patience: float) -> None:
        self.title, self.patience = title, patience
        self.told: tuple[str, int, int] = ("waiting", 0, 0)
        self.result: Any = None
        self.failed: CovsearchError | None = None
        self.finished = asyncio.Event()
        self._began = self._seen = time.monotonic()
        self._looking = 0
        self._stopped = False

    def progress(self, stage: str, done: int, total: int) -> None:
        """A :data:`~covsearch.progress.Progress`; raises StoppedError where the work is to end."""
        unseen = 0.0 if self._looking else time.monotonic() - self._seen
        if self._stopped or unseen > self.patience:
            raise StoppedError
        self.told = (stage, int(done), int(total))  # of numpy, it may be

    def stop(self) -> None:
        """Let the work end where it next tells its progress."""
        self._stopped = True

    @contextmanager
    def looked_at(self) -> Any:
        """While somebody looks, the work goes on."""
        self._looking += 1
        try:
            yield
        finally:
            self._looking -= 1
            self._seen = time.monotonic()

    def to_dict(self) -> dict[str, Any]:
        """What it does: ``stage``, ``done`` of ``total`` (0 where that is not known), and ``seconds`` so far."""
        stage, done, total = self.told
        return {"stage": stage, "done": done, "total": total, "seconds": round(time.monotonic() - self._began, 1)}

    async def states(self) -> AsyncIterator[dict[str, Any]]:
        """:meth:`to_dict`, again and again until it is finished."""
        with self.looked_at():
            while not self.finished.is_set():
                yield self.to_dict()
                try:
                    await asyncio.wait_for(self.finished.wait(), LOOK)
                except TimeoutError:
                    continue


class Jobs:
    """The long work of a server, by keys.

    Parameters
    ----------
    gate : Gate
        Where it is done.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, key: str) -> Job | None:
        """The job of a key, as long as it is kept."""
        job = self._jobs.get(key)
        if job is not None:
            self._jobs.move_to_end(key)
        return job

    def forget(self, key: str) -> None:
        """Begin it anew when it is asked for again."""
        self._jobs.pop(key, None)

    def start(
        self,
        key: str,
        title: str,
        work: Callable[[Progress], Any],
        *,
        after: Callable[[], None] = lambda: None,
        patience: float = 60.0,
    ) -> Job:
        """Begin, or wait for a place; `after` is called when the work ended, whichever way.

        Raises
        ------
        BusyError
            When nothing more may wait.
        """
        self.gate.check()
        job = self._jobs[key] = Job(title, patience)
        task = asyncio.create_task(self._run(job, work, after))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._forget()
        return job

    def close(self) -> None:
        """End what runs."""
        for job in self._jobs.values():
            job.stop()

    async def _run(self, job: Job, work: Callable[[Progress], Any], after: Callable[[], None]) -> None:
        def done() -> Any:
            job.progress("beginning", 0, 0)
            return work(job.progress)

        try:
            job.result = await self.gate.run(done)
        except CovsearchError as e:
            job.failed = e
        except BaseException:
            job.failed = CovsearchError("something went wrong here; the server's log says what")
            raise
        finally:
            after()
            job.finished.set()

    def _forget(self) -> None:
        """The longest unasked that are finished."""
        for key in [key for key, job in self._jobs.items() if job.finished.is_set()][: len(self._jobs) - MOST]:
            del self._jobs[key]
