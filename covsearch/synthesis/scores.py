"""Songs from music21's corpus, without any that the bundled sample judges models by."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from covsearch.dataset.sample import sample_root, sample_split
from covsearch.progress import Progress, silent
from covsearch.synthesis.chords import estimate_chords
from covsearch.synthesis.corpus import FOLDERS, load
from covsearch.synthesis.held_out import HeldOutSongs
from covsearch.synthesis.setting import Setting, base_tempo
from covsearch.synthesis.song import HIGH, LOW, MELODY, STEPS_A_BEAT, Song, on_grid

_SHORTEST, _LONGEST = 64, 4000  # steps: four bars to a quarter of an hour
_FEWEST_NOTES = 20
_BARS = {"6/8": 12, "9/8": 18, "12/8": 24, "3/4": 12, "3/8": 6, "2/4": 8, "4/4": 16, "2/2": 16, "3/2": 24, "6/4": 24}


def corpus_songs(cache: Path, progress: Progress = silent) -> dict[str, list[Song]]:
    """Bach's chorales and the tunes of O'Neill, Ryan and Aird as songs.

    Left out is every setting that belongs to a validation or test work of the bundled sample, bears the title of
    one, or shares more than a quarter of its runs of seven intervals with one.

    Parameters
    ----------
    cache : Path
        Folder that keeps what was parsed, as JSON; parsing takes ten minutes once.
    progress : Progress

    Returns
    -------
    dict
        ``chorales`` and ``tunes`` -> songs.

    Raises
    ------
    MissingExtraError
        Without music21.
    """
    settings = load(cache / "music21", progress=progress)
    allowed = without_held_out(settings, held_out_ids())
    songs: dict[str, list[Song]] = {"chorales": [], "tunes": []}
    for done, setting in enumerate(allowed, 1):
        if (song := setting_song(setting)) is not None:
            songs["chorales" if setting.kind == "chorale" else "tunes"].append(song)
        progress("estimating chords", done, len(allowed))
    return songs


def held_out_ids() -> set[str]:
    """Source ids, like ``bach/bwv344``, of the performances of the bundled sample's validation and test works."""
    part = sample_split().part_of()
    with (sample_root() / "renderings.csv").open(encoding="utf-8", newline="") as file:
        return {source_id(row) for row in csv.DictReader(file) if part[row["wid"]] != "train"}


def source_id(row: dict[str, str]) -> str:
    """Which setting a row of the sample's ``renderings.csv`` is a rendering of: ``oneill/630``."""
    file = Path(row["source_file"])
    collection = next(name for name, folder in FOLDERS.items() if file.parts[0] == folder)
    if collection in ("bach", "ryan"):
        return f"{collection}/{file.stem}"
    book = re.sub(r"\D", "", file.stem) if collection == "aird" else ""
    return f"{collection}/" + f"{book}/{row['number']}".lstrip("/")


def without_held_out(settings: Sequence[Setting], held_out: set[str]) -> list[Setting]:
    """The settings that neither are held out nor look like one that is: by title, or by a quarter of the melody.

    Parameters
    ----------
    settings : sequence of Setting
    held_out : set of str
        Source ids.
    """
    withheld = [setting for setting in settings if setting.source_id in held_out]
    known = HeldOutSongs([title for one in withheld for title in one.titles], [one.pitches for one in withheld])
    return [
        setting
        for setting in settings
        if setting.source_id not in held_out and not known.reason(setting.titles, setting.pitches)
    ]


def setting_song(setting: Setting) -> Song | None:
    """A setting as a song: the top part is the melody, the lowest of several the bass; None where it is too short."""
    steps = int(np.ceil(setting.quarters)) * STEPS_A_BEAT
    if not _SHORTEST <= steps <= _LONGEST:
        return None
    rows = np.array([(*note, part) for part, notes in enumerate(setting.parts) for note in notes])
    lowest = len(setting.parts) - 1
    layer = np.where(rows[:, 3] == 0, MELODY, np.where(rows[:, 3] == lowest, LOW, HIGH))
    start, end = rows[:, 0] * STEPS_A_BEAT, (rows[:, 0] + rows[:, 1]) * STEPS_A_BEAT
    notes = on_grid(start, end, rows[:, 2].astype(np.int64), np.full(len(rows), 0.8), layer, steps)
    if len(notes) < _FEWEST_NOTES:
        return None
    bar = _BARS.get(setting.bar, 16)
    return Song(setting.source_id, steps, 60 / base_tempo(setting), bar, notes, estimate_chords(notes, steps))
