"""What ``covsearch train --synthesize`` names: folders of MIDI files, and music21's corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from covsearch.errors import NotFoundError
from covsearch.progress import Progress, Tell, silent, unheard
from covsearch.synthesis.cover import CoverMaker
from covsearch.synthesis.midi import read_midi_folder
from covsearch.synthesis.scores import corpus_songs

CORPUS = "music21"
JOIN = " + "  # between the names of sources where they are one text


@dataclass(frozen=True, eq=False)
class SongCollection:
    """Songs of one kind, whose covers are told apart from each other in training.

    Attributes
    ----------
    name : str
        ``tunes``, or the folder's name.
    maker : CoverMaker
    refused : tuple of (Path, str)
        MIDI files that could not be read, and why.
    """

    name: str
    maker: CoverMaker
    refused: tuple[tuple[Path, str], ...] = ()

    @property
    def notes(self) -> int:
        """Of all songs."""
        return sum(len(song.notes) for song in self.maker.songs)


def source_names(text: str) -> list[str]:
    """The names of sources that :data:`JOIN` made one text of; none for an empty one."""
    return [name for name in text.split(JOIN) if name]


def open_collections(
    names: Sequence[str], cache: Path, progress: Progress = silent, tell: Tell = unheard
) -> list[SongCollection]:
    """Read every source.

    Parameters
    ----------
    names : sequence of str
        Folders of MIDI files, or ``music21`` for its corpus (where no folder is called so).
    cache : Path
        Keeps what takes long to parse.
    progress : Progress
    tell : Tell
        Hears of files that are left out.

    Raises
    ------
    NotFoundError
        When a folder is missing, or has no MIDI file that can be read.
    MissingExtraError
        Without the packages of the extra ``scores``.
    """
    found: list[SongCollection] = []
    for name in names:
        if name == CORPUS and not Path(name).is_dir():
            kinds = corpus_songs(cache, progress)
            found += [SongCollection(kind, CoverMaker(songs)) for kind, songs in kinds.items()]
            continue
        songs, refused = read_midi_folder(Path(name), progress=progress)
        if not songs:
            path, reason = refused[0]
            raise NotFoundError(f"{name}: none of {len(refused)} MIDI files can be read; the first, {path}: {reason}")
        found.append(SongCollection(Path(name).resolve().name, CoverMaker(songs), tuple(refused)))
        if refused:
            path, reason = refused[0]
            total = len(songs) + len(refused)
            tell(f"{name}: {len(refused):,} of {total:,} MIDI files are left out; the first, {path}: {reason}")
    return found
