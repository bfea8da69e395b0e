"""A large collection of synthesised tracks that are covers of nothing in the collection judged."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from covsearch.config import EMBEDDING_DIM, FeatureConfig
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.embedding import embed_frames
from covsearch.errors import UsageError
from covsearch.features.frames import block_means
from covsearch.features.key import to_c
from covsearch.features.slow import quantised
from covsearch.index.chroma import Chroma
from covsearch.models import Checkpoint
from covsearch.progress import Progress, Tell, silent, unheard
from covsearch.synthesis.cover import CoverMaker, sees_covers
from covsearch.synthesis.song import Song
from covsearch.synthesis.sources import open_collections

CHUNK = 50  # tracks that are made, embedded and written at once: 0.8 s of one core
HARDNESS = 0.7  # of the covers that training ends with
RECIPE = 1  # a change of how covers are made or kept makes old caches useless: count this up
_BATCH = 16
_FRAMES, _VECTORS, _LENGTHS = "frames.u8", "vectors.f32", "lengths.i64"
_WIDTH = 12


def distractors(
    checkpoint: Checkpoint,
    sources: Sequence[str],
    count: int,
    seed: int,
    cache: Path,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> tuple[NDArray[np.float32], Chroma]:
    """Synthesise covers of songs, each song as often as needed, and embed them.

    Covers of one song are covers of each other. They are covers of nothing in a collection that has none of the songs.
    A smaller `count` gives the first ones of a larger. What an earlier call made is read from `cache`, and a call that
    was stopped goes on where it was. 15,000 tracks take some four minutes of one core and 120 MB.

    Parameters
    ----------
    checkpoint : Checkpoint
        Of a model that sees HPCP at 2.69 frames/s.
    sources : sequence of str
        Folders of MIDI files, or ``music21`` for its corpus.
    count : int
        n, at least 1.
    seed : int
        At least 0.
    cache : Path
        A folder, made when missing.
    progress : Progress
    tell : Tell
        Hears of MIDI files that are left out.

    Returns
    -------
    NDArray[float32], shape (n, 128)
        Unit vectors, mapped from the disk.
    Chroma
        Of the same tracks in the key as played; its frames are mapped from the disk.

    Raises
    ------
    UsageError
        For a model that sees something else, and for a `count` below 1.
    NotFoundError, MissingExtraError
        As :func:`~covsearch.synthesis.sources.open_collections`.
    """
    features = checkpoint.config.features
    if not sees_covers(features):
        raise UsageError(
            f"distractors are synthesised as HPCP at {SLOW_RATE:.2f} frames/s, but model {checkpoint.fingerprint} sees "
            f"{features.features} at {features.rate:g}: choose a model trained with --features hpcp --rate 2.69"
        )
    if count < 1:
        raise UsageError(f"at least 1 distractor must be asked for, not {count}")
    songs = [song for one in open_collections(sources, cache, progress, tell) for song in one.maker.songs]
    folder = cache / f"distractors-{checkpoint.fingerprint}-{_key(songs, seed)}"
    if len(_lengths(folder)) < count:
        with _locked(folder, progress):
            _make(folder, checkpoint, songs, count, seed, progress)
    return _read(folder, count)


def songs_of(first: int, count: int, songs: int, seed: int) -> list[int]:
    """Which song each distractor is a cover of: round after round, all songs in another order.

    Parameters
    ----------
    first, count : int
        Of the distractors asked about: the number of the first, and how many.
    songs : int
        How many songs there are.
    seed : int
        Of the distractors.
    """
    rounds, places = np.divmod(np.arange(first, first + count), songs)
    orders = {n: np.random.default_rng([seed, 1, n]).permutation(songs) for n in np.unique(rounds).tolist()}
    return [int(orders[n][place]) for n, place in zip(rounds.tolist(), places.tolist(), strict=True)]


def _key(songs: Sequence[Song], seed: int) -> str:
    """A hash of all that decides which tracks are made, but for the model."""
    digest = hashlib.sha256(f"{RECIPE} {seed} {HARDNESS} {CHUNK}".encode())
    for song in songs:
        digest.update(f"\n{song.steps} {song.beat!r} {song.bar} {len(song.notes)}".encode())
        for values in (*vars(song.notes).values(), song.chords):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:12]


def _make(
    folder: Path, checkpoint: Checkpoint, songs: Sequence[Song], count: int, seed: int, progress: Progress
) -> None:
    """Append whole chunks until there are `count` tracks."""
    maker = CoverMaker(songs)
    chunks = -(-count // CHUNK)
    files = (folder / name for name in (_FRAMES, _VECTORS, _LENGTHS))
    with ExitStack() as opened:
        frames, vectors, lengths = (opened.enter_context(path.open("ab")) for path in files)
        done = _lengths(folder)
        sizes = int(done.sum()) * _WIDTH, len(done) * 4 * EMBEDDING_DIM, len(done) * 8
        for file, size in zip((frames, vectors, lengths), sizes, strict=True):
            file.truncate(size)  # part of a chunk of a killed run
        for chunk in range(len(done) // CHUNK, chunks):
            tracks = _tracks(maker, seed, chunk)
            _append(frames, np.concatenate([quantised(track) for track in tracks]))
            _append(vectors, _embedded(checkpoint, tracks))
            _append(lengths, np.array([len(track) for track in tracks], dtype=np.int64))  # last: now it is there
            progress("synthesising distractors", min((chunk + 1) * CHUNK, count), count)


def _append(file: BinaryIO, values: NDArray[Any]) -> None:
    file.write(np.ascontiguousarray(values).tobytes())
    file.flush()
    os.fsync(file.fileno())


def _tracks(maker: CoverMaker, seed: int, chunk: int) -> list[NDArray[np.float32]]:
    """The covers of one chunk, the same whatever was made before."""
    which = songs_of(chunk * CHUNK, CHUNK, len(maker), seed)
    batch, lengths = maker.make(which, np.random.default_rng([seed, 2, chunk]), hardness=HARDNESS)
    return [track[:length] for track, length in zip(batch, lengths.tolist(), strict=True)]


def _embedded(checkpoint: Checkpoint, tracks: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Unit vectors (n, 128); tracks of similar length share a batch."""
    seen = [_seen(track, checkpoint.config.features) for track in tracks]
    vectors = np.empty((len(tracks), EMBEDDING_DIM), dtype=np.float32)
    order = np.argsort([len(track) for track in seen], kind="stable")
    for rows in (order[i : i + _BATCH] for i in range(0, len(order), _BATCH)):
        vectors[rows] = embed_frames(checkpoint.model, [seen[row] for row in rows.tolist()])
    return vectors


