"""``covsearch extract``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covsearch.cli.build import skipped_lines, unused_lines
from covsearch.cli.options import METADATA, PATH
from covsearch.cli.shown import fitted
from covsearch.counting import counted
from covsearch.progress import stderr_progress

if TYPE_CHECKING:
    from covsearch.collections.extract import ExtractReport


@click.command()
@click.argument("folder", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder for the features.")
@METADATA
@click.option("--scheduler", help="Dask scheduler whose workers do the work: tcp://host:8786 (extra 'dask').")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, every skipped file listed.")
def extract(folder: Path, out: Path, metadata: Path | None, scheduler: str | None, as_json: bool) -> None:
    """Write HPCP features of a FOLDER of audio as HDF5 files in Da-TACOS's layout, at 86.13 frames a second.

    Works are named by tags or --metadata; where neither does, the work is unknown. Files that are named as of one work
    later, are put together by another run. Which performance is which file says
    OUT/NAME_files.csv. Run the command again to go on after an interruption, or with new files. A file that cannot be
    read is listed in OUT/NAME_quarantine.jsonl; it is tried again when it has changed.

    \b
    covsearch extract ~/Music --out features/
    covsearch build-index features/
    """
    from covsearch.collections.extract import extract_folder

    with stderr_progress() as progress:
        report = extract_folder(folder, out, metadata=metadata, scheduler=scheduler, progress=progress)
    click.echo(json.dumps(dataclasses.asdict(report), indent=2) if as_json else fitted(_told(report)))


def _told(report: ExtractReport) -> str:
    kept = f" {counted(report.kept, 'file')} had them already." if report.kept else ""
    done = f"Wrote features of {counted(report.extracted, 'file')} to {report.folder} in {report.seconds:.1f} s.{kept}"
    unused = unused_lines(report.unused_metadata)
    return "\n".join([done, *_unknown(report), *unused, *skipped_lines(report.skipped)])


def _unknown(report: ExtractReport) -> list[str]:
    """That nothing can be learned from files of unknown works, and how to name these."""
    if not (some := report.unknown_works):
        return []
    what = f"{counted(some, 'file')} of {report.extracted + report.kept:,}"
    return [f"Of {what} the work is unknown: no tag names it. A CSV does: --metadata, and the same command again."]
