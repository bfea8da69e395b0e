"""``covsearch stats``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from covsearch.cli.build import key_in_words
from covsearch.cli.options import STORE
from covsearch.counting import counted, in_works
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.stats import Stats


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@STORE
@click.pass_obj
def stats(workspace: Workspace, as_json: bool) -> None:
    """Say what is in the workspace: performances, works, pairs of covers, model, features, sizes on disk.

    \b
    covsearch stats
    covsearch --home ~/covers stats --json
    """
    from covsearch.stats import read_stats

    found = read_stats(workspace)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    from covsearch.cli.tables import fact, stdout

    for name, value in _facts(found):
        stdout().print(fact(name, value, 13), soft_wrap=True)


def _facts(found: Stats) -> Iterator[tuple[str, str]]:
    m = found.manifest
    yield "workspace", found.home
    if found.place != found.home:
        yield "store", found.place
    yield "generation", f"{found.generation}, built {m.created} by covsearch {m.covsearch}"
    rate = "" if m.frame_rate is None else f", {m.frame_rate:.2f} frames/s"
    yield "dataset", f"{m.source or 'the bundled sample'}, collection {m.subset}{rate}"
    yield "performances", _performances(found)
    for name, (performances, works) in found.collections.items() if len(found.collections) > 1 else ():
        yield "collection", f"{name}: {in_works(performances, works)}"
    yield "cover pairs", f"{found.cover_pairs:,}"
    yield from _model(found)
    if not found.exact:
        yield "search", "approximate: the vectors are too many to look at all of them; a near one may be missed"
    for name, size in found.bytes_of.items():
        yield name, f"{size / 1e6:,.1f} MB{' (current)' if name == found.generation else ''}"


def _performances(found: Stats) -> str:
    if not found.works:
        return f"{found.manifest.count:,} of unknown works"
    works, known = sum(found.works.values()), sum(size * count for size, count in found.works.items())
    unknown = f"; of {found.manifest.count - known:,} the work is unknown" if known < found.manifest.count else ""
    return f"{known:,} of {counted(works, 'work')}, {found.alone:,} with one performance only{unknown}"


def _model(found: Stats) -> Iterator[tuple[str, str]]:
    m, f = found.manifest, found.manifest.features
    if f is None:
        several = f", {counted(found.segments, 'segment')}" if found.segments else ""
        yield "vectors", f"foreign ({m.model}), of {m.dim:,} numbers{several}; ranked by cosine"
        return
    rate = f", {f.rate:.2f} frames/s" if f.rate else ""
    yield "model", f"{m.model} sees {f.features}{rate}, at most {f.frames:,} frames, {key_in_words(f)}"
    yield "windows", _windows(found)


def _windows(found: Stats) -> str:
    recipe = found.manifest.windows
    if found.windows is None or recipe is None:
        return "none; `covsearch build-index --windows` adds them"
    return f"{found.windows:,} of {recipe.seconds:.0f} s, one every {recipe.hop / recipe.rate:.0f} s"
