"""``covsearch compare``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covsearch.api import Index
from covsearch.cli.completion import complete_id
from covsearch.cli.options import STORE, Drawing
from covsearch.cli.performances import headline, named_or_file, working
from covsearch.cli.shown import say
from covsearch.decision import word
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.compare import Comparison

_LISTED = 5  # pairs of windows that are shown


@click.command()
@click.argument("a", shell_complete=complete_id)
@click.argument("b", shell_complete=complete_id)
@click.option("--frame-rate", type=float, help="Frames a second of the HDF5 files [as they declare].")
@click.option("--plot", type=Drawing(path_type=Path), help="Draw the alignment: a .png or .svg file, or a folder.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, the aligned path in seconds.")
@STORE
@click.pass_obj
def compare_command(
    workspace: Workspace, a: str, b: str, frame_rate: float | None, plot: Path | None, as_json: bool
) -> None:
    """Say how likely A and B are covers, in which keys they are, and where they run together.

    Each is a performance of the index, or an audio or HDF5 file that need not be in any index. The cover probability
    and the decision are those that `query A` gives B; of a file, they are those where there is nothing else to find.
    The distance is the learned head's.

    Key and alignment come from chroma, as `query` aligns its best candidates, and the score is the one that `query`
    ranks by. The key is the one in which the mean chroma of both is most alike. Where a second key is close, the one of
    the two with the longer alignment counts. If a third aligns further, both are said. The alignment is the longest
    stretch in which one follows the other (Qmax); its score counts frames that agree, less what gaps cost. The picture
    shows every moment of A beside every moment of B, dark where they are alike. An index built with --windows adds
    which two-minute windows are each other's most alike.

    \b
    covsearch compare P_22 P_20
    covsearch compare P_22 P_20 --plot why.png
    covsearch compare P_22 P_20 --json
    covsearch compare a.mp3 b.mp3 --plot why.png
    """
    from covsearch import plots
    from covsearch.compare import compare

    if plot:
        plots.subplots()  # without matplotlib, stop before the work instead of after it
    a, b = (named_or_file(partial(Index, workspace), side) for side in (a, b))
    with working("comparing", True):
        found = compare(workspace, a, b, frame_rate)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _show(found)
    if not found.passages and found.a.collection and found.b.collection:
        say("the index has no windows: `covsearch build-index --windows` adds which of them match")
    if plot:
        click.echo(f"drew {found.plot(plot)}", err=True)


def _show(found: Comparison) -> None:
    from covsearch.cli.tables import fact, plain, stdout

    console = stdout()
    console.print(plain(headline(found.a)))
    console.print(plain(headline(found.b)))
    console.print()
    for name, value in _facts(found):
        console.print(fact(name, value, 11), soft_wrap=True)


def _facts(found: Comparison) -> Iterator[tuple[str, str]]:
    from covsearch.plots import clock

    known = {True: "listed as versions of one work", False: "not listed as versions of one work", None: "work unknown"}
    likely = f"{found.cover_probability:.4f}, {'above' if found.predicted else 'not above'} {found.threshold:.3f}"
    yield "cover", f"{likely}: {word(found.predicted, found.same_recording)} ({known[found.listed]})"
    yield "distance", f"{found.distance:z.3f}"
    yield "key", found.key
    yield "together", found.together
    for n, passage in enumerate(found.passages[:_LISTED]):
        total = f", all in all {found.similarity:z.3f}" if n == 0 else ""
        yield "" if n else "windows", f"{clock(passage.a)} ↔ {clock(passage.b)}: {passage.cosine:z.3f}{total}"
