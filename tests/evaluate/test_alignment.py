"""Qmax of all pairs: against essentia's, and the laws that its reuse rests on."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from collection import melody
from numpy.typing import NDArray

from covsearch.evaluate import alignment
from covsearch.features.frames import unit_norm


def track(seed: int, frames: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((frames, 12), dtype=np.float32)


def song(seed: int, frames: int) -> NDArray[np.float32]:
    """A tune over noise, in unit frames: essentia compares frames by their distance."""
    noise = np.random.default_rng(seed).random((frames, 12)) ** 2
    return unit_norm((0.6 * melody(seed, frames) + noise).astype(np.float32))


def test_scores_are_nearly_those_of_essentia() -> None:
    """It leaves out the last stack and the first two, and its thresholds lie between two distances."""
    pytest.importorskip("essentia", reason="the oracle, in the extra 'dev'")
    import essentia.standard as standard

    stack = standard.ChromaCrossSimilarity(
        frameStackSize=9, frameStackStride=1, binarizePercentile=0.095, oti=True, noti=12
    )
    qmax = standard.CoverSongSimilarity(alignmentType="serra09", distanceType="symmetric")
    songs = [song(k % 8, 150 + 17 * k)[7 * (k // 8) :] for k in range(16)]  # each tune twice
    found = alignment.align_pairs(songs)
    pairs = [(a, b) for a in range(16) for b in range(a)]
    theirs = np.array([float(qmax(stack(songs[a], songs[b]))[1]) for a, b in pairs])
    ours = np.array([found.score[pair] for pair in pairs])
    difference = np.abs(ours - theirs) / theirs
    assert np.median(difference) < 0.04
    assert np.corrcoef(ours, theirs)[0, 1] > 0.97
    assert {pairs[k] for k in np.argsort(ours)[-8:]} == {(k + 8, k) for k in range(8)}


def test_every_pair_is_told_and_counted_in_stacks() -> None:
    told: list[tuple[int, int]] = []
    frames = [track(k, length) for k, length in enumerate((40, 70, 55, 30))]
    found = alignment.align_pairs(frames, progress=lambda stage, done, total: told.append((done, total)))
    assert told == [(3, 6), (5, 6), (6, 6)]
    assert found.stacks.tolist() == [32, 62, 47, 22]
    assert 0 < found.seconds_per_pair < 1
    np.testing.assert_array_equal(found.score, found.score.T)


def test_a_transposed_performance_is_as_near_as_the_same() -> None:
    frames = [melody(1, 80), np.roll(melody(1, 80), 5, axis=1), melody(2, 80)]
    found = alignment.align_pairs(frames)
    (same, other) = found(np.array([0]))[0, 1:]
    assert same == pytest.approx(np.sqrt(72) / found.score[0, 1])
    assert found.score[0, 1] >= 67 > 1.5 * found.score[0, 2]
    assert same < other


def test_threads_find_what_one_finds() -> None:
    frames = [track(k, 30 + k) for k in range(9)]
    one, two = (alignment.align_pairs(frames, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.score, two.score)
    assert one.score[np.triu_indices(9, 1)].min() > 0
    assert two.seconds_per_pair > 0


@pytest.mark.parametrize("length", [1, 2, 9, 10, 12, 13])
def test_short_performances_are_repeated_and_silence_is_aligned(length: int) -> None:
    frames = alignment.alignable(track(0, length))
    assert len(frames) == max(length, 13)
    np.testing.assert_array_equal(frames, np.resize(track(0, length), (13, 12)))
    rows = [frames, alignment.alignable(np.zeros((length, 12), np.float32)), alignment.alignable(track(1, 50))]
    assert np.isfinite(alignment.align_pairs(rows)(np.arange(3))).all()


def test_long_performances_are_aligned_in_coarser_frames() -> None:
    frames = track(0, 7_000)
    short = alignment.alignable(frames)
    assert len(short) == 2_334
    np.testing.assert_allclose(short[0], frames[:3].mean(axis=0), rtol=1e-6)
    assert alignment.alignable(frames[:3_000]).base is frames


def test_no_match_at_all_is_far_and_finite() -> None:
    score = np.array([[0, 0, 1], [0, 0, 7], [1, 7, 0]], dtype=np.float32)
    found = alignment.Alignments(score, np.array([16, 25, 36]), 1.0)
    assert found(np.array([0, 1])).tolist() == [[8, 10, 6], [8, 10, 6 / 7]]


BESIDE_OTHERS = """
import numpy as np, torch, faiss
from covsearch.evaluate.alignment import align_pairs
x = np.random.default_rng(0).random((300, 32), dtype=np.float32)
def others():
    index = faiss.IndexFlatL2(32)
    index.add(x)
    assert index.search(x, 3)[1][:, 0].tolist() == list(range(300))
    return torch.from_numpy(x).mm(torch.from_numpy(x.T)).sum().item()
before = others()
align_pairs([x[:, :12], x[::-1, :12].copy()])
assert before == others()
"""


def test_torch_and_faiss_work_beside_it_and_nothing_is_printed() -> None:
    done = subprocess.run([sys.executable, "-c", BESIDE_OTHERS], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
