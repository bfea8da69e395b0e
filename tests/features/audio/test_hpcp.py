"""Harmonic pitch class profiles: essentia's values, and the same in a stream as at once."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from features.audio.sounds import alike, tones
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.make_sample.features import essentia_hpcp
from benchmarks.make_sample.render import play
from covsearch.errors import UsageError
from covsearch.features.audio import hpcp
from covsearch.features.audio.analysis import hpcp_stream

Oracle = Callable[[NDArray[np.float32], int], NDArray[np.float32]]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    """Da-TACOS's chain of essentia's algorithms."""
    pytest.importorskip("essentia.standard", reason="essentia is not installed: the extra dev brings it")
    return essentia_hpcp


def noise(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(7).normal(0, 0.1, count).astype(np.float32)


SOUNDS = {
    "tones": tones(4),
    "out of tune": tones(3, 1, detuned=0.4),
    "noise, with more than 100 peaks": noise(40_000),
    "tones in noise": tones(3, 2) + 0.05 * noise(3 * 44_100),
    "quiet tones": tones(2, 3) * np.float32(1e-5),
    "16 bit, quiet": (np.round(tones(2, 4) * 30) / 32768).astype(np.float32),
    "silence": np.zeros(30_000, np.float32),
    "silence, tones, silence": np.concatenate([np.zeros(20_000), tones(1), np.zeros(20_000)]).astype(np.float32),
}


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("hop", [512, 2048, 4096])
def test_frames_are_essentias(oracle: Oracle, name: str, hop: int) -> None:
    ours, theirs = hpcp(SOUNDS[name], hop), oracle(SOUNDS[name], hop)
    assert ours.shape == theirs.shape
    cosine = alike(ours, theirs)
    assert cosine.mean() >= 0.99999
    assert cosine.min() >= 0.999
    assert np.quantile(np.abs(ours - theirs), 0.999) < 2e-3


def played(program: int) -> NDArray[np.float32]:
    """Four chords by one of General MIDI's instruments."""
    pretty_midi = pytest.importorskip("pretty_midi", reason="needs the extra 'sample'")
    midi, memory = pretty_midi.PrettyMIDI(), io.BytesIO()
    instrument = pretty_midi.Instrument(program)
    for k, chord in enumerate([(48, 64, 67), (53, 65, 69), (43, 62, 71), (48, 60, 76)]):
        instrument.notes += [pretty_midi.Note(90, pitch, 0.6 * k, 0.6 * k + 0.55) for pitch in chord]
    midi.instruments.append(instrument)
    midi.write(memory)
    return play(memory.getvalue(), 2.4)


@pytest.mark.parametrize("program", [0, 12, 19, 25, 40, 52, 56, 73, 105, 109])
def test_frames_of_rendered_instruments_are_essentias(oracle: Oracle, program: int) -> None:
    pytest.importorskip("midirenderer", reason="needs the extra 'sample'")
    sound = played(program)
    cosine = alike(hpcp(sound), oracle(sound, 2048))
    assert np.abs(sound).max() > 0.5
    assert cosine.mean() >= 0.9999
    assert np.quantile(cosine, 0.05) >= 0.999


@pytest.mark.parametrize("samples", [2, 100, 2047, 2048, 2049, 4095, 4096, 4097, 6143, 6144, 6145, 10_240])
def test_as_many_frames_as_essentias_of_short_sounds(oracle: Oracle, samples: int) -> None:
    sound = tones(1)[:samples]
    for hop in (1, 512, 2048, 3000, 4096) if samples < 100 else (512, 2048, 3000, 4096):
        assert hpcp(sound, hop).shape == oracle(sound, hop).shape


def test_no_samples_make_no_frames() -> None:
    assert hpcp(np.zeros(0, np.float32)).shape == (0, 12)


def test_one_note_and_its_bin() -> None:
    time = np.arange(44_100) / 44_100
    for semitone in range(12):  # above A
        found = hpcp(0.3 * np.sin(2 * np.pi * 440 * 2 ** (semitone / 12) * time))
        assert found.dtype == np.float32
        assert (found[2:-2, semitone] == 1).all()
        assert (found.max(axis=1) == 1).all()


def test_silence_is_zeros() -> None:
    found = hpcp(np.concatenate([np.zeros(44_100), tones(1), np.zeros(44_100)]))
    heard = found.any(axis=1)
    assert not heard[:20].any()
    assert not heard[-20:].any()
    assert heard[23:43].all()
    assert (found[heard].max(axis=1) == 1).all()


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 9000), max_size=12),
    rest=st.integers(1, 20_000),
    hop=st.sampled_from([512, 1024, 1777, 2048, 4096]),
)
def test_blocks_change_nothing(lengths: list[int], rest: int, hop: int) -> None:
    sound = tones(3)[: sum(lengths) + rest]
    blocks = np.split(sound, np.minimum(np.cumsum(lengths, dtype=int), len(sound)))
    np.testing.assert_array_equal(np.concatenate(list(hpcp_stream(blocks, hop))), hpcp(sound, hop))


@pytest.mark.parametrize("hop", [0, -1, 4097])
def test_a_hop_that_cannot_be(hop: int) -> None:
    with pytest.raises(UsageError, match=rf"^expected a hop of 1 to 4096 samples, not {hop}$"):
        hpcp(tones(1), hop)


def test_two_channels_are_not_guessed_at() -> None:
    with pytest.raises(UsageError, match=r"expected samples of one channel, shape \(N,\), not \(10, 2\)"):
        hpcp(np.zeros((10, 2)))
