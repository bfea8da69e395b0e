"""What is shown on a terminal of the text of strangers."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TextIO

import click

_WIDE = 110  # where there is no terminal, and COLUMNS says nothing


def shown(text: str) -> str:
    """`text` with a � for every character that a terminal would obey rather than show; line ends stay."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def say(line: str) -> None:
    """A line on stderr, which a terminal does not cut in a word: a :data:`~covsearch.progress.Tell`."""
    click.echo(_fitted(shown(line), 2, sys.stderr), err=True)


def warn(line: str) -> None:
    """The same, as a warning."""
    say(f"Warning: {line}")


def fitted(text: str, indent: int = 2) -> str:
    """`text` for stdout, each of its lines as :func:`wrapped` has it; as it is where nobody reads it on a terminal."""
    return _fitted(text, indent, sys.stdout)


def wrapped(line: str, indent: int) -> str:
    """`line` in as many lines as the terminal's width asks for, the later ones behind `indent` spaces."""
    return _wrapped(line, indent, shutil.get_terminal_size((_WIDE, 24)).columns)


def _fitted(text: str, indent: int, stream: TextIO) -> str:
    said = os.environ.get("COLUMNS", "")
    try:
        width = int(said) if said.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, OSError, ValueError):  # closed, or no terminal
        return text
    return "\n".join(_wrapped(line, indent, width) for line in text.split("\n")) if width else text


def _wrapped(line: str, indent: int, width: int) -> str:
    fill = textwrap.TextWrapper(
        width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False, expand_tabs=False
    ).fill
    return fill(line) if len(line) > width else line
