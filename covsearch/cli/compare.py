"""``covsearch compare``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covsearch import api
from covsearch.cli.performances import headline, working
from covsearch.decision import word
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.compare import Comparison

_LISTED = 5  # pairs of windows that are shown


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the alignment: a .png or .svg file, or a folder.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, the aligned path in seconds.")
@click.pass_obj
def compare_command(workspace: Workspace, a: str, b: str, plot: Path | None, as_json: bool) -> None:
    """Say how likely the performances A and B are covers, in which keys they are, and where they run together.

    The cover probability and the decision are those that `query A` gives B. The distance is the learned head's.
    Key and alignment come from the chroma in the index, as `query` aligns its best candidates, and the score is the
    one that `query` ranks by. The key is the one in which the mean chroma of both is most alike. Where a second key is
    close, the one of the two with the longer alignment counts. If a third aligns further, both are said. The alignment
    is the longest stretch in which one follows the other (Qmax); its score counts frames that agree, less what gaps
    cost. The picture shows every moment of A beside every moment of B, dark where they are alike. An index built with
    --windows adds which two-minute windows are each other's most alike.

    \b
    covsearch compare P_22 P_35
    covsearch compare P_22 P_35 --plot why.png
    covsearch compare P_22 P_35 --json
    """
    from covsearch import plots

    if plot:
        plots.subplots()  # without matplotlib, stop before the work instead of after it
    with working("comparing", True):
        found = api.Index(workspace).compare(a, b)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _show(found)
    if not found.passages:
        click.echo("the index has no windows: `covsearch build-index --windows` adds which of them match", err=True)
    if plot:
        click.echo(f"drew {found.plot(plot)}", err=True)


def _show(found: Comparison) -> None:
    from covsearch.cli.tables import plain, stdout

    console = stdout()
    console.print(plain(headline(found.a)))
    console.print(plain(headline(found.b)))
    console.print()
    for name, value in _facts(found):
        console.print(plain(f"{name:10} {value}"))


def _facts(found: Comparison) -> Iterator[tuple[str, str]]:
    from covsearch.plots import clock

    known = {True: "listed as versions of one work", False: "not listed as versions of one work", None: "work unknown"}
    likely = f"{found.cover_probability:.4f}, {'above' if found.predicted else 'not above'} {found.threshold:.3f}"
    yield "cover", f"{likely}: {word(found.predicted)} ({known[found.listed]})"
    yield "distance", f"{found.distance:z.3f}"
    yield "key", found.key
    yield "together", found.together
    for n, passage in enumerate(found.passages[:_LISTED]):
        total = f", all in all {found.similarity:.3f}" if n == 0 else ""
        yield "" if n else "windows", f"{clock(passage.a)} ↔ {clock(passage.b)}: {passage.cosine:.3f}{total}"
