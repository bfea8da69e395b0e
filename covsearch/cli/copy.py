"""``covsearch copy``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from covsearch.counting import in_works
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace, expanded


@click.command("copy")
@click.option("--from", "source", metavar="PLACE", help="Folder of a workspace, or URL of a database [this workspace].")
@click.option("--to", "target", metavar="PLACE", required=True, help="Where the index is to be too, in the same way.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def copy_command(workspace: Workspace, source: str | None, target: str, as_json: bool) -> None:
    """Copy the index from one store to another: from a folder to a database, and back.

    All of the copy is compared with the index. A copy that was stopped goes on where it was: what was fetched is kept
    in HOME/cache until it is published. Both indexes stay, and neither knows of the other.

    \b
    covsearch copy --to postgresql://covsearch@localhost/covers
    covsearch copy --from postgresql://covsearch@localhost/covers --to ~/covers
    """
    from covsearch.copying import copy_index

    old = workspace if source is None else _place(workspace, source)
    with stderr_progress() as progress:
        report = copy_index(old, _place(workspace, target), workspace.cache, progress)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(report), indent=2))
        return
    again = f", {report.resumed:,} of them fetched before" if report.resumed else ""
    held = in_works(report.performances, report.works)
    click.echo(f"Copied {held}{again}, in {report.seconds:.1f} s.")
    click.echo(f"{report.generation} in {report.target} is {report.source}")


def _place(workspace: Workspace, text: str) -> Workspace:
    """The store that `text` names: a URL, or a folder."""
    return workspace.with_store(text) if "://" in text else Workspace(expanded(Path(text)).absolute())
