"""A query's answer as text, for ``print`` and a session without HTML: a short table, and one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from covsearch.counting import counted
from covsearch.decision import word

if TYPE_CHECKING:
    from covsearch.answers import Match, QueryResult

SHOWN = 10  # matches
_WIDEST = 28  # places for a text
_RIGHT = ("rank", "probability", "cosine")


def as_table(result: QueryResult) -> str:
    """What was asked, the answer in a sentence, and the first matches: rank, id, title, artist, probability, verdict.

    Where no probability is known, there is a cosine and no verdict.
    """
    query = result.query
    asked = " · ".join(filter(None, (query.pid, query.title, query.artist))) if query else _asked(result)
    more = [f"... and {len(result) - SHOWN:,} more"] if len(result) > SHOWN else []
    return "\n".join([one_line(asked), result.sentence, *(_lines(result) if result else ()), *more])


def as_line(result: QueryResult) -> str:
    """What was asked, how many matches there are, and the answer in a sentence."""
    return (
        f"<covsearch.QueryResult for {_asked(result)} of {counted(len(result), 'match', 'matches')}: {result.sentence}>"
    )


def _asked(result: QueryResult) -> str:
    if result.query:
        return result.query.pid
    return " + ".join(Path(file).name for file in result.files) or ("an array" if result.frame_rate else "a vector")


def _lines(result: QueryResult) -> Iterator[str]:
    """The titles and the rows, every column as wide as its widest text needs."""
    from rich.cells import cell_len, set_cell_size  # letters that take two places

    judged = ("probability", "verdict") if result.threshold is not None else ("cosine",)
    titles = ("rank", "id", "title", "artist", *judged)
    rows = [titles, *(_row(match) for match in result[:SHOWN])]
    widths = [min(_WIDEST, max(map(cell_len, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if title in _RIGHT else set_cell_size(_shortened(cell, width), width)
            for title, cell, width in zip(titles, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _shortened(text: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"


def _row(match: Match) -> Sequence[str]:
    of = (str(match.rank), *map(one_line, (match.pid, match.title, match.artist)))
    if match.cover_probability is None:
        return *of, "" if match.similarity is None else f"{match.similarity:z.3f}"
    return *of, f"{match.cover_probability:.4f}", word(bool(match.predicted), match.same_recording)


def one_line(text: str) -> str:
    """`text` in one line, with a � for what a terminal would obey rather than show."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
