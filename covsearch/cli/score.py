"""``covsearch score``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from covsearch.cli.options import PATH, REPORT_AS_JSON, SEED
from covsearch.cli.tables import plain, stdout, table
from covsearch.evaluate.cliques import PROTOCOLS
from covsearch.evaluate.distances import METRICS
from covsearch.evaluate.score_files import ScoreReport, score_files
from covsearch.progress import stderr_progress

_SPARE = ("median", "R@10", "P@10", "MRR", "NAR")  # left out of a narrow table, in this order


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--works", required=True, type=PATH, help="CSV with the column work, and id and source where known.")
@click.option("--metric", type=click.Choice(METRICS), help="The files hold vectors; compare them so.")
@click.option("--similarity", is_flag=True, help="The files hold similarities: high = cover.")
@click.option("--protocol", type=click.Choice(sorted(PROTOCOLS)), help="Refuse works that are not this benchmark's.")
@SEED
@REPORT_AS_JSON
def score(files: tuple[Path, ...], works: Path, as_json: bool, **options: Any) -> None:
    """Judge anybody's distances or vectors as a search for versions; compare several systems.

    A file is .npy, .npz or .safetensors: distances (N, N) with row = query and low = cover, or with --metric vectors
    (N, D). The CSV says the work of each row, by id where the file has ids, else in the order of the rows.

    Every performance whose work has another one is a query; the others are only searched. Ties count against the
    system. The 95 % intervals come from resampling works. Two systems or more are compared by MAP in a paired
    randomisation test over works, with Holm's correction. docs/score.md defines every figure.

    \b
    covsearch score distances.npy --works works.csv
    covsearch score mine.npz other.npz --metric cosine --works works.csv --json
    covsearch score distances.npy --works works.csv --protocol datacos
    """
    with stderr_progress() as progress:
        report = score_files(files, works, progress=progress, **options)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=1))
    else:
        _show(report)
    for line in report.notes:
        click.echo(line, err=True)


def _show(report: ScoreReport) -> None:
    console, (first, *others) = stdout(), report.columns
    console.print(plain(report.heading))
    columns = [first, *(f">{name}" for name in others)]
    console.print(table(columns, (one.row() for one in report.rows), caption=report.caption, spare=_SPARE))
    groups = report.group_rows()
    if groups:
        console.print(table(("queries of", "system", *(f">{name}" for name in report.group_columns)), groups))
    if report.differences:
        cells = (one.row() for one in report.differences)
        console.print(table(("MAP of", "less that of", ">difference [95 % CI]", ">p", ">p, Holm"), cells))
