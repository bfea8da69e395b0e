"""How the evaluation commands answer: JSON or a table on stdout, notes on stderr."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import click

from covsearch.cli.tables import stdout, table


class ReportRow(Protocol):
    """One row of a report."""

    def row(self) -> Sequence[object]:
        """Its cells, the name first."""


class Report(Protocol):
    """What every evaluation ends with."""

    @property
    def systems(self) -> Sequence[ReportRow]:
        """The model and the baselines."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know."""

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for :func:`json.dumps`."""


def show_report(
    report: Report,
    *,
    as_json: bool,
    heading: str,
    columns: Sequence[str],
    caption: str,
    drawn: Sequence[Path],
    below: Sequence[str] = (),
) -> None:
    """Print `report`; the first of `columns` holds names, the others numbers; `below` are lines under the table."""
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=1))
    else:
        console = stdout()
        console.print(heading)
        aligned = [columns[0], *(f">{name}" for name in columns[1:])]
        console.print(table(aligned, (system.row() for system in report.systems), caption=caption))
        for line in below:
            console.print(line)
    for line in (*report.notes, *(f"drew {path}" for path in drawn)):
        click.echo(line, err=True)
