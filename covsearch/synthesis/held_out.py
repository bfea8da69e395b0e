"""What no song that is trained on may be: a work that the bundled sample judges models by, under any title or key."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from covsearch.errors import NotFoundError
from covsearch.synthesis.melodies import Melodies

TOO_MUCH = 0.25  # of the shorter melody's runs of seven intervals
BUNDLED = Path(__file__).with_name("held_out.json")
"""Titles and melodies of the sample's validation and test performances, by ``python -m benchmarks.held_out_songs``."""
_ARTICLES = re.compile(r"^(the|a|an) | (the|a|an)$")


class HeldOutSongs:
    """Works that are held out.

    Parameters
    ----------
    titles : iterable of str
    melodies : sequence of sequence of int
        MIDI pitches.
    """

    def __init__(self, titles: Iterable[str], melodies: Sequence[Sequence[int]]) -> None:
        self._titles = {plain_title(title) for title in titles} - {""}
        self._melodies = Melodies(melodies)

    def reason(self, titles: Iterable[str], melody: Sequence[int]) -> str:
        """Why a song may not be trained on: its title, or over a quarter of its melody; empty where it may."""
        for title in titles:
            if plain_title(title) in self._titles:
                return "has the title of a work that models are judged by"
        if self._melodies.near(melody, TOO_MUCH):
            return "has the melody of a work that models are judged by"
        return ""


def plain_title(title: str) -> str:
    """A title without case, accents, punctuation and an article at its beginning or end."""
    letters = unicodedata.normalize("NFKD", title.casefold())
    words = " ".join(re.findall(r"\w+", "".join(c for c in letters if not unicodedata.combining(c) and c not in "'’")))
    return _ARTICLES.sub("", words)


@cache
def sample_held_out() -> HeldOutSongs:
    """The validation and test works of the bundled sample.

    Raises
    ------
    NotFoundError
        When this installation came without their list.
    """
    if not BUNDLED.is_file():
        raise NotFoundError(f"{BUNDLED} is not there: reinstall covsearch")
    said = json.loads(BUNDLED.read_text(encoding="utf-8"))
    return HeldOutSongs(said["titles"], [[ord(pitch) for pitch in melody] for melody in said["melodies"].values()])
