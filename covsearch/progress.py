"""Progress of long work: the library counts, the command line draws it on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``, as often as is convenient; `stage` is a few words for a person."""


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
    """Bars on stderr, one a stage, as a :data:`Progress`; nothing when stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, object] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

        yield update
