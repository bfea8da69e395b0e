"""What ``covsearch train --synthesize`` names: MIDI folders, archives of scores, music21's corpus, recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from covsearch.errors import NotFoundError
from covsearch.progress import Progress, Tell, silent, unheard
from covsearch.synthesis.archive import Archive
from covsearch.synthesis.cover import CoverMaker
from covsearch.synthesis.formats import has_songs, read_archive
from covsearch.synthesis.held_out import sample_held_out
from covsearch.synthesis.kept import kept_file, read_kept, write_kept
from covsearch.synthesis.licence import MUSIC21, UNSAID, folder_licence, licence_of
from covsearch.synthesis.midi import has_midi, read_midi_folder
from covsearch.synthesis.readings import SongReading
from covsearch.synthesis.recorded import Recording, read_recordings, recordings_of
from covsearch.synthesis.scores import corpus_songs
from covsearch.synthesis.works import works_of

CORPUS = "music21"
RECORDINGS = ".h5"
JOIN = " + "  # between the names of sources where they are one text


@dataclass(frozen=True, eq=False)
class SongCollection:
    """Songs of one kind, whose covers are told apart from each other in training.

    Attributes
    ----------
    name : str
        ``tunes``, or the folder's or archive's name.
    maker : CoverMaker
    refused : tuple of (Path, str)
        Files that could not be read or may not be trained on, and why.
    again : int
        Files that are the same recording as another one.
    licence : str
        By the words beside the songs.
    """

    name: str
    maker: CoverMaker
    refused: tuple[tuple[Path, str], ...] = ()
    again: int = 0
    licence: str = UNSAID

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
        Folders of MIDI files; folders or zip archives of MusicXML scores, ABC tunes or chord charts; ``music21`` for
        its corpus (where no folder is called so); or ``.h5`` files with NNLS chroma of recordings, which the songs of
        the other sources get by their files' names.
    cache : Path
        Keeps what takes long to parse.
    progress : Progress
    tell : Tell
        Hears of files that are left out.

    Raises
    ------
    NotFoundError
        When a source is missing, or has no song that can be read.
    ArtefactError
        When an archive is damaged.
    MissingExtraError
        Without the packages of the extra ``scores``.
    """
    found: list[SongCollection] = []
    recorded = [Path(name) for name in names if Path(name).suffix == RECORDINGS]
    recordings = {name: one for path in recorded for name, one in read_recordings(path).items()}
    for name in names:
        path = Path(name)
        if path in recorded:
            continue
        if name == CORPUS and not path.is_dir():
            kinds = corpus_songs(cache, progress)
            found += [SongCollection(kind, CoverMaker(songs), licence=MUSIC21) for kind, songs in kinds.items()]
            continue
        one = _midi_collection(path, progress) if _is_midi(path) else _archive_collection(path, cache, progress)
        found.append(one)
        for line in left_out(name, one, "MIDI files" if _is_midi(path) else "files"):
            tell(line)
    if recorded and not found:
        raise NotFoundError(f"{JOIN.join(names)}: recordings alone are no songs; name the songs that they are of, too")
    return [_hearing(collection, recordings) for collection in found] if recorded else found


def _hearing(collection: SongCollection, recordings: Mapping[str, Recording]) -> SongCollection:
    """A collection whose songs have what recordings there are of them."""
    songs = collection.maker.songs
    return replace(collection, maker=CoverMaker(songs, recordings_of([song.name for song in songs], recordings)))


def left_out(name: str, collection: SongCollection, files: str = "files") -> list[str]:
    """How many files of a source were left out, a line for each reason, and the first file with it."""
    total = len(collection.maker) + sum(len(song.versions) for song in collection.maker.songs)
    total += len(collection.refused) + collection.again
    kinds = Counter(_kind(reason) for _, reason in collection.refused)
    lines = []
    for kind, count in kinds.most_common():
        path, reason = next(one for one in collection.refused if _kind(one[1]) == kind)
        lines.append(f"{name}: {count:,} of {total:,} {files} are left out; the first, {path}: {reason}")
    if collection.again:
        lines.append(f"{name}: {collection.again:,} of {total:,} {files} are of recordings that others are of")
    return lines


def _kind(reason: str) -> str:
    """A reason without its numbers and particulars."""
    return " ".join(word for word in reason.partition(":")[0].split()[:6] if not any(c.isdigit() for c in word))


def _is_midi(path: Path) -> bool:
    """A folder with MIDI files, whatever is beside them; or one without any song, which is told of as one."""
    return path.is_dir() and (has_midi(path) or not has_songs(path))


def _midi_collection(path: Path, progress: Progress) -> SongCollection:
    songs, refused = read_midi_folder(path, progress=progress)
    if not songs:
        first, reason = refused[0]
        raise NotFoundError(f"{path}: none of {len(refused)} MIDI files can be read; the first, {first}: {reason}")
    files = [(path / song.name, SongReading(song, ())) for song in songs]
    kept, held = _allowed(files)
    maker = CoverMaker([one.song for one in kept])
    return SongCollection(path.resolve().name, maker, (*refused, *held), licence=folder_licence(path))


def _archive_collection(path: Path, cache: Path, progress: Progress) -> SongCollection:
    archive = Archive(path)
    file = kept_file(cache / "songs", archive)
    read = read_kept(file)
    if read is None:
        read = read_archive(archive, progress=progress)
        write_kept(file, read)
    readings, refused = read
    if not readings:
        first, reason = refused[0]
        raise NotFoundError(f"{path}: none of {len(refused)} files can be read; the first, {first}: {reason}")
    kept, held = _allowed([(path / one.song.name, one) for one in readings])
    songs, again = works_of(kept)
    left = ((path / name, why) for name, why in refused)
    licence = licence_of(archive.names, archive.read)
    return SongCollection(archive.name, CoverMaker(songs), (*left, *held), again, licence)


def _allowed(files: Sequence[tuple[Path, SongReading]]) -> tuple[list[SongReading], list[tuple[Path, str]]]:
    """What is no work that models are judged by, and the rest with the reason."""
    held_out = sample_held_out()
    reasons = [held_out.reason(one.titles, one.melody) for _, one in files]
    kept = [one for (_, one), reason in zip(files, reasons, strict=True) if not reason]
    return kept, [(path, reason) for (path, _), reason in zip(files, reasons, strict=True) if reason]
