"""``covsearch verify``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from covsearch.cli.options import STORE
from covsearch.counting import in_works
from covsearch.errors import ArtefactError
from covsearch.progress import patient, stderr_progress
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.verify import Verification, Verified


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything that was compared as JSON.")
@STORE
@click.pass_obj
def verify(workspace: Workspace, as_json: bool) -> None:
    """Read every file of the index, database included: is it what was built, and does it belong together?

    Compares each file with its size and SHA-256, ids with vectors, head, database and windows, and the weights with
    the model that the manifest names. Names the file that is wrong and the command that mends it.

    \b
    covsearch verify
    covsearch verify --json

    Exit code 0 when what queries are answered from is sound, 4 when it is not, 3 when there is no index. The
    generation before it is looked at too; nothing reads that one, so it is only warned of.
    """
    from covsearch.verify import verify_workspace

    with stderr_progress() as progress:
        found = verify_workspace(workspace, patient(progress))
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _show(found)
    for other in found.others:
        for problem in other.problems:
            click.echo(f"warning: {other.name} ({other.role}, queries do not read it): {problem}", err=True)
    if problems := found.current.problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ArtefactError(f"{problems[0]}{more}")


def _show(found: Verification) -> None:
    from covsearch.cli.tables import plain, stdout, table

    console = stdout()
    console.print(plain(_headline(found.current)))
    rows = ((c.what, None if c.size is None else f"{c.size:,}", _state(c.problem)) for c in found.current.checks)
    console.print(table(("Compared", ">Bytes", "State"), rows))
    for other in found.others:
        console.print(plain(_headline(other)))
    for command, why in zip(found.mend, ("to mend it:", "until then, to answer from the one before:"), strict=False):
        console.print(plain(f"{why} {command}"), soft_wrap=True)


def _headline(found: Verified) -> str:
    state = f"{len(found.problems)} wrong" if found.problems else "sound"
    m = found.manifest
    held = f" · {in_works(m.count, m.works)}, model {m.model}" if m else ""
    return f"{found.name} ({found.role}): {state}{held}"


def _state(problem: str | None) -> str:
    return "ok" if problem is None else "WRONG"
