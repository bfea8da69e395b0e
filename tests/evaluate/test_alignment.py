"""Qmax and Dmax: essentia's against the recurrences as published, and the laws that their reuse rests on."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from collection import melody
from numpy.typing import NDArray

from covsearch.errors import MissingExtraError
from covsearch.evaluate import alignment

pytest.importorskip("essentia", reason="the extra 'audio'")

Matrix = NDArray[np.float64]


def padded(matching: Matrix, by: int) -> Matrix:
    return np.pad(matching.astype(np.float64), ((by, 0), (by, 0)))


def slow_qmax(matching: Matrix) -> float:
    """Serrà et al. (2009), equations 9 and 10: a path steps (1, 1), (2, 1) or (1, 2); a gap costs one half."""
    score = np.zeros(matching.shape)
    for i in range(2, len(score)):
        for j in range(2, score.shape[1]):
            before = [score[i - 1, j - 1], score[i - 2, j - 1], score[i - 1, j - 2]]
            score[i, j] = max(before) + 1 if matching[i, j] else max(0, max(before) - 0.5)
    return float(score.max())


def slow_dmax(matching: Matrix) -> float:
    """Chen et al. (2017): steps of up to three, and the matches that a step passes over count too."""
    score, r = np.zeros(matching.shape), matching
    for i in range(3, len(score)):
        for j in range(3, score.shape[1]):
            before = [
                score[i - 1, j - 1],
                score[i - 2, j - 1] + r[i - 1, j],
                score[i - 1, j - 2] + r[i, j - 1],
                score[i - 3, j - 1] + r[i - 2, j] + r[i - 1, j],
                score[i - 1, j - 3] + r[i, j - 2] + r[i, j - 1],
            ]
            score[i, j] = max(before) + 1 if r[i, j] else max(0, max(before) - 0.5)
    return float(score.max())


def slow_matches(a: Matrix, b: Matrix) -> Matrix:
    """Best key by the product of mean chroma, stacks of nine frames, the nearest 9.5 % both ways."""
    key = int(np.argmax([a.sum(axis=0) @ np.roll(b.sum(axis=0), k) for k in range(12)]))
    rolled = np.roll(b, key, axis=1)
    stacks = [np.stack([x[k : k + 9].ravel() for k in range(len(x) - 9)]) for x in (a, rolled)]
    distance = np.linalg.norm(stacks[0][:, None] - stacks[1][None], axis=2)
    near = [distance <= np.percentile(distance, 9.5, axis=axis, keepdims=True) for axis in (0, 1)]
    return (near[0] & near[1]).astype(np.float64)


def track(seed: int, frames: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((frames, 12), dtype=np.float32)


@pytest.mark.parametrize("density", [0.05, 0.3, 0.7])
@pytest.mark.parametrize(("name", "slow"), [("Qmax", slow_qmax), ("Dmax", slow_dmax)])
def test_a_run_of_random_matches_scores_as_published(name: str, slow: object, density: float) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        matching = (rng.random((int(rng.integers(4, 40)), 30)) < density).astype(np.float32)
        assert alignment.run_length(matching, name) == slow(matching)  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(3))
def test_matches_are_the_nearest_stacks_in_the_best_key(seed: int) -> None:
    """Within 1 %: where a distance is the very percentile, essentia's float32 and the oracle's may disagree."""
    a, b = track(seed, 60), track(seed + 9, 83)
    found = alignment.matches(a, b)
    assert found.shape == (51, 74)
    assert np.mean(found != slow_matches(a.astype(np.float64), b.astype(np.float64))) < 0.01
    np.testing.assert_array_equal(alignment.matches(b, a), found.T)  # so every pair is aligned once


def test_distances_are_essentia_s_own_asymmetric_ones() -> None:
    import essentia.standard as standard

    frames = [track(k, length) for k, length in enumerate((40, 70, 55, 30, 90, 41, 42, 43, 44, 45))]
    told: list[tuple[int, int]] = []
    found = alignment.align_pairs(
        frames, ["Dmax", "Qmax"], progress=lambda stage, done, total: told.append((done, total))
    )
    assert told[-1] == (45, 45)
    for name, kind in alignment.RECURRENCES.items():
        asymmetric = standard.CoverSongSimilarity(alignmentType=kind, distanceType="asymmetric")
        distances = found[name](np.arange(10))
        for a in range(10):
            for b in set(range(10)) - {a}:
                expected = asymmetric(alignment.matches(frames[a], frames[b]))[1]
                assert distances[a, b] == pytest.approx(expected, rel=1e-6)
        assert 0 < found[name].seconds_per_pair < 1


def test_a_transposed_performance_is_as_near_as_the_same() -> None:
    frames = [melody(1, 80), np.roll(melody(1, 80), 5, axis=1), melody(2, 80)]
    for found in alignment.align_pairs(frames, ["Qmax", "Dmax"]).values():
        (same, other) = found(np.array([0]))[0, 1:]
        assert same == pytest.approx(np.sqrt(71) / found.score[0, 1])
        assert found.score[0, 1] >= 67 > 1.5 * found.score[0, 2]
        assert same < other


def test_processes_find_what_one_finds() -> None:
    frames = [track(k, 30 + k) for k in range(9)]  # more than one tile
    one, two = (alignment.align_pairs(frames, ["Qmax"], workers=n)["Qmax"] for n in (1, 2))
    np.testing.assert_array_equal(one.score, two.score)
    assert one.score[np.triu_indices(9, 1)].min() > 0
    assert two.seconds_per_pair > 0


@pytest.mark.parametrize("length", [1, 2, 9, 10, 12, 13])
def test_short_performances_are_repeated_and_silence_is_aligned(length: int) -> None:
    frames = alignment.alignable(track(0, length))
    assert len(frames) == max(length, 13)
    np.testing.assert_array_equal(frames, np.resize(track(0, length), (13, 12)))
    rows = [frames, alignment.alignable(np.zeros((length, 12), np.float32)), alignment.alignable(track(1, 50))]
    for found in alignment.align_pairs(rows, ["Qmax", "Dmax"]).values():
        assert np.isfinite(found(np.arange(3))).all()


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


def test_without_essentia_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "essentia", None)
    monkeypatch.setattr(alignment, "_on_disk", lambda size: pytest.fail("work was begun"))
    with pytest.raises(MissingExtraError, match="'audio'"):
        alignment.align_pairs([track(0, 20), track(1, 20)], ["Qmax"])


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
align_pairs([x[:, :12], x[::-1, :12].copy()], ["Qmax", "Dmax"], workers=1)
assert before == others()
"""


def test_torch_and_faiss_work_beside_it_and_nothing_is_printed() -> None:
    done = subprocess.run([sys.executable, "-c", BESIDE_OTHERS], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
