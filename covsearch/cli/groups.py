"""``covsearch groups`` and its corrections."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covsearch import api
from covsearch.cli.completion import complete_id
from covsearch.cli.options import PATH, STORE, NewFile
from covsearch.cli.shown import fitted, say, shown
from covsearch.corrections.table import COLUMNS
from covsearch.counting import counted
from covsearch.durable import replace_text
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covsearch.corrections.correction import Correction
    from covsearch.groups import Group, Groups

CAPTION = "Listed: works in the metadata · Probability: each member has at least this of being a version of another"
_SPARE = ("Recordings", "Listed", "Pairs linked")  # left out of a narrow table, in this order
_LISTED = 5  # pairs that the table names, of either kind
ALARMS = click.option("--alarms", default=0.01, show_default=True, help="Share of false alarms, 0.0001 to 0.05.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print what was said as JSON.")


@click.group(invoke_without_command=True)
@ALARMS
@click.option("--csv", "csv_file", type=NewFile(), help="Write all members as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@STORE
@click.pass_context
def groups(ctx: click.Context, alarms: float, csv_file: Path | None, as_json: bool) -> None:
    """Find all works in the index: the performances that are versions of each other, from the music alone.

    Every performance is aligned with its nearest. A pair is linked when it is further above chance than all but a
    share --alarms of the performances without a version get by chance. Two groups are joined when a pair of them is
    linked and all their pairs are, on average, half as far above chance. The same recordings are told from versions.

    A group is called after its first performance. A member's probability is that of its surest link. Where works are
    listed, the last lines say which pairs the metadata list and the music does not show, and the other way round.

    What is wrong can be corrected. Corrections are certain: groups keep to them, and query, compare, find and stats
    take the works from them. They are kept through every build and update.

    \b
    covsearch groups
    covsearch groups --alarms 0.05 --csv groups.csv
    covsearch groups accept P_1                 the group of P_1 is right
    covsearch groups split P_16                 P_16 does not belong to its group
    covsearch groups read groups.csv            take corrections from an edited table
    covsearch groups undo                       take the last correction back
    """
    if ctx.invoked_subcommand:
        return
    with stderr_progress() as progress:
        found = api.Index(ctx.obj).groups(alarms, progress)
    if csv_file:
        replace_text(csv_file, _csv(found))
        click.echo(f"wrote {csv_file}", err=True)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _show(found)


@groups.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=complete_id)
@ALARMS
@JSON
@click.pass_obj
def accept(workspace: Workspace, ids: tuple[str, ...], alarms: float, as_json: bool) -> None:
    """Say that performances are versions of one work.

    One ID stands for the whole group that it is found in; several stand for themselves.

    \b
    covsearch groups accept P_1
    covsearch groups accept P_1 P_2 P_30
    """
    with stderr_progress() as progress:
        _say(api.Index(workspace).corrections.accept(*ids, alarms=alarms, progress=progress), as_json)


@groups.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=complete_id)
@click.option("--from", "others", multiple=True, metavar="ID", help="Split from this one; may come again.")
@ALARMS
@JSON
@click.pass_obj
def split(workspace: Workspace, ids: tuple[str, ...], others: tuple[str, ...], alarms: float, as_json: bool) -> None:
    """Say that performances are not versions of each other.

    One ID is split from the others of the group that it is found in, or of its work where it is in no group. Of several
    no two are versions of each other.

    \b
    covsearch groups split P_16
    covsearch groups split P_1 P_30
    covsearch groups split P_16 P_17 --from P_1
    """
    with stderr_progress() as progress:
        found = api.Index(workspace).corrections.split(*ids, others=others, alarms=alarms, progress=progress)
    _say(found, as_json)


@groups.command()
@click.argument("a", shell_complete=complete_id)
@click.argument("b", shell_complete=complete_id)
@ALARMS
@JSON
@click.pass_obj
def merge(workspace: Workspace, a: str, b: str, alarms: float, as_json: bool) -> None:
    """Say that the groups of performances A and B are of one work.

    \b
    covsearch groups merge P_1 P_30
    """
    with stderr_progress() as progress:
        _say(api.Index(workspace).corrections.merge(a, b, alarms=alarms, progress=progress), as_json)


@groups.command()
@click.argument("file", type=PATH)
@JSON
@click.pass_obj
def read(workspace: Workspace, file: Path, as_json: bool) -> None:
    """Take corrections from FILE, a table that `covsearch groups --csv` wrote and a person edited.

    Edit the column `group`, and leave `found` as it is. Rows of one group are versions of one work. Rows that were
    found in one group and are in two now are not versions of each other. An empty group means a version of none of
    those. Remove the rows of which you want to say nothing.

    \b
    covsearch groups --csv groups.csv
    covsearch groups read groups.csv
    """
    _say(api.Index(workspace).corrections.read(file), as_json)


@groups.command()
@click.argument("number", type=int, required=False)
@JSON
@click.pass_obj
def undo(workspace: Workspace, number: int | None, as_json: bool) -> None:
    """Take back the last correction, or the one with this NUMBER.

    \b
    covsearch groups undo
    covsearch groups undo 3
    """
    _say(api.Index(workspace).corrections.undo(number), as_json, "Taken back: correction")


@groups.command()
@JSON
@click.pass_obj
def corrections(workspace: Workspace, as_json: bool) -> None:
    """List the corrections that hold, the first one first."""
    said = api.Index(workspace).corrections
    if as_json:
        click.echo(json.dumps(said.to_dict(), indent=2))
        return
    for correction in said:
        click.echo(fitted(shown(f"{correction.number}  {correction.when[:10]}  {correction.sentence}"), 15))
    if not len(said):
        click.echo("no corrections")
    _tell_ignored(said.ignored)


def _say(correction: Correction, as_json: bool, what: str = "Correction") -> None:
    values = {**correction.to_dict(), "sentence": correction.sentence}
    told = f"{what} {correction.number}: {correction.sentence}"
    click.echo(json.dumps(values, indent=2) if as_json else fitted(shown(told)))


def _tell_ignored(ids: Sequence[str]) -> None:
    """Say on stderr which performances of corrections are not there."""
    if ids:
        named = ", ".join(ids[:_LISTED]) + (" and more" if len(ids) > _LISTED else "")
        held = f"{counted(len(ids), 'performance')} of corrections {'is' if len(ids) == 1 else 'are'} not in the index"
        say(f"{held}, kept and ignored: {named}")


def _csv(found: Groups) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for group in found:
        for m in group.members:
            told = (m.performance.pid, m.performance.title, m.performance.artist, _four(m.cover_probability), m.kind)
            writer.writerow((group.name, *told, group.name))
    return text.getvalue()


def _show(found: Groups) -> None:
    from covsearch.cli.tables import plain, stdout, table

    console, agreement = stdout(), found.agreement
    held = f"{counted(len(found), 'group')} of {found.grouped:,}" if found else "no group"
    among = f"{held} among {counted(found.performances, 'performance')}, at {found.alarms:.1%} false alarms"
    _tell_ignored(found.ignored)
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
    return group.name, *told, group.linked, "accepted" if group.accepted else _four(group.cover_probability)


def _four(probability: float | None) -> str:
    """With four decimals; empty where it is not known."""
    return "" if probability is None else f"{probability:.4f}"


def _pairs(what: str, pairs: Sequence[tuple[str, str]]) -> str:
    named = ", ".join(f"{a} and {b}" for a, b in pairs[:_LISTED])
    more = " and more" if len(pairs) > _LISTED else ""
    return f"pairs {what}: {len(pairs):,}{f' ({named}{more})' if named else ''}"
