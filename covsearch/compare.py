"""Two performances beside each other: how likely they are covers, in which keys, and where they run together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from covsearch import plots
from covsearch.counting import counted
from covsearch.dataset.frame_rate import DATACOS_RATE, check_frame_rate
from covsearch.dataset.ids import as_file_name
from covsearch.dataset.performance import Performance
from covsearch.decision import word
from covsearch.errors import NotFoundError, UsageError
from covsearch.features.audio import is_audio
from covsearch.features.frames import means_of
from covsearch.features.slow import slow_chroma
from covsearch.index.chroma import Chroma
from covsearch.index.windows import Passage, Windows, chamfer, passages
from covsearch.ranking.alignment import ESSENTIA, Alignment, align
from covsearch.ranking.scores import MOST_FRAMES
from covsearch.search import Searcher
from covsearch.stages import SPAN
from covsearch.store import store_of
from covsearch.synthesis.suffixes import is_notation
from covsearch.workspace import Workspace, expanded, is_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covsearch.answers import Match, QueryResult
    from covsearch.listened import Listened
    from covsearch.sides import Side

FRAMES = MOST_FRAMES  # of a track at most, as in a search; 25 minutes at 2.69 frames/s


@dataclass(frozen=True)
class Stretch:
    """Where two performances run together: seconds of begin and end in either."""

    a: tuple[float, float]
    b: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two performances beside each other.

    Attributes
    ----------
    a, b : Performance
    cover_probability : float
        In [0, 1], near 1 cover; the one that a query for `a` gives `b`. Of files, as where nothing else is searched.
    predicted : bool
        What covsearch says: whether they are covers; as a query decides.
    same_recording : bool
        Whether they sound like one recording.
    listed : bool or None
        What the metadata says: whether both are performances of one work; None where that is not known.
    threshold : float
        They are predicted to be covers when `cover_probability` is above it.
    head_p : float
        The report's p, σ(distance + β) in [0, 1]: near 0 cover.
    distance : float
        The learned weighted squared distance, without the bias.
    alignment : Alignment
        As the search aligns its best candidates, in the key in which they fit best.
    rates : (float, float)
        Frames/s of either performance in `alignment`.
    chroma : (NDArray[float32], NDArray[float32]), shapes (L, F) and (M, F)
        Of either, as played, at these rates.
    similarity : float or None
        Chamfer similarity of their windows; None where the index has none.
    passages : tuple of Passage
        Windows of which each is the other's most alike, the most alike first; empty where the index has none.
    generation, model : str
        What the distance comes from; no generation where there is no index.
    """

    a: Performance
    b: Performance
    cover_probability: float
    predicted: bool
    same_recording: bool
    listed: bool | None
    threshold: float
    head_p: float
    distance: float
    alignment: Alignment
    rates: tuple[float, float]
    chroma: tuple[NDArray[np.float32], NDArray[np.float32]]
    similarity: float | None
    passages: tuple[Passage, ...]
    generation: str
    model: str

    @property
    def key(self) -> str:
        """How the keys differ, in words; both where they align further in another key than in that of their chroma."""
        alignment, pid = self.alignment, self.b.pid
        steps, other = alignment.semitones, alignment.chance_semitones
        told = f"{pid} is {_higher(steps)}" if steps else "same key"
        if alignment.chance <= alignment.score:
            return told
        return f"{told} by mean chroma, {_higher(other) if other else 'in the same key'} by alignment"

    @property
    def together(self) -> str:
        """Where they run together and how surely, in words."""
        stretch, alignment = self.stretch, self.alignment
        if not stretch:
            return "nowhere"
        a, b = (f"{plots.clock(begin)}-{plots.clock(end)}" for begin, end in (stretch.a, stretch.b))
        return f"{a} ↔ {b} (score {alignment.score:g}, in other keys at most {alignment.chance:g})"

    @property
    def path(self) -> NDArray[np.float64]:
        """The aligned path in seconds, (K, 2): the middles of the stretches compared."""
        return (self.alignment.path.astype(np.float64) + self.alignment.span / 2) / self.rates

    @property
    def stretch(self) -> Stretch | None:
        """Where the path begins and ends, None where nothing aligns."""
        path = self.alignment.path
        if not len(path):
            return None
        begin, end = path[0] / self.rates, (path[-1] + self.alignment.span) / self.rates
        return Stretch((float(begin[0]), float(end[0])), (float(begin[1]), float(end[1])))

    @property
    def tempo(self) -> float | None:
        """How many times as fast `b` plays the stretch as `a` does, from the seconds of both; None without one."""
        if (stretch := self.stretch) is None:
            return None
        return (stretch.a[1] - stretch.a[0]) / (stretch.b[1] - stretch.b[0])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON; times in seconds, the matrix left out."""
        alignment, stretch = self.alignment, self.stretch
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "cover_probability": self.cover_probability,
            "predicted": self.predicted,
            "same_recording": self.same_recording,
            "listed": self.listed,
            "head_p": self.head_p,
            "distance": self.distance,
            "semitones": alignment.semitones,
            "tempo": self.tempo,
            "alignment": {
                "score": alignment.score,
                "chance": alignment.chance,
                "chance_semitones": alignment.chance_semitones,
                "stretch": stretch and asdict(stretch),
                "path": self.path.tolist(),
            },
            "windows": {"similarity": self.similarity, "passages": [asdict(p) for p in self.passages]},
            "settings": {
                "threshold": self.threshold,
                "frame_rates": list(self.rates),
                "generation": self.generation,
                "model": self.model,
            },
        }

    def plot(self, path: str | Path | None = None) -> Path:
        """Draw the cross-similarity and the aligned path; see :func:`draw`.

        Parameters
        ----------
        path : str or Path, optional
            A ``.png`` or ``.svg`` file, or a folder; by default the current folder.
        """
        return draw(self, Path() if path is None else Path(path))


def compare(workspace: Workspace, a: str, b: str, frame_rate: float | None = None) -> Comparison:
    """Compare two performances of the workspace's index.

    Parameters
    ----------
    workspace : Workspace
    a, b : str
        Ids, or ``collection:id`` where several collections have the id; or paths of audio or HDF5 files, which need not
        be in an index. What the index has is no file.
    frame_rate : float, optional
        Frames/s of the HDF5 files; by default what each declares.

    Raises
    ------
    NotFoundError
        When there is no index, or no such performance or file.
    UsageError
        When both are one performance of the index, or several collections have one of them; for a frame rate where no
        HDF5 file is named, or one that cannot be.
    ArtefactError
        When the index is damaged.
    """
    if frame_rate is not None:
        check_frame_rate(frame_rate)
    searcher = _opened(workspace)
    in_files = [side for side in (a, b) if searcher is None or _is_file(searcher, side)]
    if frame_rate is not None and not any(map(_declares, in_files)):
        raise UsageError("--frame-rate is of an HDF5 file: neither of the two is one. Leave it out")
    if in_files:
        return _compare_files(workspace, searcher, a, b, frame_rate)
    assert searcher is not None
    return compare_in(searcher, a, b)


def compare_in(searcher: Searcher, a: str, b: str) -> Comparison:
    """:func:`compare` of two performances in a generation that is open; no file is looked for. Its errors are those."""
    a, b = searcher.named(a), searcher.named(b)
    if a == b:
        raise UsageError(f"expected two performances, got {a} twice")
    if searcher.chroma is None:
        own = searcher.generation.manifest.model
        raise UsageError(f"comparing needs chroma, and the index has only foreign vectors ({own}): use `query`")
    rows = [searcher.collection.rows[pid] for pid in (a, b)]
    windows = [searcher.windows.take([row]) for row in rows] if searcher.windows else None
    return _judged(searcher, searcher.performances([a])[0], searcher.judge(a, b), searcher.chroma.take(rows), windows)


def compare_listened(searcher: Searcher, listened: Listened, b: str) -> Comparison:
    """Compare a recording that was listened to with a performance of a generation that is open.

    Parameters
    ----------
    searcher : Searcher
    listened : Listened
    b : str
        As the index calls it.

    Raises
    ------
    NotFoundError
        When the index has no such performance.
    UsageError
        When another model built the index meanwhile.
    """
    listened.check(searcher)
    b, question = searcher.named(b), listened.question
    assert searcher.chroma is not None  # else there is no model that hears
    assert question.chroma is not None
    row = searcher.collection.rows[b]
    heard = listened.heard
    frames, rate = slow_chroma(heard.chroma, heard.checkpoint.config.features.names, heard.rate)
    own = Chroma(frames, np.array([0, len(frames)]), np.array([rate]))
    windows = [question.windows, searcher.windows.take([row])] if question.windows and searcher.windows else None
    result = searcher.judge_question(question, b)
    return _judged(searcher, listened.performance, result, own + searcher.chroma.take([row]), windows)


def _judged(
    searcher: Searcher,
    a: Performance,
    result: QueryResult,
    chroma: Chroma,
    windows: Sequence[Windows] | None,
) -> Comparison:
    state = searcher.generation
    told = _beside(a, result[0], result.threshold, chroma, state.name, state.manifest.model)
    if not windows:
        return told
    similarity = chamfer(windows[0].vectors, windows[1].vectors)
    return replace(told, similarity=similarity, passages=passages(*windows))


def _beside(
    a: Performance, match: Match, threshold: float | None, chroma: Chroma, generation: str, model: str
) -> Comparison:
    """A query's performance and a match, without windows; `chroma` is of both."""
    (frames_a, frames_b), rates = _tracks(chroma)
    return Comparison(
        a=a,
        b=match.performance,
        cover_probability=cast(float, match.cover_probability),
        predicted=cast(bool, match.predicted),
        same_recording=match.same_recording,
        listed=match.listed,
        threshold=cast(float, threshold),
        head_p=cast(float, match.head_p),
        distance=match.distance,
        alignment=align(frames_a, frames_b, SPAN, ESSENTIA),
        rates=rates,
        chroma=(frames_a, frames_b),
        similarity=None,
        passages=(),
        generation=generation,
        model=model,
    )


