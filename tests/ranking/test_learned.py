"""The learned aligner without torch: equal to torch, and the laws that a score keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from covsearch.aligner_config import AlignerConfig
from covsearch.errors import UsageError
from covsearch.features.augment import resampled, rotate_key
from covsearch.models.aligner import AlignerNet, folded
from covsearch.ranking import learned
from covsearch.ranking.learned import LEAST, Aligner, heard, keys, matrix
from covsearch.ranking.learned_kernel import normalised, pooled

CONFIG = AlignerConfig(width=4)


def made(config: AlignerConfig = CONFIG, seed: int = 0) -> AlignerNet:
    """A network whose normalisations have seen something, so that folding them matters."""
    torch.manual_seed(seed)
    net = AlignerNet(config)
    for _ in range(4):
        net(2 * torch.randn(3, config.channels, 40, 30), torch.tensor([[40, 30]] * 3))
    with torch.no_grad():
        net.out.weight.mul_(30)
    return net.eval()


def chroma(length: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((length, 12), dtype=np.float32) ** 3


ALIGNER = Aligner(CONFIG, folded(made()))
A, B = chroma(130, 0), chroma(160, 1)


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        AlignerConfig(),
        AlignerConfig(channels=1, width=3),
        *(AlignerConfig(width=4, pooling=one) for one in ("max", "mean", "top")),
    ],
)
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (64, 64), (101, 77), (300, 280)])
def test_equals_torch(config: AlignerConfig, shape: tuple[int, int]) -> None:
    net = made(config)
    x = np.random.default_rng(1).normal(size=(config.channels, *shape)).astype(np.float32)
    with torch.inference_mode():
        expected = float(net(torch.from_numpy(x)[None], torch.tensor([shape])))
    assert Aligner(config, folded(net)).logit(x) == pytest.approx(expected, abs=1e-4)


def test_torch_does_not_see_the_padding() -> None:
    net, x = made(), torch.zeros(2, 3, 96, 80)
    x[0, :, :33, :47], x[1] = torch.randn(3, 33, 47), torch.randn(3, 96, 80)
    with torch.inference_mode():
        alone = net(x[:1, :, :33, :47], torch.tensor([[33, 47]]))
        together = net(x, torch.tensor([[33, 47], [96, 80]]))
    assert float(together[0]) == pytest.approx(float(alone[0]), abs=1e-5)


@pytest.mark.parametrize("semitones", range(1, 12))
def test_a_score_does_not_depend_on_the_key(semitones: int) -> None:
    assert ALIGNER.pair(A, rotate_key(B, semitones)) == ALIGNER.pair(A, B)
    assert ALIGNER.pair(rotate_key(A, semitones), B) == ALIGNER.pair(A, B)


def test_stacked_features_are_transposed_block_by_block() -> None:
    both = [np.concatenate([one, one[:, ::-1]], axis=1) for one in (A, B)]
    assert ALIGNER.pair(both[0], rotate_key(both[1], 5)) == ALIGNER.pair(*both)


@pytest.mark.parametrize("length", [160, 130, 128])
def test_a_score_is_the_same_for_both_orders_of_a_pair(length: int) -> None:
    other = chroma(length, 2)
    assert ALIGNER.pair(A, other) == ALIGNER.pair(other, A)


def test_scores_depend_neither_on_threads_nor_on_the_other_candidates() -> None:
    tracks = [chroma(length, seed) for seed, length in enumerate((90, 400, 11, 130, 130, 77))]
    found = ALIGNER.scores(A, tracks, threads=1)
    assert len(set(found.tolist())) == 6
    assert found.tolist() == [ALIGNER.pair(A, one) for one in tracks]
    assert ALIGNER.scores(A, tracks, threads=3).tolist() == found.tolist()
    assert ALIGNER.scores(A, tracks[::-1], threads=2).tolist() == found[::-1].tolist()
    assert ALIGNER.scores(A, []).tolist() == []


def test_a_track_too_short_to_compare_is_least_alike() -> None:
    assert ALIGNER.pair(A, chroma(9, 0)) == LEAST
    assert ALIGNER.pair(A, chroma(10, 0)) > LEAST  # four means of three frames, the last of one


def test_silence_and_broken_frames_have_a_score() -> None:
    assert abs(ALIGNER.pair(A, np.zeros((100, 12), np.float32))) <= -LEAST
    broken = A.copy()
    broken[3] = np.nan
    assert np.isfinite(ALIGNER.pair(A, broken))


def test_long_tracks_are_compared_in_coarser_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MOST_FRAMES", 30)
    seen = [len(heard(one, CONFIG, 2).units) for one in (A, B)]
    assert seen == [22, 27]
    longer = np.repeat(A, 2, axis=0), np.repeat(B, 2, axis=0)  # 87 and 107 means of three: four times as coarse
    assert ALIGNER.pair(*longer, ()) == ALIGNER.pair(A, B, ())


def test_the_shorter_is_heard_slower_and_faster_too() -> None:
    logits = []
    for length in (130, 117, 144):
        own, there = (heard(one, CONFIG) for one in (resampled(A, length), B))
        logits.append(max(ALIGNER.logit(matrix(own, there, key, CONFIG)) for key in keys(heard(A, CONFIG), there)))
    assert ALIGNER.pair(A, B) == pytest.approx(np.log(np.mean(np.exp(logits))))
    assert ALIGNER.scores(A, [B], ()).tolist() == [ALIGNER.pair(A, B, ())] == pytest.approx(logits[:1])


@pytest.mark.parametrize("width", [0, 11, 24])
def test_frames_that_do_not_fit_are_refused(width: int) -> None:
    with pytest.raises(UsageError, match="expected tracks of \\(frames, pitches\\)"):
        ALIGNER.scores(A, [np.ones((40, width), np.float32)])


def test_matrices_are_standardised_as_said() -> None:
    similarity = np.random.default_rng(3).integers(-32_767, 32_768, (7, 5), dtype=np.int16)
    plain = similarity / 32_767
    rows, columns = (
        (plain - plain.mean(axis=axis, keepdims=True)) / (plain.std(axis=axis, keepdims=True) + 1e-3) / 2
        for axis in (1, 0)
    )
    np.testing.assert_allclose(normalised(similarity, 3), [2 * plain, rows, columns], atol=1e-5)
    np.testing.assert_allclose(normalised(similarity, 1), [2 * plain], atol=1e-6)


def test_a_matrix_is_of_centred_stretches_in_the_key_asked_for() -> None:
    first, second = (heard(one, CONFIG) for one in (A, B))
    found = matrix(first, second, 3, CONFIG)[0] / 2
    a, b = (np.stack([one[k : k + 3].mean(axis=0) for k in range(0, len(one), 3)]) for one in (A, rotate_key(B, -3)))
    a, b = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (a, b))
    a, b = (one - one.mean(axis=1, keepdims=True) for one in (a, b))
    single = (b / np.linalg.norm(b, axis=1, keepdims=True)) @ (a / np.linalg.norm(a, axis=1, keepdims=True)).T
    down, across = (size - 3 for size in single.shape)
    expected = np.mean([single[k : k + down, k : k + across] for k in range(4)], axis=0)
    np.testing.assert_allclose(found, expected, atol=2e-3)  # frames are rounded to whole numbers of about 1,800


def test_pooling_takes_maximum_mean_and_mean_of_the_twelve_greatest() -> None:
    x = np.random.default_rng(4).random((3, 5, 6), dtype=np.float32)
    top = np.sort(x.reshape(3, -1))[:, -12:].mean(axis=1)
    np.testing.assert_allclose(pooled(x), [x.max(axis=(1, 2)), x.mean(axis=(1, 2)), top], rtol=1e-6)
