"""What is shown on a terminal of the text of strangers."""

from __future__ import annotations


def shown(text: str) -> str:
    """`text` with a � for every character that a terminal would obey rather than show; line ends stay."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
