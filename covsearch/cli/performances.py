"""How commands show a performance."""

from __future__ import annotations

import dataclasses
from typing import Any

from covsearch.dataset.performance import Performance


def performance_json(performance: Performance) -> dict[str, Any]:
    """All that is known of it, ready for :func:`json.dumps`."""
    values = dataclasses.asdict(performance)
    shown = {k: v for k, v in values.items() if k not in ("matches", "collection")}
    return {**shown, "musicbrainz": values["matches"]}


def headline(p: Performance) -> str:
    """Who plays what, in one line."""
    name = f"{p.pid} ({p.wid or 'work unknown'})"
    parts = (name, p.title, p.artist, p.year, f"work: {p.work_title}" if p.work_title else "")
    by = f" by {p.work_artist}" if p.work_title and p.work_artist else ""
    return " · ".join(str(part) for part in parts if part) + by
