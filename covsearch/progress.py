"""Progress of long work: the library counts, the command line draws it on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``, as often as is convenient; `stage` is a few words for a person.

What follows :data:`NOTE` in `stage` may change from call to call: ``reading audio · 3 failed``.
"""
NOTE = " · "
EVERY = 30.0
"""Seconds between two lines where stderr is no terminal."""
SOON = 1.0
"""Seconds of a stage before its speed is told: the first moments say nothing of it."""


Tell = Callable[[str], None]
"""Called as ``tell(line)`` with a line that a person should know of, though the work goes on."""


def unheard(line: str) -> None:
    """Tell nobody: the default of every library function that has something to tell."""


def silent(stage: str, done: int, total: int) -> None:
    """Show nothing: the default of every library function that reports progress."""


def patient(progress: Progress, seconds: float = 2.0) -> Progress:
    """`progress` that shows nothing before `seconds` have passed: for work that is mostly quick."""
    began = time.monotonic()

    def update(stage: str, done: int, total: int) -> None:
        if time.monotonic() - began >= seconds:
            progress(stage, done, total)

    return update


@contextmanager
def stderr_progress() -> Iterator[Progress]:
    """Bars on stderr, one a stage, as a :data:`Progress`; where stderr is no terminal, a line every 30 s."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lines(lambda line: print(line, file=sys.stderr, flush=True), EVERY)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    described, rate = TextColumn("{task.description}"), TextColumn("{task.fields[rate]}")
    columns = (described, BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}
        began: dict[str, float] = {}

        def update(stage: str, done: int, total: int) -> None:
            name = stage.split(NOTE)[0]
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total, rate="")
                began[name] = time.monotonic()
            a_second = _rate(done, time.monotonic() - began[name])
            bars.update(tasks[name], completed=done, total=total, description=stage, rate=a_second)

        yield update


def lines(write: Callable[[str], None], every: float = EVERY, now: Callable[[], float] = time.monotonic) -> Progress:
    """A :data:`Progress` that writes a line when `every` seconds have passed: done, speed, seconds left.

    Parameters
    ----------
    write : callable
        Takes a line.
    every : float
        Seconds.
    now : callable
        The clock, in seconds.
    """
    began: dict[str, float] = {}
    last = now()

    def update(stage: str, done: int, total: int) -> None:
        nonlocal last
        at = now()
        start = began.setdefault(stage.split(NOTE)[0], at)
        if at - last >= every and done and at - start >= SOON:
            last = at
            left = (at - start) * (total - done) / done
            write(f"{stage}: {done:,} of {total:,}, {_rate(done, at - start)}, about {left:,.0f} s left")

    return update


def _rate(done: int, seconds: float) -> str:
    return f"{done / seconds:,.1f}/s" if seconds >= SOON else ""
