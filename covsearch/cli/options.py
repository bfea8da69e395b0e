"""Options that several commands have, each with one name, one type and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from covsearch.config import MAX_SEED


class NamedPath(click.Path):
    """A path that need not be there; an empty text is none, where ``Path("")`` is the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty text."""
        what = "a file or folder" if self.file_okay else "a folder"
        return super().convert(value, param, ctx) if value else self.fail(f"expected {what}, got an empty text")


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
REPORT_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
