"""``covsearch groups``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covsearch import api
from covsearch.cli.options import STORE
from covsearch.counting import counted
from covsearch.durable import replace_text
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covsearch.groups import Group, Groups

COLUMNS = ("group", "id", "title", "artist", "probability", "kind")
CAPTION = "Listed: works in the metadata · Probability: each member has at least this of being a version of another"
_SPARE = ("Recordings", "Listed", "Pairs linked")  # left out of a narrow table, in this order
_LISTED = 5  # pairs that the table names, of either kind


@click.command()
@click.option("--alarms", default=0.01, show_default=True, help="Share of false alarms, at most 0.05.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write all members as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@STORE
@click.pass_obj
def groups(workspace: Workspace, alarms: float, csv_file: Path | None, as_json: bool) -> None:
    """Find all works in the index: the performances that are versions of each other, from the music alone.

    Every performance is aligned with its nearest. A pair is linked when it is further above chance than all but a
    share --alarms of the performances without a version get by chance. Two groups are joined when a pair of them is
    linked and all their pairs are, on average, half as far above chance. The same recordings are told from versions.

    A group is called after its first performance. A member's probability is that of its surest link. Where works are
    listed, the last lines say which pairs the metadata list and the music does not show, and the other way round.

    \b
    covsearch groups
    covsearch groups --alarms 0.05 --csv groups.csv
    """
    with stderr_progress() as progress:
        found = api.Index(workspace).groups(alarms, progress)
    if csv_file:
        replace_text(csv_file, _csv(found))
        click.echo(f"wrote {csv_file}", err=True)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _show(found)


def _csv(found: Groups) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for group in found:
        for m in group.members:
            told = (m.performance.pid, m.performance.title, m.performance.artist, f"{m.probability:.4f}", m.kind)
            writer.writerow((group.name, *told))
    return text.getvalue()


def _show(found: Groups) -> None:
    from covsearch.cli.tables import plain, stdout, table

    console, agreement = stdout(), found.agreement
    held = f"{counted(len(found), 'group')} of {found.grouped:,}" if found else "no group"
    among = f"{held} among {counted(found.performances, 'performance')}, at {found.alarms:.1%} false alarms"
    console.print(plain(among[0].upper() + among[1:]))
    if found:
        columns = ("Group", ">Size", ">Recordings", "Titles", "Listed", ">Pairs linked", ">Probability")
        console.print(table(columns, map(_row, found), caption=CAPTION, spare=_SPARE))
    if not (agreement.agreed or agreement.not_found or agreement.not_listed):
        console.print(plain("the metadata list nothing to compare the groups with"))
        return
    console.print(plain(f"pairs listed and found: {agreement.agreed:,}"))
    console.print(plain(_pairs("listed, not found", agreement.not_found)))
    console.print(plain(_pairs("found, not listed", agreement.not_listed)))


def _row(group: Group) -> tuple[object, ...]:
    titles = dict.fromkeys(m.performance.title for m in group.members if m.performance.title)
    told = (len(group.members), group.versions, " / ".join(titles), ", ".join(group.listed))
    return group.name, *told, group.linked, f"{group.probability:.4f}"


def _pairs(what: str, pairs: Sequence[tuple[str, str]]) -> str:
    named = ", ".join(f"{a} and {b}" for a, b in pairs[:_LISTED])
    more = " and more" if len(pairs) > _LISTED else ""
    return f"pairs {what}: {len(pairs):,}{f' ({named}{more})' if named else ''}"
