"""``covsearch setlist``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covsearch import api, durable
from covsearch.cli.options import PATH, STORE, NewFile
from covsearch.counting import counted
from covsearch.progress import patient, stderr_progress
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.setlist import Setlist, SetlistEntry

CAPTION = (
    "Cover ✓: a query for that stretch calls it a cover\n"
    "Key: semitones the recording is higher · Tempo: how many times as fast it is"
)

_SPARE = ("Tempo", "Key", "End")  # what a narrow terminal does without, the first first


@click.command()
@click.argument("recording", type=PATH)
@click.option("--frame-rate", type=float, help="Frames a second of an HDF5 file [as it declares].")
@click.option("--json", "as_json", is_flag=True, help="Print the setlist as JSON, times in seconds.")
@click.option("--csv", "csv_file", type=NewFile(), help="Write it as CSV (RFC 4180).")
@click.option("--cue", "cue_file", type=NewFile(), help="Write it as a CUE sheet.")
@STORE
@click.pass_obj
def setlist_command(
    workspace: Workspace,
    recording: Path,
    frame_rate: float | None,
    as_json: bool,
    csv_file: Path | None,
    cue_file: Path | None,
) -> None:
    """Say which performances of the index are played in a long RECORDING, and from when to when.

    \b
    covsearch setlist concert.mp3
    covsearch setlist concert.h5 --csv songs.csv --cue concert.cue

    Windows of the recording ask the index. The performances that they find are aligned with the recording around
    them, which gives each a begin, an end, a key and a tempo. Then the whole recording is divided at once: each
    stretch is a performance or a gap, so that what is known of all of them fits best. At the end every stretch is
    asked for as `covsearch query` would; its cover probability is what that query says.

    A gap is where nothing of the index was found: applause, silence, or a song that the index does not have.
    """
    with stderr_progress() as progress:
        found = api.Index(workspace).setlist(recording, frame_rate=frame_rate, progress=patient(progress))
    sheets = {csv_file: found.to_csv, cue_file: found.to_cue}
    for path, text in sheets.items():
        if path is not None:
            durable.replace_text(path, text())
            click.echo(f"wrote {path}", err=True)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _show(found)


def _show(found: Setlist) -> None:
    from covsearch.cli.tables import mark, plain, stdout, table

    console = stdout()
    console.print(plain(f"{Path(found.file).name} · {counted(len(found.songs), 'song')} of the index found"))
    columns = (">Start", ">End", ">PID", "Title", "Artist", ">Probability", "Cover", ">Key", ">Tempo")
    caption = CAPTION.replace("✓", mark("✓"))
    console.print(table(columns, map(_row, found), caption=caption, spare=_SPARE))


def _row(entry: SetlistEntry) -> tuple[object, ...]:
    from covsearch.cli.tables import mark
    from covsearch.plots import clock

    times = (clock(entry.start), clock(entry.end))
    if entry.performance is None:
        return (*times, "", "(gap)", "", "", "", "", "")
    p = entry.performance
    judged = (f"{entry.cover_probability:.4f}", mark("✓") if entry.predicted else "")
    return (*times, p.pid, p.title, p.artist, *judged, f"{entry.semitones:+d}", f"{entry.tempo:.2f}")
