"""What is shown on a terminal: text of strangers, and numbers of things."""

from __future__ import annotations


def shown(text: str) -> str:
    """`text` with a � for every character that a terminal would obey rather than show; line ends stay."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def counted(number: int, noun: str) -> str:
    """``1 work``, ``1,200 works``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
