"""Tiny songs for tests: eight bars of melody over triads."""

from __future__ import annotations

import numpy as np

from covsearch.synthesis.song import HIGH, LOW, MELODY, Song, on_grid

BAR, BARS = 16, 12


def make_song(seed: int, transposed: int = 0, bars: int = BARS) -> Song:
    """A melody of crotchets over one triad a bar, all drawn with `seed`, all pitches `transposed` semitones higher."""
    rng = np.random.default_rng(seed)
    steps = bars * BAR
    roots = rng.integers(12, size=bars)
    chords = np.full((steps, 5), -1, dtype=np.int8)
    rows = [
        (4.0 * k, 4.0 * k + 4, 60 + int(roots[k // 4]) + int(rng.choice([0, 2, 4, 7])), 0.8, MELODY)
        for k in range(steps // 4)
    ]
    for bar, root in enumerate(roots.tolist()):
        tones = [(root + tone + transposed) % 12 for tone in (0, 4, 7)]
        chords[bar * BAR : (bar + 1) * BAR] = (*tones, -1, tones[0])
        rows += [(bar * BAR, (bar + 1) * BAR, 57 + (root + tone) % 12, 0.6, HIGH) for tone in (0, 4, 7)]
        rows.append((bar * BAR, (bar + 1) * BAR, 36 + root, 0.7, LOW))
    table = np.array(rows)
    pitch, layer = table[:, 2].astype(np.int64) + transposed, table[:, 4].astype(np.int64)
    return Song(
        f"song {seed}", steps, 0.5, BAR, on_grid(table[:, 0], table[:, 1], pitch, table[:, 3], layer, steps), chords
    )
