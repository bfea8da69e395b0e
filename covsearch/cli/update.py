"""``covsearch add``, ``covsearch update`` and ``covsearch remove``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covsearch import api
from covsearch.cli.build import skipped_lines, unused_lines
from covsearch.cli.completion import complete_id
from covsearch.cli.options import METADATA, PATH, STORE
from covsearch.cli.shown import fitted, say
from covsearch.counting import counted, in_works
from covsearch.dataset.ids import in_words
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.refresh import UpdateReport
    from covsearch.update import AddReport, RemoveReport

_LISTED = 10  # PIDs that a summary names


@click.command()
@click.argument("paths", nargs=-1, type=PATH)
@click.option("--subset", help="Which subset, when a folder holds several.")
@click.option("--frame-rate", type=float, help="Frames a second of the files [as they declare].")
@click.option("--vectors", type=PATH, help="Add vectors of your own to an index of such: .npz, .npy, .safetensors.")
@METADATA
@click.option("--strict", is_flag=True, help="Stop at the first performance of a folder that cannot be added.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, everything listed.")
@STORE
@click.pass_obj
def add(workspace: Workspace, /, paths: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Add audio, or Da-TACOS features, to the index, embedded with the index's own model.

    Nothing is trained, and nothing else in the index changes. PATHS are folders and files. Of audio, the id is the path
    from its collection's folder: a folder that was indexed before, else the folder given, or the one a file is in.
    Titles, artists, albums, years and works come from tags.

    Feature files are called as Da-TACOS calls them, since that says
    of which work and performance they are; a model that sees several features needs one file each. Titles come from
    the metadata JSON of the folder, or beside a file's; the CSV of --metadata goes before it. What cannot be read is
    skipped in a folder, and refused as a file. Adding what is there already changes nothing; what is there with
    another file or other metadata is refused.

    A collection has the name of its subset. Two of different names may have the same ids: `sample:P_5` is then P_5 of
    the sample. Works of two collections are never the same work. A file in no dataset's folder is of the collection
    that the index was built from.

    \b
    covsearch add song.flac more/
    covsearch add my-features/
    covsearch add da-tacos/da-tacos_benchmark_subset_hpcp/W_14_hpcp/P_15_hpcp.h5
    covsearch add new/W_7_hpcp/P_900001_hpcp.h5 new/W_7_hpcp/P_900002_hpcp.h5 --frame-rate 21.5
    covsearch add --vectors more.npz --metadata tracks.csv

    With --vectors the tracks of a file are added to an index of vectors of your own: of the same model, as many numbers
    each, and of the index's collection.
    """
    with stderr_progress() as progress:
        report = api.Index(workspace).add(*paths, progress=progress, **options)
    click.echo(json.dumps(dataclasses.asdict(report), indent=2) if as_json else fitted(_added(report)))


@click.command()
@click.argument("folder", type=PATH)
@METADATA
@click.option("--strict", is_flag=True, help="Stop at the first file that cannot be read.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, everything listed.")
@STORE
@click.pass_obj
def update(workspace: Workspace, folder: Path, metadata: Path | None, strict: bool, as_json: bool) -> None:
    """Bring the index up to date with a FOLDER of audio: add what is new, remove what is gone, read again what changed.

    A file with another name or other tags is not decoded again, and corrections follow it. The command may be stopped
    at any time, and goes on where it was. A file or folder that cannot be read any more is listed, and stays in the
    index as it was. So does a folder that is empty now: delete it to have its music removed.

    \b
    covsearch update ~/Music
    covsearch update ~/Music --metadata works.csv
    """
    with stderr_progress() as progress:
        report = api.Index(workspace).update(folder, metadata=metadata, strict=strict, progress=progress)
    click.echo(json.dumps(dataclasses.asdict(report), indent=2) if as_json else fitted(_updated(report)))


@click.command()
@click.argument("pids", nargs=-1, required=True, metavar="PID...", shell_complete=complete_id)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@STORE
@click.pass_obj
def remove(workspace: Workspace, pids: tuple[str, ...], as_json: bool) -> None:
    """Remove the performances PID from the index; their files stay where they are.

    Those that are not in the index are named and are no failure, so that removing twice does no harm. The last one
    cannot be removed.

    \b
    covsearch remove P_22
    covsearch remove P_22 P_23 --json
    covsearch remove sample:P_5
    """
    report = api.Index(workspace).remove(*pids)
    click.echo(json.dumps(dataclasses.asdict(report), indent=2) if as_json else fitted(_removed(report)))
    if report.not_there:
        say(f"not in the index: {_some(report.not_there)}")


def _added(report: AddReport) -> str:
    there = len(report.already_there)
    already = f"{there:,} {'was' if there == 1 else 'were'} there already." if there else ""
    if report.added:
        lines = [f"Added {_count(report.added)} in {report.seconds:.1f} s: {_some(report.added)}.", already]
    else:
        lines = [f"Nothing is new: {already}"]
    rates = " and ".join(f"{rate:.2f}" for rate in report.frame_rates)
    return "\n".join(
        [
            *filter(None, lines),
            *([f"Read at {rates} frames/s."] if rates else []),
            _holds(report),
            *unused_lines(report.unused_metadata),
            *skipped_lines(report.skipped),
        ]
    )


def _updated(report: UpdateReport) -> str:
    done = (("added", report.added), ("removed", report.removed), ("read again", report.reread))
    counts = [f"{what} {len(pids):,}" for what, pids in (*done, ("with other tags", report.retagged))]
    lines = [f"{', '.join(counts)}, unchanged {report.unchanged:,}, in {report.seconds:.1f} s.".capitalize()]
    lines += [f"  {what}: {_some(pids)}" for what, pids in done if pids]
    lines += _corrections(report)
    return "\n".join([*lines, _holds(report), *unused_lines(report.unused_metadata), *skipped_lines(report.skipped)])


def _corrections(report: UpdateReport) -> list[str]:
    """What became of corrections of files that are not there under the name that they had."""
    renamed = tuple(f"{in_words(old)} → {in_words(new)}" for old, new in report.followed)
    gone = report.uncorrected
    many = counted(len(gone), "performance that is gone", "performances that are gone")
    return [
        *([f"Corrections follow to other names: {_some(renamed)}."] if renamed else []),
        *([f"Corrections name {many}, and hold again when one is back under its id: {_some(gone)}."] if gone else []),
    ]


def _removed(report: RemoveReport) -> str:
    done = f"Removed {_count(report.removed)}: {_some(report.removed)}." if report.removed else "Nothing was removed."
    return f"{done}\n{_holds(report)}"


def _holds(report: AddReport | RemoveReport | UpdateReport) -> str:
    return f"{report.generation} holds {in_works(report.performances, report.works)}."


def _count(pids: tuple[str, ...]) -> str:
    return counted(len(pids), "performance")


def _some(pids: tuple[str, ...]) -> str:
    more = f" and {len(pids) - _LISTED:,} more" if len(pids) > _LISTED else ""
    return ", ".join(pids[:_LISTED]) + more
