"""What is shown on a terminal of the text of strangers."""

from __future__ import annotations

import click


def shown(text: str) -> str:
    """`text` with a � for every character that a terminal would obey rather than show; line ends stay."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def say(line: str) -> None:
    """A line on stderr: a :data:`~covsearch.progress.Tell`."""
    click.echo(shown(line), err=True)


def warn(line: str) -> None:
    """The same, as a warning."""
    say(f"Warning: {line}")
