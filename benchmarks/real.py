"""The real recordings that are judged beside the bundled sample, where they are at hand."""

from __future__ import annotations

import sys
from pathlib import Path

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "covers80_dev"


def beside_sample(given: list[Path] | None, real: Path) -> list[Path]:
    """The folders to judge besides the sample.

    Parameters
    ----------
    given : list of Path or None
        What the user named; None for nothing, which is `real` where it is there, and else a line on stderr.
    real : Path
    """
    if given is not None:
        return given
    if real.is_dir():
        return [real]
    print(f"only the bundled sample: {real} is not there and no --dataset was given", file=sys.stderr)
    return []
