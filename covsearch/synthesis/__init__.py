"""Covers from notes: a song as layers of notes and chords becomes the chroma of a cover that nobody has played.

::

    MIDI folder, music21 ──> Song ──> arrangement, harmony, form ──> acoustics ──> frames (L, 12) as a branch sees them
                           song.py    what is played, and in what order   how it sounds     at 2.7 frames/s

Two covers of one song differ in key, tempo, form, accompaniment, instruments and noise, so that a branch learns what
remains: :mod:`covsearch.training` asks :class:`~covsearch.synthesis.cover.CoverMaker` for fresh ones at every step.
"""

from covsearch.synthesis.cover import CoverMaker
from covsearch.synthesis.song import Song

__all__ = ["CoverMaker", "Song"]
