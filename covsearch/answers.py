"""What a query answers: matches in their order, as objects, plain values, a pandas table or HTML."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from covsearch.dataset.performance import Performance
from covsearch.errors import MissingExtraError
from covsearch.printed import as_line, as_table

if TYPE_CHECKING:  # a query imports neither
    import pandas as pd

    from covsearch.index.windows import Passage

_COLUMNS = ("rank", "pid", "title", "artist", "year", "cover_probability", "predicted", "listed")  # of the HTML table


@dataclass(frozen=True)
class Match:
    """One ranked performance.

    Attributes
    ----------
    rank : int
        From 1.
    performance : Performance
    cover_probability : float or None
        In [0, 1], near 1 cover; of a search of this size where the model is calibrated, else 1 - `head_p`. None of
        foreign vectors that could not be calibrated.
    predicted : bool or None
        What covsearch says: whether it is a cover; None without a probability.
    same_recording : bool
        Whether it sounds like the query's own recording: as long, in the same key, alike at every moment. False of
        foreign vectors, which nothing can be heard of.
    listed : bool or None
        What the metadata says: whether both are performances of one work; None where that is not known.
    head_p : float or None
        The report's p, σ(distance + β) in [0, 1]: near 0 cover; None of foreign vectors.
    distance : float
        The learned weighted squared distance, without the bias; negative only where a weight is. Of foreign vectors
        1 - cosine.
    similarity : float or None
        Chamfer similarity of windows, where they were what ranked; of foreign vectors the cosine, and of several
        segments that of the most alike pair.
    passage : Passage or None
        Where query and match are most alike, with `similarity`.
    """

    rank: int
    performance: Performance
    cover_probability: float | None
    predicted: bool | None
    same_recording: bool
    listed: bool | None
    head_p: float | None
    distance: float
    similarity: float | None = None
    passage: Passage | None = None

    @property
    def pid(self) -> str:
        """Id of the performance."""
        return self.performance.pid

    @property
    def title(self) -> str:
        """Title of the performance; empty where unknown."""
        return self.performance.title

    @property
    def artist(self) -> str:
        """Performing artist; empty where unknown."""
        return self.performance.artist

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON; similarity and window values only where these ranked."""
        values = {
            "rank": self.rank,
            **self.performance.to_dict(),
            "cover_probability": self.cover_probability,
            "predicted": self.predicted,
            "same_recording": self.same_recording,
            "listed": self.listed,
            "head_p": self.head_p,
            "distance": self.distance,
        }
        if self.similarity is not None:
            values["similarity"] = self.similarity
        if self.passage is not None:
            at = {"query_start": self.passage.a, "match_start": self.passage.b}
            values |= {**at, "cosine": self.passage.cosine}
        return values


@dataclass(frozen=True)
class QueryResult(Sequence[Match]):
    """What a query answered, and how it was asked; a sequence of its matches, the likeliest first.

    Attributes
    ----------
    query : Performance or None
        None for a query from outside the index.
    matches : tuple of Match
        The query itself is not among them.
    rerank : str
        What ordered the matches: ``align``, ``aligner``, ``head`` or ``windows``; ``cosine`` of foreign vectors.
    candidates : int or None
        How many of the head's nearest were aligned or ordered by windows; None for the head, which ranks all.
    generation, model : str
        What was searched: the generation's name and its model's fingerprint, or the name of foreign vectors.
    threshold : float or None
        A match is predicted to be a cover when its cover probability is above it; None where there is none.
    calibrated : bool
        Whether the model, or the collection of foreign vectors, has a calibration.
    searched : int
        Performances in the collection, without the query.
    files : tuple of str
        What was asked with, for a query by files.
    frame_rate : float or None
        Frames/s at which files or an array were read.
    exact : bool
        Whether the nearest were proven to be the nearest; in a collection of more than 300,000 a few may be missed.
    """

    query: Performance | None
    matches: tuple[Match, ...]
    rerank: str
    candidates: int | None
    generation: str
    model: str
    threshold: float | None
    calibrated: bool
    searched: int
    files: tuple[str, ...] = ()
    frame_rate: float | None = None
    exact: bool = True

    def __len__(self) -> int:
        return len(self.matches)

    @overload
    def __getitem__(self, at: int) -> Match: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Match, ...]: ...
    def __getitem__(self, at: int | slice) -> Match | tuple[Match, ...]:
        return self.matches[at]

    def __iter__(self) -> Iterator[Match]:
        return iter(self.matches)

    @property
    def found(self) -> bool | None:
        """Whether any match is predicted to be a cover; None where nothing is predicted."""
        return None if self.threshold is None else any(match.predicted for match in self.matches)

    @property
    def sentence(self) -> str:
        """The answer in one sentence, with the likeliest match; it uses the number of that match's row."""
        if not self.matches:
            return "No cover found: there is nothing else in the index."
        if self.threshold is None:
            best = self.matches[0]
            return (
                f"The most alike is {best.pid}, of cosine {best.similarity:z.3f}; no probability of a cover is known."
            )
        best = max(self.matches, key=lambda match: match.cover_probability or 0)
        if best.same_recording:
            return f"The same recording found: {best.pid}."
        likely = f"{best.pid}, has a cover probability of {_percent(best.cover_probability or 0)}."
        return f"{'Cover' if self.found else 'No cover'} found: the likeliest, {likely}"

    def to_dicts(self) -> list[dict[str, Any]]:
        """The matches as plain values, ready for JSON."""
        return [match.to_dict() for match in self.matches]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON: the query, the answer, the matches and the settings."""
        settings = {
            "rerank": self.rerank,
            "candidates": self.candidates,
            "threshold": self.threshold,
            "calibrated": self.calibrated,
            "searched": self.searched,
            "exact": self.exact,
            "frame_rate": self.frame_rate,
            "generation": self.generation,
            "model": self.model,
        }
        asked = self.query.to_dict() if self.query else {"files": list(self.files)}
        return {"query": asked, "found": self.found, "matches": self.to_dicts(), "settings": settings}

    def to_pandas(self) -> pd.DataFrame:
        """The matches as a pandas table, one row each.

        Raises
        ------
        MissingExtraError
            Without pandas.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError as e:
            raise MissingExtraError("a pandas table", "pandas") from e
        return pd.DataFrame(self.to_dicts())

    def __str__(self) -> str:
        """A short table of the first ten matches."""
        return as_table(self)

    def __repr__(self) -> str:
        """One line."""
        return as_line(self)

    def _repr_html_(self) -> str:
        """The matches as a table in a notebook."""
        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        rows = ("".join(f"<td>{_shown(values[name])}</td>" for name in _COLUMNS) for values in self.to_dicts())
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<p>{html.escape(self.sentence)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: object) -> str:
    """A value as an HTML cell; a title may hold anything."""
    text = "" if value is None else f"{value:z.3f}" if isinstance(value, float) else str(value)
    return html.escape(text)


def _percent(probability: float) -> str:
    """With one decimal; what is not certain is not rounded to certainty."""
    told = f"{probability:.1%}"
    return "over 99.9%" if told == "100.0%" and probability < 1 else told
