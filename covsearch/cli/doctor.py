"""``covsearch doctor``."""

from __future__ import annotations

import json

import click

from covsearch.cli.shown import fitted
from covsearch.errors import ArtefactError
from covsearch.progress import patient, stderr_progress
from covsearch.workspace import Workspace


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
@click.pass_obj
def doctor(workspace: Workspace, as_json: bool) -> None:
    """Say what this installation runs on, and whether the workspace is sound; made to be pasted into a bug report.

    \b
    covsearch doctor
    covsearch doctor > report.txt

    Needs no index. Exit code 4 when there is one and `covsearch verify` refuses it, else 0.
    """
    from covsearch.doctor import diagnose

    with stderr_progress() as progress:
        found = diagnose(workspace, patient(progress))
    if as_json:
        click.echo(json.dumps({"sections": found.sections, "problems": found.problems}, indent=2))
    else:
        for heading, section in found.sections.items():
            lines = (fitted(f"  {name}: {text}", 4) for name, text in section.items())
            click.echo("\n".join([heading, *lines]))
    if found.problems:
        raise ArtefactError(found.problems[0])
