"""From a long recording to its setlist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.performance import Performance
from covsearch.decision import CALIBRATE, decide
from covsearch.embedding import embed_stretches
from covsearch.errors import UsageError
from covsearch.features.slow import restored, slow_chroma
from covsearch.features.sound import LEAST_SECONDS
from covsearch.hearing import HeardOutside
from covsearch.index.calibration import Calibration
from covsearch.listened import Listened
from covsearch.outside import hear_chroma, hear_files
from covsearch.progress import Progress, silent
from covsearch.ranking import ALIGN
from covsearch.ranking.segmentation import best_reading
from covsearch.search import Searcher
from covsearch.setlist.answer import Setlist, SetlistEntry, with_gaps
from covsearch.setlist.candidates import (
    Candidate,
    Search,
    SetlistRecipe,
    Span,
    aligned_again,
    candidates_of,
)
from covsearch.stages import STAGES, Question, Scope

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def find_setlist(
    searcher: Searcher,
    asked: Path | ArrayLike | Mapping[str, ArrayLike] | Listened,
    *,
    cache: Path,
    frame_rate: float | None = None,
    recipe: SetlistRecipe | None = None,
    progress: Progress = silent,
) -> Setlist:
    """Say which performances of the index are played in a long recording, and from when to when.

    Parameters
    ----------
    searcher : Searcher
    asked : Path, array, mapping or Listened
        A file, what was listened to, or chroma of shape (T, 12), as for :func:`covsearch.outside.query_files` and
        :func:`covsearch.outside.query_chroma`.
    cache : Path
        The workspace's, for decoded audio.
    frame_rate : float, optional
        Frames/s; an array needs it, and a file that declares none.
    recipe : SetlistRecipe, optional
    progress : Progress

    Raises
    ------
    NotFoundError
        When the path is no file.
    ArtefactError
        When the file is refused or has less than 15 s of sound, or the index's model is damaged.
    UsageError
        When the array or the frame rate cannot be, or the index has foreign vectors or a model without a calibration.
    """
    scope = scope_of(searcher)
    file = str(asked) if isinstance(asked, Path) else ""
    if isinstance(asked, Listened):
        asked.check(searcher)
        heard, file = asked.heard, next(iter(asked.files), "")
    elif isinstance(asked, Path):
        heard = hear_files(searcher, [asked], frame_rate, cache)
    else:
        heard = hear_chroma(searcher, asked, frame_rate)
    stored, rate = slow_chroma(heard.chroma, heard.checkpoint.config.features.names, heard.rate)
    songs = songs_in(scope, heard, restored(stored), recipe or SetlistRecipe(), progress)
    performances = searcher.catalogue.get([scope.collection.names[song.row] for song in songs])
    entries = [song.entry(scope, performances, rate) for song in songs]
    return Setlist(
        entries=with_gaps(entries, len(stored) / rate),
        file=file,
        frame_rate=heard.rate,
        generation=searcher.generation.name,
        model=searcher.generation.manifest.model,
        searched=len(scope.collection),
    )


def scope_of(searcher: Searcher) -> Scope:
    """What a setlist is looked for in.

    Raises
    ------
    UsageError
        When the index has foreign vectors, or a model without a calibration.
    """
    if searcher.chroma is None:
        own = searcher.generation.manifest.model
        raise UsageError(f"a setlist needs chroma, and the index has only foreign vectors ({own})")
    if not isinstance(searcher.calibration, Calibration):
        raise UsageError(f"a setlist needs a calibrated model: {CALIBRATE}")
    return Scope(searcher.collection, searcher.chroma, None, searcher.calibration)


@dataclass(frozen=True)
class SongFound:
    """A performance that is played in a stretch of the recording.

    Attributes
    ----------
    candidate : Candidate
        Which, and where.
    probability : float
        That of a cover, as a query for the stretch says.
    predicted : bool
        Whether that query calls it a cover.
    """

    candidate: Candidate
    probability: float
    predicted: bool

    @property
    def row(self) -> int:
        """Of the performance in the collection."""
        return self.candidate.row

    def entry(self, scope: Scope, performances: Mapping[str, Performance], rate: float) -> SetlistEntry:
        """In seconds, with the metadata."""
        assert scope.chroma is not None
        own = float(scope.chroma.rates[self.row])
        c = self.candidate
        return SetlistEntry(
            start=c.start / rate,
            end=c.end / rate,
            performance=performances[scope.collection.names[self.row]],
            cover_probability=self.probability,
            predicted=self.predicted,
            semitones=c.semitones,
            tempo=c.tempo * rate / own,
            matched=(c.track_start / own, c.track_end / own),
        )


def songs_in(
    scope: Scope, heard: HeardOutside, slow: NDArray[np.float32], recipe: SetlistRecipe, progress: Progress = silent
) -> list[SongFound]:
    """The songs of a recording, in the order of time.

    Parameters
    ----------
    scope : Scope
        With chroma and a calibration.
    heard : HeardOutside
        The recording.
    slow : NDArray[float32], shape (T, F)
        The same at about 2.69 frames/s.
    recipe : SetlistRecipe
    progress : Progress
    """
    assert scope.chroma is not None
    assert isinstance(scope.calibration, Calibration)
    block = max(1, round(heard.rate / SLOW_RATE))
    rate = heard.rate / block

    def embed(spans: Sequence[Span], one_tempo: bool = True) -> NDArray[np.float32]:
        stretches = [(start * block, end * block) for start, end in spans]
        return embed_stretches(heard.checkpoint, heard.chroma, heard.rate, stretches, one_tempo=one_tempo)

    search = Search(scope.collection, scope.chroma, scope.calibration)
    found = candidates_of(search, slow, rate, embed, recipe, progress)
    starts, ends, ratios = ([getattr(c, name) for c in found] for name in ("start", "end", "ratio"))
    parts = best_reading(starts, ends, ratios, recipe.penalty)
    spans = [(int(part.start), int(part.end)) for part in parts]
    songs = []
    for part, span, vector in zip(parts, spans, embed(spans, one_tempo=False), strict=True):
        if span[1] - span[0] >= LEAST_SECONDS * rate:
            candidate = aligned_again(search, slow, found[part.candidate], span, recipe)
            song = _asked(scope, Question(vector, slow[span[0] : span[1]]), candidate)
            songs += [song] if song.probability > recipe.least else []
    return songs


def _asked(scope: Scope, question: Question, candidate: Candidate) -> SongFound:
    """What a query for the stretch says, by head and alignment, of the performance that the division gave it."""
    searched = len(scope.collection)
    ranked = STAGES[ALIGN](scope, question, searched, None)
    one = ranked.at(ranked.ranking.rows.tolist().index(candidate.row))
    assert one.ratio is not None
    assert one.chance is not None
    decided = decide(one.ratio, one.best, one.chance, one.same, searched=searched)
    return SongFound(candidate, float(decided.probability[0] or 0), bool(decided.predicted[0]))
