"""A hit of a text search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from covsearch.dataset.performance import Performance


@dataclass(frozen=True)
class Found:
    """A hit of a text search.

    Attributes
    ----------
    performance : Performance
    versions : int
        Performances of its work in the collection, itself included; 1 where the work is not known.
    """

    performance: Performance
    versions: int

    def to_dict(self) -> dict[str, Any]:
        """All that is known of it, ready for JSON."""
        return {**self.performance.to_dict(), "versions": self.versions}
