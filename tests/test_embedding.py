"""The ladder: every rung gives the same vectors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from collection import FRAME_RATE
from numpy.typing import NDArray
from untrained import write_model

from covsearch import embedding as embed
from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.embedding import (
    embed_chroma,
    embed_chroma_windows,
    embed_files,
    embed_frames,
    embed_store,
    embed_stretches,
    embed_windows,
    read_features,
)
from covsearch.errors import UsageError
from covsearch.features.frames import seen_rate
from covsearch.features.pack import pack
from covsearch.features.windows import WindowRecipe
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return load_checkpoint(write_model(tmp_path / "model", features=FeatureConfig("hpcp", 300)))


def test_store_files_and_frames_agree(toy: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    store = pack(dataset, checkpoint.config.features, tmp_path / "store")
    seen: list[tuple[str, int, int]] = []
    vectors = embed_store(checkpoint, store, lambda *args: seen.append(args))
    assert vectors.shape == (24, 128)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert seen[-1] == ("embedding", 24, 24)
    for i in (0, 7, 23):
        alone = embed_frames(checkpoint.model, [store.frames(i)])[0]
        np.testing.assert_allclose(vectors[i], alone, atol=1e-5)
        from_files = embed_files(checkpoint, dataset.files[store.pids[i]], dataset.frame_rate)
        np.testing.assert_allclose(from_files, alone, atol=1e-5)


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def threads_of_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


@pytest.mark.usefixtures("three_threads")
def test_torchs_threads_are_nobody_elses_while_embedding_and_after(
    toy: Path, tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = pack(open_dataset(toy, ["hpcp"]), checkpoint.config.features, tmp_path / "store")
    outside: list[int] = []
    inside: list[int] = []

    def watched(*args: Any) -> NDArray[np.float32]:
        inside.append(torch.get_num_threads())
        return embed_frames(*args)

    monkeypatch.setattr(embed, "embed_frames", watched)
    embed_store(checkpoint, store, lambda *_: outside.extend([torch.get_num_threads(), threads_of_a_new_thread()]))
    assert set(inside) == {1}
    assert set(outside) == {3}
    assert (torch.get_num_threads(), threads_of_a_new_thread()) == (3, 3)


@pytest.mark.usefixtures("three_threads")
def test_two_embeddings_that_overlap_leave_torchs_threads_as_they_were(
    toy: Path, tmp_path: Path, checkpoint: Checkpoint
) -> None:
    store = pack(open_dataset(toy, ["hpcp"]), checkpoint.config.features, tmp_path / "store")
    both_began, first_ended = threading.Barrier(2), threading.Event()

    def first() -> None:
        embed_store(checkpoint, store, lambda _, done, total: both_began.wait(600) if done == total else None)

    def second() -> None:
        embed_store(
            checkpoint, store, lambda _, done, total: both_began.wait(600) if done < total else wait(first_ended)
        )

    def wait(event: threading.Event) -> None:
        assert event.wait(600)

    with ThreadPoolExecutor(2) as pool:
        begun = [pool.submit(first), pool.submit(second)]
        begun[0].result()
        first_ended.set()
        begun[1].result()
    assert (torch.get_num_threads(), threads_of_a_new_thread()) == (3, 3)


@pytest.fixture
def at_a_rate(tmp_path: Path) -> Checkpoint:
    """A network that sees every second frame of the toy collection's."""
    features = FeatureConfig("hpcp", 2000, rate=FRAME_RATE / 2)
    return load_checkpoint(write_model(tmp_path / "rated", features=features))


def test_windows_of_store_and_files_are_the_embeddings_of_their_frames(
    toy: Path, tmp_path: Path, at_a_rate: Checkpoint
) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    store = pack(dataset, at_a_rate.config.features, tmp_path / "store")
    recipe = WindowRecipe(seen_rate(store.config, dataset.frame_rate), length=50, hop=20)
    seen: list[tuple[str, int, int]] = []
    vectors, cuts = embed_windows(at_a_rate, store, recipe, lambda *args: seen.append(args))
    assert store.lengths[:3].tolist() == [120, 124, 128]
    assert cuts.first[:4].tolist() == [0, 5, 10, 15]  # 0, 20, 40, 60 and the one that ends with the track
    assert len(vectors) == cuts.first[-1] == len(cuts.start)
    assert seen[-1] == ("embedding windows", len(vectors), len(vectors))
    for i in (0, 7, 23):
        starts = recipe.starts(int(store.lengths[i])).tolist()
        own = slice(cuts.first[i], cuts.first[i + 1])
        np.testing.assert_allclose(cuts.start[own], np.array(starts) * 2 / FRAME_RATE)
        alone = embed_frames(at_a_rate.model, [store.frames(i)[start : start + 50] for start in starts])
        np.testing.assert_allclose(vectors[own], alone, atol=1e-5)
        chroma = read_features(at_a_rate, dataset.files[store.pids[i]])
        by_file, own_cuts = embed_chroma_windows(at_a_rate, chroma, dataset.frame_rate, recipe)
        np.testing.assert_allclose(by_file, alone, atol=1e-5)
        assert own_cuts.first.tolist() == [0, len(starts)]


def test_a_track_no_longer_than_a_window_has_its_own_embedding(
    toy: Path, tmp_path: Path, at_a_rate: Checkpoint
) -> None:
    dataset = open_dataset(toy, ["hpcp"])
    store = pack(dataset, at_a_rate.config.features, tmp_path / "store")
    vectors, cuts = embed_windows(at_a_rate, store, WindowRecipe(seen_rate(store.config, dataset.frame_rate)))
    assert cuts.start.tolist() == [0.0] * 24
    np.testing.assert_allclose(vectors, embed_store(at_a_rate, store), atol=1e-5)


def test_store_of_another_configuration_is_refused(toy: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    store = pack(open_dataset(toy, ["hpcp"]), FeatureConfig("hpcp", 50), tmp_path / "store")
    with pytest.raises(UsageError, match=r"was trained on .*frames=300.*the store holds .*frames=50"):
        embed_store(checkpoint, store)
    with pytest.raises(UsageError, match=r"was trained on .*frames=300.*the store holds .*frames=50"):
        embed_windows(checkpoint, store, WindowRecipe(2.7))


def test_missing_feature_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs hpcp: no file with hpcp"):
        embed_files(checkpoint, {"crema": tmp_path / "x.h5"}, 86.13)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_frame_rate_that_cannot_be(checkpoint: Checkpoint, toy: Path, rate: float) -> None:
    with pytest.raises(UsageError, match="frame rate must be a positive number"):
        embed_files(checkpoint, open_dataset(toy).files["P_1"], rate)


def test_stretches_are_heard_at_one_tempo_where_that_is_asked_for() -> None:
    checkpoint = load_checkpoint(bundled_checkpoint())
    chroma = {"hpcp": np.random.default_rng(0).random((400, 12)).astype(np.float32)}
    whole = [(0, 400)]
    (three,) = embed_stretches(checkpoint, chroma, SLOW_RATE, whole)
    (one,) = embed_stretches(checkpoint, chroma, SLOW_RATE, whole, one_tempo=True)
    np.testing.assert_allclose(three, embed_chroma(checkpoint, chroma, SLOW_RATE), atol=1e-6)
    assert checkpoint.config.tempi == checkpoint.model.tempi == 3
    checkpoint.model.tempi = 1
    np.testing.assert_allclose(one, embed_chroma(checkpoint, chroma, SLOW_RATE), atol=1e-6)
    assert np.abs(one - three).max() > 0.01
