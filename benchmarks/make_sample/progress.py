"""Progress on stderr."""

from __future__ import annotations

import sys
import time


def say(message: str) -> None:
    """Print one line with the time of day to stderr."""
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)
