"""A report as blocks, written as Markdown and as one page of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Heading:
    """A heading; `level` 1 is the title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; cells are text, and the caption may be empty."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """An image beside the page, by its path from there; `caption` is what a screen reader says, too."""

    path: str
    caption: str


Block = Heading | Text | Items | Table | Picture

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
caption, figcaption { text-align: left; font-size: .9rem; padding: .3rem 0; }
th, td { border-bottom: 1px solid #8886; padding: .25rem .7rem; text-align: left; font-variant-numeric: tabular-nums; }
td:first-child { white-space: nowrap; }
figure { margin: 1rem 0; } img { max-width: 100%; background: #fff; }
"""


def markdown(blocks: Sequence[Block]) -> str:
    """The blocks as Markdown."""
    return "\n\n".join(map(_markdown, blocks)) + "\n"


def html(blocks: Sequence[Block]) -> str:
    """The blocks as one page of HTML without scripts; pictures are linked by their paths."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "")
    body = "\n".join(map(_html, blocks))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Text(text):
            return text
        case Items(items):
            return "\n".join(f"- {item}" for item in items)
        case Picture(path, caption):
            return f"![{caption}]({path})\n\n{caption}"
        case Table(caption, columns, rows):
            lines = [columns, ("---",) * len(columns), *rows]
            cells = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
            table = "\n".join(f"| {line} |" for line in cells)
            return f"{caption}\n\n{table}" if caption else table


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Items(items):
            return "<ul>\n" + "\n".join(f"<li>{escape(item)}</li>" for item in items) + "\n</ul>"
        case Picture(path, caption):
            said = escape(caption)
            return f'<figure><img src="{escape(path)}" alt="{said}"><figcaption>{said}</figcaption></figure>'
        case Table(caption, columns, rows):
            head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
            body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            said = f"<caption>{escape(caption)}</caption>\n" if caption else ""
            return f"<table>\n{said}<tr>{head}</tr>\n{body}\n</table>"
