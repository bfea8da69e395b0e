"""What is shown on a terminal of the text of strangers."""

from __future__ import annotations

import shutil
import textwrap

import click

_WIDE = 110  # where there is no terminal, and COLUMNS says nothing


def shown(text: str) -> str:
    """`text` with a � for every character that a terminal would obey rather than show; line ends stay."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def say(line: str) -> None:
    """A line on stderr: a :data:`~covsearch.progress.Tell`."""
    click.echo(shown(line), err=True)


def warn(line: str) -> None:
    """The same, as a warning."""
    say(f"Warning: {line}")


def wrapped(line: str, indent: int) -> str:
    """`line` in as many lines as the terminal's width asks for, the later ones behind `indent` spaces."""
    width = shutil.get_terminal_size((_WIDE, 24)).columns
    fill = textwrap.TextWrapper(
        width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False, expand_tabs=False
    ).fill
    return fill(line) if len(line) > width else line
