"""What is assigned to a setting to make it one performance: instruments and tempo, both seeded by its source id."""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass

from covsearch.synthesis.setting import Setting, base_tempo

ENSEMBLES: dict[str, dict[str, tuple[int, ...]]] = {
    "chorale": {
        "brass quartet": (56, 60, 57, 58),
        "choir aahs": (52,),
        "church organ": (19,),
        "electric piano": (4,),
        "grand piano": (0,),
        "harpsichord": (6,),
        "nylon guitar": (24,),
        "recorders": (74,),
        "reed organ": (20,),
        "steel guitar": (25,),
        "string ensemble": (48,),
        "string quartet": (40, 40, 41, 42),
        "voice oohs": (53,),
        "woodwind quartet": (73, 68, 71, 70),
    },
    "tune": {
        "accordion": (21,),
        "bagpipe": (109,),
        "banjo": (105,),
        "clarinet": (71,),
        "concertina": (23,),
        "dulcimer": (15,),
        "fiddle": (40,),
        "flute": (73,),
        "grand piano": (0,),
        "harp": (46,),
        "oboe": (68,),
        "recorder": (74,),
        "steel guitar": (25,),
        "piccolo": (72,),
    },
}
"""General MIDI programs (0-127) from the top part down; the last one serves every part below it.

The draw goes by place in this table. No whistle (78): the sound font plays it three semitones sharp.
"""

SPREAD = 0.13
SLOWEST, FASTEST = 0.75, 1.3
SHORTEST_S, LONGEST_S = 20.0, 120.0


@dataclass(frozen=True)
class Performance:
    """The assigned part of a performance: `programs` as in `ENSEMBLES`, `tempo` a factor on the base tempo."""

    ensemble: str
    programs: tuple[int, ...]
    quarter_bpm: float
    tempo: float


def assign(setting: Setting, seed: int) -> Performance:
    """Draw an ensemble and a tempo factor in [0.75, 1.3] for `setting`, the same ones at every call."""
    digest = hashlib.sha256(f"{seed}:{setting.source_id}".encode()).digest()
    draw = random.Random(int.from_bytes(digest[:8], "big"))
    ensembles = ENSEMBLES[setting.kind]
    ensemble = draw.choice(list(ensembles))
    tempo = min(max(math.exp(draw.gauss(0.0, SPREAD)), SLOWEST), FASTEST)
    return Performance(ensemble, ensembles[ensemble], round(base_tempo(setting) * tempo, 2), round(tempo, 3))


def seconds(setting: Setting, performance: Performance) -> float:
    """Length of the notes in seconds, at most `LONGEST_S`."""
    return min(setting.quarters * 60.0 / performance.quarter_bpm, LONGEST_S)
