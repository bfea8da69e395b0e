"""Hub correction of whole rankings: against a slow loop, and where it must help."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.errors import UsageError
from covsearch.evaluate.hub_correction import hub_corrected
from covsearch.evaluate.retrieval import rank_covers, retrieval_metrics


@given(
    seed=st.integers(0, 10**6),
    size=st.integers(2, 12),
    k=st.integers(1, 11),
    block=st.integers(1, 5),
    sign=st.sampled_from([0.0, -3.0]),
)
def test_equals_the_slow_loop_with_and_without_negative_distances(
    seed: int, size: int, k: int, block: int, sign: float
) -> None:
    k = min(k, size - 1)
    table = sign + 5 * np.random.default_rng(seed).random((size, size))
    table[np.diag_indices(size)] = sign - 1 if sign else 0
    others = [[table[i, j] for j in range(size) if j != i] for i in range(size)]
    least = min(0.0, *(min(row) for row in others))
    scale = [sorted(row)[k - 1] - least for row in others]
    corrected = hub_corrected(lambda queries: table[queries], size, k, block=block)(np.arange(size))
    for i in range(size):
        for j in range(size):
            if i != j and scale[i] * scale[j] > 0:
                slow = (table[i, j] - least) / (scale[i] * scale[j]) ** 0.5
                assert corrected[i, j] == pytest.approx(slow, rel=1e-6, abs=1e-6)
    assert (np.diag(corrected) == 0).all()


def test_hubs_no_longer_stand_before_the_covers() -> None:
    """60 works of two in 30 dimensions and 10 hubs near their middle, nearer to most than their covers are."""
    rng = np.random.default_rng(0)
    versions = np.repeat(rng.standard_normal((60, 30)), 2, axis=0) + 0.8 * rng.standard_normal((120, 30))
    points = np.concatenate([versions, 0.2 * rng.standard_normal((10, 30))])
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    work = [*np.repeat(np.arange(60), 2).tolist(), *range(60, 70)]

    def plain(queries: np.ndarray) -> np.ndarray:
        return squared[queries]

    before = retrieval_metrics(rank_covers(plain, work)).map
    after = retrieval_metrics(rank_covers(hub_corrected(plain, len(points), 10), work)).map
    assert after > before + 0.1


def test_more_neighbours_than_there_are_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="neighbour 3 of 2 cannot be"):
        hub_corrected(lambda queries: np.ones((len(queries), 3)), 3, 3)