def _opened(workspace: Workspace) -> Searcher | None:
    """The index; None where there is none."""
    try:
        store_of(workspace).current()
    except NotFoundError:
        return None
    return store_of(workspace).read(Searcher, None)


def _is_file(searcher: Searcher, asked: str) -> bool:
    return searcher.catalogue.resolve(asked) is None and is_file(asked)


def _declares(file: str) -> bool:
    """Whether its frame rate can be said: that of a recording is known, and notes have none."""
    return not (is_audio(Path(file)) or is_notation(Path(file)))


def _compare_files(
    workspace: Workspace, searcher: Searcher | None, a: str, b: str, frame_rate: float | None
) -> Comparison:
    """Compare a file with another one, or with a performance of the index, by the index's model or the bundled one."""
    if searcher is not None and searcher.chroma is None:
        searcher = None  # foreign vectors: no model of theirs hears files
    if searcher is None and not all(is_file(asked) for asked in (a, b)):
        own = store_of(workspace).current()  # raises: without an index, there are only files
        raise UsageError(f"comparing needs chroma, and the index ({own}) has only foreign vectors: name two files")
    from covsearch.sides import judge_sides, model_of, side_of_file, side_of_index  # torch: two ids do without

    checkpoint, calibration = model_of(searcher)
    index_rate = searcher.generation.manifest.heard()[1] if searcher else DATACOS_RATE

    def side(asked: str) -> Side:
        if searcher is None or _is_file(searcher, asked):
            rate = frame_rate if _declares(asked) else None
            return side_of_file(expanded(asked), checkpoint, workspace.cache, index_rate, rate)
        return side_of_index(searcher, searcher.named(asked))

    first, second = side(a), side(b)
    match, threshold = judge_sides(first, second, checkpoint, calibration)
    generation, chroma = searcher.generation.name if searcher else "", first.chroma + second.chroma
    return _beside(first.performance, match, threshold, chroma, generation, checkpoint.fingerprint)


