"""Options that several commands have, each with one name, one type and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from covsearch.config import MAX_SEED
from covsearch.workspace import Workspace


def _in_store(ctx: click.Context, _: click.Parameter, url: str | None) -> None:
    """Let the command work on the index in a database."""
    if url:
        found: Workspace = ctx.obj
        ctx.obj = found.with_store(url)


class NamedPath(click.Path):
    """A path that need not be there; an empty text is none, where ``Path("")`` is the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty text."""
        what = "a folder" if not self.file_okay else "a file or folder" if self.dir_okay else "a file"
        return super().convert(value, param, ctx) if value else self.fail(f"expected {what}, got an empty text")


class NewFile(NamedPath):
    """A file that is written; the folder it is for must be there, which is looked at before anything is computed."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a file in a folder that is not there."""
        path = super().convert(value, param, ctx)
        return path if path.parent.is_dir() else self.fail(f"{path}: expected a folder {path.parent}, it is not there")


class Drawing(NamedPath):
    """Where one figure goes: a .png or .svg file, or a folder; looked at before anything is computed."""

    _OTHERS = frozenset({".jpg", ".jpeg", ".gif", ".pdf", ".webp", ".bmp", ".tif", ".tiff", ".eps"})

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse pictures of another kind, which would become folders, and files that are no pictures."""
        path: Path = super().convert(value, param, ctx)
        suffix = path.suffix.lower()
        if not path.is_dir() and (suffix in self._OTHERS or (path.exists() and suffix not in {".png", ".svg"})):
            self.fail(f"expected a .png or .svg file or a folder, got {path}")
        return path


PATH = NamedPath(path_type=Path)
DATASET = click.option("--dataset", type=PATH, help="Da-TACOS folder [the bundled sample].")
SUBSET = click.option("--subset", help="Which subset, when the folder holds several.")
MODEL = click.option("--model", type=PATH, help="Checkpoint folder [the bundled weights].")
FRAME_RATE = click.option(
    "--frame-rate", type=float, help="Frames a second of the files [as declared or known, or 86.13]."
)
METADATA = click.option("--metadata", type=PATH, help="CSV of ids, works, titles, artists, years, albums.")
SEED = click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Of draws and the bootstrap."
)
STORE = click.option(
    "--store",
    metavar="URL",
    expose_value=False,
    callback=_in_store,
    help="Database with the index, postgresql://... [COVSEARCH_STORE].",
)
REPORT_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