def _seen(track: NDArray[np.float32], features: FeatureConfig) -> NDArray[np.float16]:
    """What the model sees of a cover, (L, 12), as it would of a recording's chroma."""
    frames = block_means(track, features.frames)
    return (to_c(frames) if features.key == "normalised" else frames).astype(np.float16)


def _lengths(folder: Path) -> NDArray[np.int64]:
    """Frames of each track of the chunks that are there, (n,)."""
    path = folder / _LENGTHS
    values = np.fromfile(path, dtype=np.int64, count=path.stat().st_size // 8) if path.is_file() else np.empty(0)
    return values[: len(values) // CHUNK * CHUNK].astype(np.int64)


def _read(folder: Path, count: int) -> tuple[NDArray[np.float32], Chroma]:
    first = np.concatenate([[0], np.cumsum(_lengths(folder)[:count])]).astype(np.int64)
    frames = np.memmap(folder / _FRAMES, np.uint8, "r", shape=(int(first[-1]), _WIDTH))
    vectors = np.memmap(folder / _VECTORS, np.float32, "r", shape=(count, EMBEDDING_DIM))
    return vectors, Chroma(frames, first, np.full(count, SLOW_RATE))


@contextmanager
def _locked(folder: Path, progress: Progress) -> Iterator[None]:
    """Of several processes that make the same tracks, one makes them and the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process to synthesise distractors", 0, 1)
            fcntl.flock(file, fcntl.LOCK_EX)
            progress("waiting for another process to synthesise distractors", 1, 1)
        yield
