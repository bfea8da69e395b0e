"""A recording from outside an index, heard once: asked with as often as one likes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covsearch.dataset.performance import Performance
from covsearch.errors import UsageError

if TYPE_CHECKING:
    from covsearch.hearing import HeardOutside
    from covsearch.search import Searcher
    from covsearch.stages import Question


@dataclass(frozen=True, eq=False)
class Listened:
    """A recording from outside as the index's model hears it; made by :meth:`covsearch.Index.listen`.

    Attributes
    ----------
    heard : HeardOutside
        Its chroma, and the model.
    question : Question
        Its vector, and what is aligned.
    performance : Performance
        What its tags say of it; without tags it is called as the file.
    files : tuple of str
        What was read; empty for an array.
    """

    heard: HeardOutside
    question: Question
    performance: Performance
    files: tuple[str, ...]

    def check(self, searcher: Searcher) -> None:
        """Refuse to ask an index that another model built; a UsageError."""
        own, built = self.heard.checkpoint.fingerprint, searcher.generation.manifest.model
        if own != built:
            raise UsageError(f"the recording was heard by model {own}, and the index is of {built}: listen to it again")
