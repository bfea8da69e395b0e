"""Notes to audio: a MIDI file in memory, played through the sound font that pretty_midi brings."""

from __future__ import annotations

import io
import wave
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.make_sample.performance import LONGEST_S, Performance
from covsearch.synthesis.setting import Setting

SAMPLE_RATE = 44_100
RENDER_RATE = 48_000
"""What midirenderer gives, whatever one asks for."""
RELEASE_S = 1.0


def render(setting: Setting, performance: Performance) -> npt.NDArray[np.float32]:
    """Play the setting.

    Returns
    -------
    (N,) float32 in [-1, 1], mono at 44.1 kHz, with one second for the last note to ring
    """
    return play(*_midi(setting, performance))


def play(midi: bytes, length: float) -> npt.NDArray[np.float32]:
    """Play a MIDI file whose last note ends after `length` seconds.

    Returns
    -------
    (N,) float32 in [-1, 1], mono at 44.1 kHz, with one second for the last note to ring
    """
    import midirenderer
    from scipy.signal import resample_poly

    with wave.open(io.BytesIO(midirenderer.render_wave_from(_sound_font(), midi))) as sound:
        if sound.getframerate() != RENDER_RATE or sound.getsampwidth() != 2:
            raise RuntimeError(f"midirenderer gave {sound.getparams()}, expected 16 bit at {RENDER_RATE} Hz")
        stereo = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").reshape(-1, sound.getnchannels())
    mono = resample_poly(stereo.mean(axis=1) / 32768.0, SAMPLE_RATE, RENDER_RATE)
    mono = mono[: round((length + RELEASE_S) * SAMPLE_RATE)]
    peak = np.abs(mono).max()
    return np.asarray(mono * (0.9 / peak) if peak > 0 else mono, dtype=np.float32)


def _midi(setting: Setting, performance: Performance) -> tuple[bytes, float]:
    """A MIDI file and its length in seconds; notes that begin after the longest length are left out."""
    import pretty_midi

    quarter = 60.0 / performance.quarter_bpm
    midi = pretty_midi.PrettyMIDI(initial_tempo=performance.quarter_bpm)
    length = 0.0
    for index, part in enumerate(setting.parts):
        program = performance.programs[min(index, len(performance.programs) - 1)]
        instrument = pretty_midi.Instrument(program)
        for onset, duration, pitch in part:
            start, end = onset * quarter, min((onset + duration) * quarter, LONGEST_S)
            if start < LONGEST_S - 0.05:
                instrument.notes.append(pretty_midi.Note(90, pitch, start, end))
                length = max(length, end)
        midi.instruments.append(instrument)
    buffer = io.BytesIO()
    midi.write(buffer)
    return buffer.getvalue(), length


@lru_cache(maxsize=1)
def _sound_font() -> bytes:
    import pretty_midi

    return (Path(pretty_midi.__file__).parent / "TimGM6mb.sf2").read_bytes()
