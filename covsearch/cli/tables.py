"""Tables for people, on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from covsearch.cli.shown import wrapped
from covsearch.printed import one_line

_WIDTH = 110  # where stdout is no terminal, whose width rich would ask for, and COLUMNS says nothing
_GAP = 2  # beside every column


class _Stdout(Console):
    """rich ends the process with 1 when its reader leaves; ``| head`` is no failure, and the caller ends it with 0."""

    def on_broken_pipe(self) -> None:
        """Let the BrokenPipeError that is being handled go on."""
        raise


def stdout() -> Console:
    """A console that neither colours numbers nor cuts a redirected table to 80 columns."""
    console = _Stdout(highlight=False)
    if console.is_terminal:
        return console
    said = os.environ.get("COLUMNS", "")
    return _Stdout(highlight=False, width=int(said) if said.isdecimal() and int(said) else _WIDTH)


def mark(says: str) -> str:
    """A sign as it is, or in letters where stdout cannot show it: no verdict is told by a ``?`` or by a colour."""
    try:
        says.encode(getattr(sys.stdout, "encoding", None) or "ascii")  # stdout is None where it was closed
    except UnicodeEncodeError:
        return "yes"
    return says


def plain(value: object) -> Text:
    """`value` as it is: no markup, and no control characters that a title could command the terminal with."""
    return Text(one_line("" if value is None else str(value)))


def fact(name: str, value: object, indent: int) -> Text:
    """A name and, `indent` characters from the left, its value; where that needs several lines, all begin there.

    A value with a longer word than fits there, a path, begins below its name. Print it with ``soft_wrap``: a path that
    is longer than the terminal is wide stays in one piece.
    """
    line = f"{name:{indent}}{plain(value).plain}"
    longest = max(map(len, line.split()), default=0)
    if indent + longest <= stdout().width or len(line) <= stdout().width:
        return Text(wrapped(line, indent))
    return Text(f"{name}\n  {wrapped(plain(value).plain, 2)}")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    caption: str | None = None,
    spare: Sequence[str] = (),
) -> Table:
    """A table of `rows`, numbers to the right, long texts shortened rather than wrapped.

    Parameters
    ----------
    columns : sequence of str
        A name that starts with ``>`` is aligned to the right, without the sign.
    rows : iterable
        Values, one a column; None is an empty cell.
    caption : str, optional
        What it says of a column that is left out (``Year: of the release · ...``) is left out too.
    spare : sequence of str
        Names of columns that are left out, the first first, while stdout is too narrow for all and for some 16
        letters of every text. What is left out is said below.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    gone = _too_many(columns, cells, spare)
    if gone:
        places = [place for place, name in enumerate(columns) if name.removeprefix(">") not in gone]
        columns, cells = [columns[place] for place in places], [[row[place] for place in places] for row in cells]
        left_out = f"left out for want of width: {', '.join(gone)}"
        caption = "\n".join(filter(None, (*_explained(caption or "", gone), left_out)))
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=caption, caption_justify="left")
    for name in columns:
        right = name.startswith(">")
        # rich narrows the columns that may wrap before the others: texts give way, numbers stay whole
        made.add_column(name.removeprefix(">"), justify="right" if right else "left", no_wrap=right)
    for row in cells:
        made.add_row(*row)
    return made


def _explained(caption: str, gone: Sequence[str]) -> list[str]:
    """The lines of a caption without what they say of the columns that are `gone`."""
    parts = (line.split(" · ") for line in caption.split("\n"))
    return [" · ".join(part for part in line if part.partition(" ")[0].rstrip(":") not in gone) for line in parts]


def _too_many(columns: Sequence[str], cells: Sequence[Sequence[Text]], spare: Sequence[str]) -> list[str]:
    """Which of the `spare` columns do not fit."""
    width = stdout().width
    least = min(16, max(12, width // 5))  # characters of a text that the spare ones give way to
    needed: dict[str, int] = {}
    for place, name in enumerate(columns):
        widest = max((row[place].cell_len for row in cells), default=0)
        title = name.removeprefix(">")
        needed[title] = max(len(title), widest if name.startswith(">") else min(widest, least)) + _GAP
    gone: list[str] = []
    for name in filter(needed.__contains__, spare):
        if sum(needed.values()) <= width:
            break
        del needed[name]
        gone.append(name)
    return gone


def _cell(value: object) -> Text:
    text = plain(value)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
