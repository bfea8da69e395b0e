"""Tables for people, on stdout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from covsearch.cli.shown import shown

_WIDTH = 110  # where stdout is no terminal, whose width rich would ask for


class _Stdout(Console):
    """rich ends the process with 1 when its reader leaves; ``| head`` is no failure, and the caller ends it with 0."""

    def on_broken_pipe(self) -> None:
        """Let the BrokenPipeError that is being handled go on."""
        raise


def stdout() -> Console:
    """A console that neither colours numbers nor cuts a redirected table to 80 columns."""
    console = _Stdout(highlight=False)
    return console if console.is_terminal else _Stdout(highlight=False, width=_WIDTH)


def plain(value: object) -> Text:
    """`value` as it is: no markup, and no control characters that a title could command the terminal with."""
    text = "" if value is None else str(value)
    return Text(shown(text.replace("\n", "\N{REPLACEMENT CHARACTER}")))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str | None = None) -> Table:
    """A table of `rows`, numbers to the right, long texts shortened rather than wrapped.

    Parameters
    ----------
    columns : sequence of str
        A name that starts with ``>`` is aligned to the right, without the sign.
    rows : iterable
        Values, one a column; None is an empty cell.
    caption : str, optional
    """
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=caption, caption_justify="left")
    for name in columns:
        right = name.startswith(">")
        # rich narrows the columns that may wrap before the others: texts give way, numbers stay whole
        made.add_column(name.removeprefix(">"), justify="right" if right else "left", no_wrap=right)
    for row in rows:
        made.add_row(*map(_cell, row))
    return made


def _cell(value: object) -> Text:
    text = plain(value)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
