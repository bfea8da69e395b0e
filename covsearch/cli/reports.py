"""How the evaluation commands answer: JSON or a table on stdout, notes on stderr."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from covsearch import plots
from covsearch.cli.shown import say
from covsearch.cli.tables import plain, stdout, table
from covsearch.progress import stderr_progress


class ReportRow(Protocol):
    """One row of a report."""

    def row(self) -> Sequence[object]:
        """Its cells, the name first."""


class Report(Protocol):
    """What every evaluation ends with."""

    @property
    def heading(self) -> str:
        """What was judged, in a few lines."""

    @property
    def columns(self) -> Sequence[str]:
        """What the cells of a row are called; the first holds names, the others numbers."""

    @property
    def rows(self) -> Sequence[ReportRow]:
        """The model and the baselines, or what else is judged."""

    @property
    def caption(self) -> str:
        """What stands under the table, in a few lines."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of the numbers must know."""

    def to_dict(self) -> dict[str, Any] | list[dict[str, Any]]:
        """Everything, ready for :func:`json.dumps`."""


R = TypeVar("R", bound=Report)


def evaluated(
    evaluate: Callable[..., R],
    draw: Callable[[R, Path], Sequence[Path]],
    as_json: bool,
    plot: Path | None,
    *given: Any,
    **options: Any,
) -> None:
    """Evaluate what is given, print the report, and draw it where `plot` says."""
    if plot:
        plots.subplots()  # without matplotlib, stop before the work instead of after it
    with stderr_progress() as progress:
        report = evaluate(*given, progress=progress, **options)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=1))
    else:
        console, (first, *others) = stdout(), report.columns
        for line in report.heading.splitlines():
            console.print(plain(line))
        cells = (one.row() for one in report.rows)
        columns, spare = [first, *(f">{name}" for name in others)], others[:0:-1]
        console.print(table(columns, cells, caption=report.caption, spare=spare))
    drawn = draw(report, plot) if plot else ()
    for line in (*report.notes, *(f"drew {path}" for path in drawn)):
        say(line)
