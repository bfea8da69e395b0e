"""Audio files to chroma: decoding, mono at 44.1 kHz, harmonic pitch class profiles as Da-TACOS has them.

Importing this costs nothing: what a name needs is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__all__ = [
    "AUDIO_SUFFIXES",
    "DATASET_HOP",
    "LONGEST_SECONDS",
    "SAMPLE_RATE",
    "SEARCH_HOP",
    "AudioChroma",
    "hpcp",
    "is_audio",
    "read_audio_chroma",
]

if TYPE_CHECKING:
    from covsearch.features.audio.analysis import DATASET_HOP, SAMPLE_RATE, SEARCH_HOP, hpcp
    from covsearch.features.audio.read import LONGEST_SECONDS, AudioChroma, read_audio_chroma
    from covsearch.features.audio.suffixes import AUDIO_SUFFIXES, is_audio

_MODULES = {
    "analysis": ("DATASET_HOP", "SAMPLE_RATE", "SEARCH_HOP", "hpcp"),
    "read": ("LONGEST_SECONDS", "AudioChroma", "read_audio_chroma"),
    "suffixes": ("AUDIO_SUFFIXES", "is_audio"),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'covsearch.features.audio' has no attribute {name!r}")
    return getattr(importlib.import_module(f"covsearch.features.audio.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