def draw(found: Comparison, path: Path) -> Path:
    """Draw the cross-similarity in the best key and the aligned path; see :func:`covsearch.plots.cross_similarity`.

    Parameters
    ----------
    found : Comparison
    path : Path
        A ``.png`` or ``.svg`` file, or a folder, in which the picture is called after both PIDs.

    Returns
    -------
    Path
        Of the picture.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    names = "_".join(as_file_name(p.pid) for p in (found.a, found.b))
    likely = f"{found.cover_probability:.1%}: {word(found.predicted, found.same_recording)}"
    return plots.cross_similarity(
        found.alignment.similarity,
        found.path,
        path if path.suffix in plots.SUFFIXES else path / f"compare_{names}.png",
        rates=found.rates,
        span=found.alignment.span,
        names=(_name(found.a), _name(found.b)),
        title=f"{likely}\n{found.key}\ntogether {found.together}",
    )


def _higher(semitones: int) -> str:
    return f"{counted(abs(semitones), 'semitone')} {'higher' if semitones > 0 else 'lower'}"


def _name(performance: Performance) -> str:
    return " · ".join(part for part in (performance.pid, performance.title, performance.artist) if part)


def _tracks(chroma: Chroma) -> tuple[list[NDArray[np.float32]], tuple[float, float]]:
    """Chroma of two performances, as played and at 2.69 frames/s or, of more than 25 minutes, less; and those rates.

    The two may be from folders with different frame rates, and then only nearly have one in common.
    """
    tracks = [chroma.track(row) for row in range(len(chroma))]
    block = -(-max(map(len, tracks)) // FRAMES)
    rates = chroma.rates / block
    return [means_of(track, block) for track in tracks], (float(rates[0]), float(rates[1]))
