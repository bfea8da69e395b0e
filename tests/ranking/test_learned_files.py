"""Weights from outside: read when they are what a configuration asks for, refused otherwise."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from songs import make_song

from covsearch.aligner_config import AlignerConfig
from covsearch.config import to_toml
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.models.aligner import AlignerNet, folded
from covsearch.ranking.learned import BUNDLED, bundled_aligner, load_aligner
from covsearch.ranking.learned_fit import AlignerFit, bundled_fit, heard, load_fit
from covsearch.synthesis import CoverMaker

CONFIG = AlignerConfig(width=2)
TENSORS = folded(AlignerNet(CONFIG))
FIT = AlignerFit("cnn-00000000", 0.7)
GOOD = safetensors.numpy.save(TENSORS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(GOOD)
    (tmp_path / "config.toml").write_text(to_toml(aligner=CONFIG))
    (tmp_path / "fit.toml").write_text(to_toml(fit=FIT))
    return tmp_path


def without(name: str) -> bytes:
    return safetensors.numpy.save({key: value for key, value in TENSORS.items() if key != name})


def with_nan() -> bytes:
    bias = TENSORS["hidden.bias"].copy()
    bias[3] = np.nan
    return safetensors.numpy.save({**TENSORS, "hidden.bias": bias})


def as_float64() -> bytes:
    return safetensors.numpy.save({**TENSORS, "out.bias": TENSORS["out.bias"].astype(np.float64)})


def test_what_was_written_is_read(folder: Path) -> None:
    aligner = load_aligner(folder)
    assert aligner.config == CONFIG
    assert load_fit(folder) == FIT
    x = np.ones((3, 20, 20), np.float32)
    assert aligner.logit(x) == load_aligner(folder).logit(x)


def test_the_bundled_weights_tell_covers_and_are_fitted_beside_the_bundled_model() -> None:
    assert (BUNDLED / "model.safetensors").stat().st_size < 2e6
    assert bundled_fit().model == load_checkpoint(bundled_checkpoint()).fingerprint
    maker, works = CoverMaker([make_song(seed, bars=48) for seed in range(5)]), np.repeat(np.arange(5), 2)
    frames, lengths = maker.make(works.tolist(), np.random.default_rng(0), hardness=0.3)
    tracks = [track[:length] for track, length in zip(frames, lengths.tolist(), strict=True)]
    scores = np.stack([bundled_aligner().scores(track, tracks) for track in tracks])
    cover = (works[:, None] == works[None]) & ~np.eye(10, dtype=np.bool_)
    assert scores[cover].mean() > scores[works[:, None] != works[None]].mean() + 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: b"", "a header of 0 bytes"),
        (lambda: GOOD[:-4], "has .* bytes for|tensors take"),
        (lambda: GOOD + b"x" * 2**21, "2,097,152|2 MiB"),
        (lambda: struct.pack("<Q", 2**62) + GOOD[8:], "a header of"),
        (lambda: pickle.dumps(TENSORS), "expected safetensors of an aligner"),
        (lambda: without("out.bias"), "'out.bias' is missing in the file and F32 \\(1,\\)"),
        (as_float64, "'out.bias' is F64 \\(1,\\) in the file"),
        (lambda: safetensors.numpy.save(folded(AlignerNet(AlignerConfig(width=3)))), "in the file and F32"),
        (with_nan, "hidden.bias holds NaN or infinity"),
    ],
)
def test_weights_that_are_not_the_configurations_are_refused(
    folder: Path, data: Callable[[], bytes], said: str
) -> None:
    (folder / "model.safetensors").write_bytes(data())
    with pytest.raises(ArtefactError, match=said):
        load_aligner(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no table"),
        ("[aligner]\nwidth = 100000\n", "width must be 1 to 64, not 100000"),
        ("[aligner]\nchannels = 2\n", "channels must be 1 or 3, not 2"),
        ("[aligner]\nstrides = 2\n", "unknown keys"),
        ("[aligner]\npooling = 'min'\n", "pooling must be one of"),
        ("a" * 2**14, "expected an aligner's configuration"),
    ],
)
def test_a_configuration_out_of_range_is_refused(folder: Path, text: str, said: str) -> None:
    (folder / "config.toml").write_text(text)
    with pytest.raises(ArtefactError, match=said):
        load_aligner(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.toml"])
def test_a_missing_file_is_told(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(NotFoundError, match=f"expected a trained aligner with .*, no {name}"):
        load_aligner(folder)


@pytest.mark.parametrize("change", [("share = 0.7", "share = -0.7"), ("share = 0.7", "share = inf"), ("model", "mode")])
def test_a_fit_out_of_range_is_refused(folder: Path, change: tuple[str, str]) -> None:
    text = (folder / "fit.toml").read_text()
    assert change[0] in text
    (folder / "fit.toml").write_text(text.replace(*change, 1))
    with pytest.raises(ArtefactError, match="expected what an aligner was fitted to"):
        load_fit(folder)


def test_the_network_is_heard_from_a_minute_on_and_wholly_from_two() -> None:
    rate = SLOW_RATE  # frames/s
    frames = np.array([0, 59 * rate, 60 * rate, 90 * rate, 120 * rate, 600 * rate])
    assert heard(frames) == pytest.approx([0, 0, 0, 0.5, 1, 1])
    learned = np.array([5.0, 5.0, 5.0, -4.0, 3.0, -2.0])
    assert FIT.evidence(learned, frames) == pytest.approx([0, 0, 0, -1.4, 2.1, -1.4])


def test_a_missing_fit_is_told(folder: Path) -> None:
    (folder / "fit.toml").unlink()
    with pytest.raises(ArtefactError, match="expected what an aligner was fitted to"):
        load_fit(folder)
