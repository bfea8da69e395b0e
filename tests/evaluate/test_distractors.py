"""Distractors: made once, the same ones whatever was asked for before, and embedded as a query would be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from songs import make_song

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.embedding import embed_frames
from covsearch.errors import UsageError
from covsearch.evaluate import distractors as made
from covsearch.evaluate.distractors import CHUNK, distractors
from covsearch.index.chroma import Chroma
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.sources import SongCollection

Made = tuple[NDArray[np.float32], Chroma]


class Counted(CoverMaker):
    """Remembers which songs it covered."""

    which: list[int]

    def make(self, which: Sequence[int], *args: Any, **options: Any) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self.which = [*getattr(self, "which", []), *which]
        return super().make(which, *args, **options)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(bundled_checkpoint())


@pytest.fixture(autouse=True)
def songs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two collections of songs, in the place of files."""
    found = [SongCollection(str(k), CoverMaker([make_song(10 * k + s) for s in range(3)])) for k in (0, 1)]
    monkeypatch.setattr(made, "open_collections", lambda *_: found)


def same(one: Made, other: Made, rows: Iterable[int]) -> bool:
    tracks = all(np.array_equal(one[1].track(row), other[1].track(row)) for row in rows)
    return tracks and all(np.array_equal(one[0][row], other[0][row]) for row in rows)


def test_vectors_are_the_models_of_the_chroma_that_is_kept(checkpoint: Checkpoint, tmp_path: Path) -> None:
    vectors, chroma = distractors(checkpoint, ["songs"], 7, 0, tmp_path)
    assert (vectors.shape, len(chroma)) == ((7, 128), 7)
    assert (str(vectors.dtype), str(chroma.frames.dtype)) == ("float32", "uint8")
    again = embed_frames(checkpoint.model, [chroma.track(row).astype(np.float16) for row in range(7)])
    assert np.einsum("ij,ij->i", vectors, again) == pytest.approx(1, abs=1e-3)
    assert np.abs(vectors - np.roll(again, 1, axis=0)).max() > 0.05


def test_fewer_are_the_first_of_more_made_at_once_or_not(checkpoint: Checkpoint, tmp_path: Path) -> None:
    more = distractors(checkpoint, ["songs"], CHUNK + 3, 0, tmp_path / "at once")
    few = distractors(checkpoint, ["songs"], 5, 0, tmp_path / "not")
    assert len(few[1]) == 5
    assert same(few, more, range(5))
    assert same(distractors(checkpoint, ["songs"], CHUNK + 3, 0, tmp_path / "not"), more, range(CHUNK + 3))


def test_every_song_is_covered_equally_often_and_no_cover_is_another(checkpoint: Checkpoint, tmp_path: Path) -> None:
    maker = Counted([make_song(s) for s in range(6)])
    tracks = [track.tobytes() for chunk in (0, 1) for track in made._tracks(maker, 0, chunk)]
    assert len(set(tracks)) == 2 * CHUNK
    assert set(np.bincount(maker.which[:96])) == {16}


def test_what_is_there_is_not_made_again(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = distractors(checkpoint, ["songs"], 5, 0, tmp_path)
    monkeypatch.setattr(made, "_tracks", lambda *_: pytest.fail("made again"))
    assert same(distractors(checkpoint, ["songs"], CHUNK, 0, tmp_path), first, range(5))


@pytest.mark.parametrize("name", ["frames.u8", "vectors.f32", "lengths.i64"])
def test_half_a_chunk_of_a_killed_run_is_made_again(name: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    whole = distractors(checkpoint, ["songs"], CHUNK + 1, 0, tmp_path / "whole")
    distractors(checkpoint, ["songs"], 1, 0, tmp_path / "cut")
    with next((tmp_path / "cut").glob(f"*/{name}")).open("ab") as file:
        file.write(b"\1" * 101)
    assert same(distractors(checkpoint, ["songs"], CHUNK + 1, 0, tmp_path / "cut"), whole, range(CHUNK + 1))


def test_another_seed_and_other_songs_are_kept_apart(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = distractors(checkpoint, ["songs"], 2, 0, tmp_path)
    assert not same(distractors(checkpoint, ["songs"], 2, 1, tmp_path), first, range(2))
    other = [SongCollection("other", CoverMaker([make_song(s) for s in range(1, 7)]))]
    monkeypatch.setattr(made, "open_collections", lambda *_: other)
    assert not same(distractors(checkpoint, ["songs"], 2, 0, tmp_path), first, range(2))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_model_in_one_key_hears_covers_in_that(checkpoint: Checkpoint) -> None:
    features = replace(checkpoint.config.features, key="normalised", frames=40)
    track = np.random.default_rng(0).random((100, 12)).astype(np.float32)
    track *= np.arange(12, dtype=np.float32) / 12
    seen = made._seen(track, features)
    assert len(seen) == 34  # blocks of three
    assert np.array_equal(seen, made._seen(np.roll(track, 5, axis=1), features))


@pytest.mark.parametrize(
    "features", [FeatureConfig("hpcp"), FeatureConfig("crema", rate=2.69), FeatureConfig("hpcp", rate=5.0)]
)
def test_models_that_see_something_else_are_refused(
    features: FeatureConfig, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    other = replace(checkpoint, config=ModelConfig(features=features))
    with pytest.raises(UsageError, match=r"synthesised as HPCP at 2\.69 frames/s, but model invariant-\w+ sees"):
        distractors(other, ["songs"], 2, 0, tmp_path)
    assert not list(tmp_path.iterdir())


def test_none_cannot_be_asked_for(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1 distractor must be asked for, not 0"):
        distractors(checkpoint, ["songs"], 0, 0, tmp_path)
