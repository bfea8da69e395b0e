"""Queries from outside the index: audio, notes, feature files or chroma arrays, embedded with the index's own model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from covsearch.answers import QueryResult
from covsearch.collections.pool import Alive, unasked
from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.dataset.performance import Performance
from covsearch.errors import NotFoundError, UsageError
from covsearch.listened import Listened
from covsearch.search import Searcher

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from covsearch.hearing import HeardOutside
    from covsearch.models import Checkpoint
    from covsearch.stages import Question


def query_files(
    searcher: Searcher,
    paths: Sequence[Path],
    top: int = 10,
    *,
    cache: Path,
    frame_rate: float | None = None,
    candidates: int | None = None,
    rerank: str | None = None,
) -> QueryResult:
    """Rank the collection as covers of one performance in a file of audio or notes, or in feature files.

    Parameters
    ----------
    searcher : Searcher
    paths : sequence of Path
        A file of audio or of notes; or HDF5 files that hold all features of the index's model, in one file or in
        several.
    top, candidates, rerank
        As for :meth:`covsearch.search.Searcher.query`.
    cache : Path
        The workspace's, for decoded audio.
    frame_rate : float, optional
        Frames/s of feature files; by default what they or their collection declare or what is known of the subset.

    Raises
    ------
    NotFoundError
        When a path is no file.
    ArtefactError
        When the files lack a feature, are refused or have less than 15 s of sound, or the index's model is damaged.
    UsageError
        As :meth:`covsearch.search.Searcher.query`, for an impossible frame rate, when the files say none and the
        index's model needs one, when they say two, and when they cannot be of the frame rate assumed of them.
    """
    listened = listen_to_files(searcher, paths, cache=cache, frame_rate=frame_rate)
    return query_listened(searcher, listened, top, candidates=candidates, rerank=rerank)


def query_chroma(
    searcher: Searcher,
    chroma: ArrayLike | Mapping[str, ArrayLike],
    frame_rate: float | None,
    top: int = 10,
    *,
    candidates: int | None = None,
    rerank: str | None = None,
) -> QueryResult:
    """Rank the collection as covers of one performance given as chroma.

    Parameters
    ----------
    searcher : Searcher
    chroma : array or mapping
        Of shape (T, 12), values from 0, bin 0 as in the dataset (A for HPCP, C for CREMA and CENS). A model that sees
        several features needs a mapping of feature name to array.
    frame_rate : float
        Frames/s of `chroma`.
    top, candidates, rerank
        As for :meth:`covsearch.search.Searcher.query`.

    Raises
    ------
    UsageError
        When the array or the frame rate cannot be, with less than 15 s of sound, and as
        :meth:`covsearch.search.Searcher.query`.
    ArtefactError
        When the index's model is damaged.
    """
    heard = hear_chroma(searcher, chroma, frame_rate)
    listened = Listened(heard, _embed_chroma(searcher, heard), Performance("array", None), ())
    return query_listened(searcher, listened, top, candidates=candidates, rerank=rerank)


def query_listened(
    searcher: Searcher,
    listened: Listened,
    top: int = 10,
    *,
    candidates: int | None = None,
    rerank: str | None = None,
) -> QueryResult:
    """Rank the collection as covers of a recording that was listened to; see :func:`query_files`.

    Raises
    ------
    UsageError
        When another model built the index meanwhile, too.
    """
    listened.check(searcher)
    result = searcher.ask(listened.question, top, candidates, rerank=rerank)
    return replace(result, files=listened.files, frame_rate=listened.heard.rate)


def listen_to_files(
    searcher: Searcher,
    paths: Sequence[Path],
    *,
    cache: Path | None,
    frame_rate: float | None = None,
    name: str | None = None,
    alive: Alive = unasked,
) -> Listened:
    """Read one performance's files and embed it; parameters and errors are those of :func:`query_files`, and:

    Parameters
    ----------
    cache : Path or None
        None keeps no decoded audio.
    name : str, optional
        What the recording is called; by default as its file.
    alive : Alive
        As for :func:`covsearch.collections.pool.answers`, while audio is decoded.
    """
    heard = hear_files(searcher, paths, frame_rate, cache, alive)
    files = (name,) if name else tuple(map(str, paths))
    return Listened(heard, _embed_chroma(searcher, heard), heard.tags.performance(name or paths[0].name), files)


def hear_files(
    searcher: Searcher,
    paths: Sequence[Path],
    frame_rate: float | None,
    cache: Path | None,
    alive: Alive = unasked,
) -> HeardOutside:
    """Read one performance's files; parameters and errors are those of :func:`listen_to_files`."""
    for path in paths:
        if not path.is_file():
            raise NotFoundError(f"{path}: expected an audio file or an HDF5 feature file, there is none")
    if frame_rate is not None:
        check_frame_rate(frame_rate)
    from covsearch.hearing import hear_performance

    _, index_rate = searcher.generation.manifest.heard()
    return hear_performance(_own_checkpoint(searcher), paths, cache, frame_rate, index_rate, alive)


def hear_chroma(
    searcher: Searcher, chroma: ArrayLike | Mapping[str, ArrayLike], frame_rate: float | None
) -> HeardOutside:
    """Check one performance's chroma; parameters and errors are those of :func:`query_chroma`."""
    from covsearch.features.raw import checked_chroma, declared
    from covsearch.features.sound import check_sound
    from covsearch.hearing import HeardOutside

    rate = declared(frame_rate)
    checkpoint = _own_checkpoint(searcher)
    arrays = checked_chroma(chroma, checkpoint.config.features.names)
    check_sound(arrays, rate, what=f"at {rate:.2f} frames/s the array has ", error=UsageError)
    return HeardOutside(checkpoint, arrays, rate)


def _embed_chroma(searcher: Searcher, heard: HeardOutside) -> Question:
    from covsearch.embedding import embed_chroma, embed_chroma_windows
    from covsearch.features.frames import seen_rate
    from covsearch.features.slow import restored, slow_chroma
    from covsearch.index.windows import Windows
    from covsearch.stages import Question

    checkpoint, chroma, frame_rate = heard.checkpoint, heard.chroma, heard.rate
    parts = None
    cut = searcher.generation.manifest.windows
    if searcher.windows is not None and cut is not None:
        recipe = replace(cut, rate=seen_rate(checkpoint.config.features, frame_rate))
        parts = Windows(*embed_chroma_windows(checkpoint, chroma, frame_rate, recipe))
    frames, _ = slow_chroma(chroma, checkpoint.config.features.names, frame_rate)
    return Question(embed_chroma(checkpoint, chroma, frame_rate), restored(frames), parts)


def _own_checkpoint(searcher: Searcher) -> Checkpoint:
    """The index's own model, read once."""
    from covsearch.rows import own_model  # torch, which a query by id does without

    if searcher.checkpoint is None:
        searcher.checkpoint = own_model(searcher.generation)
    return searcher.checkpoint
