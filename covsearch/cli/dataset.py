"""``covsearch dataset``: look into a Da-TACOS folder."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from covsearch.cli.options import PATH, SUBSET, NamedPath
from covsearch.cli.tables import fact, plain, stdout, table
from covsearch.counting import counted
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.info import DatasetInfo, group_reasons, measure_dataset, spread
from covsearch.dataset.sample import sample_root
from covsearch.progress import Progress, stderr_progress

_EXAMPLES = 2  # paths shown of each reason; --json has all
_LENGTHS = ("min", "median", "mean", "max")


@click.group()
def dataset() -> None:
    """Look into a Da-TACOS folder."""


@dataset.command()
@click.argument("directory", metavar="[DIR]", type=PATH, required=False)
@SUBSET
@click.option("--frame-rate", type=float, help="Frames a second, for lengths in minutes.")
@click.option("--strict", is_flag=True, help="Stop at the first thing that would be skipped (exit code 4).")
@click.option("--check", is_flag=True, help="Read every value, not only the headers.")
@click.option("--plot", type=NamedPath(path_type=Path, file_okay=False), help="Draw Figures 1-3 into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def info(
    directory: Path | None,
    subset: str | None,
    frame_rate: float | None,
    strict: bool,
    check: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Say what is in DIR (default: the bundled sample): works, performances, features, lengths, what is skipped.

    \b
    covsearch dataset info da-tacos --subset benchmark
    covsearch dataset info da-tacos --check --strict      exit code 4 unless every file is sound
    covsearch dataset info da-tacos --plot figures        needs the extra 'plots'
    """
    found = open_dataset(directory or sample_root(), subset=subset, strict=strict, frame_rate=frame_rate)
    with stderr_progress() as progress:
        described = measure_dataset(found, check=check, strict=strict, progress=progress)
        drawn = _draw(described, plot, progress) if plot else []
    click.echo(json.dumps(described.to_dict(), indent=1)) if as_json else _print(described)
    for path in drawn:
        click.echo(f"drew {path}", err=True)


def _draw(described: DatasetInfo, folder: Path, progress: Progress) -> list[Path]:
    from covsearch.dataset.figures import draw_info  # matplotlib only when drawing

    return draw_info(described, folder, progress)


def _print(described: DatasetInfo) -> None:
    console, rate = stdout(), described.dataset.frame_rate
    for name, value in _facts(described):
        console.print(fact(name, value, 14), soft_wrap=True)
    rows = [row for name, lengths in described.lengths.items() for row in _length_rows(name, lengths, rate)]
    console.print(table(("feature", ">files", "length in", *(f">{name}" for name in _LENGTHS)), rows))
    known = "given or known" if described.dataset.rate_is_known else "assumed, see --frame-rate"
    console.print(plain(f"minutes at {rate:.2f} frames/s ({known}); lengths of {_source(described)}"))
    groups = group_reasons(described.skipped)
    console.print(plain(f"skipped: {len(described.skipped):,}" if groups else "skipped: nothing"))
    for reason, paths in groups:
        more = f", and {len(paths) - _EXAMPLES:,} more" if len(paths) > _EXAMPLES else ""
        console.print(fact(f"{len(paths):7,}", reason, 9), soft_wrap=True)
        console.print(plain(f"{'':9}{', '.join(paths[:_EXAMPLES])}{more}"), soft_wrap=True)


def _facts(described: DatasetInfo) -> list[tuple[str, str]]:
    found, years, (instrumental, known) = described.dataset, described.years, described.instrumental
    total = len(found.performances)
    span = f"{years[0]} to {years[-1]}, known of {counted(len(years), 'performance')}" if years else "unknown"
    return [
        ("folder", str(found.root)),
        ("subset", found.subset),
        ("metadata", str(found.metadata.relative_to(found.root)) if found.metadata else "none: no titles, no years"),
        ("works", f"{len(found.works):,}"),
        ("performances", f"{total:,}{_of_unknown(found)}"),
        (
            "clique sizes",
            ", ".join(f"{size} ({counted(works, 'work')})" for size, works in described.cliques.items()),
        ),
        ("years", span),
        ("instrumental", f"{instrumental:,} of {known:,} ({instrumental / known:.0%})" if known else "unknown"),
    ]


def _of_unknown(found: Dataset) -> str:
    others = sum(p.wid is None for p in found.performances.values())
    return f" ({others:,} of unknown works)" if others else ""


def _length_rows(name: str, lengths: NDArray[np.int64], frame_rate: float) -> list[list[str]]:
    frames = spread(lengths)
    shown = [f"{frames[key]:,.0f}" if frames else "" for key in _LENGTHS]
    minutes = [f"{frames[key] / frame_rate / 60:.2f}" if frames else "" for key in _LENGTHS]
    return [[name, f"{len(lengths):,}", "frames", *shown], ["", "", "minutes", *minutes]]


def _source(described: DatasetInfo) -> str:
    return "fully read files" if described.checked else "headers (--check reads every value)"
