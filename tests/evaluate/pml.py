"""pytorch-metric-learning's figures of a ranking, as an oracle."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray


def pml_accuracy(table: NDArray[np.float64], work: NDArray[np.int64]) -> dict[str, float]:
    """MAP, P@1 and MRR of the distances (N, N), each query at distance 0 of itself and left out."""
    torch = pytest.importorskip("torch")
    calculators = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator", reason="of dev")

    def knn(query: object, k: int, reference: object, ref_includes_query: bool) -> tuple[object, object]:
        """Exact neighbours without faiss, which would need float32; the query itself comes first."""
        order = np.argsort(table, axis=1, kind="stable")[:, 1 : k + 1]
        return torch.from_numpy(np.take_along_axis(table, order, axis=1)), torch.from_numpy(order)

    names = ("mean_average_precision", "precision_at_1", "mean_reciprocal_rank")
    most = len(work) - 1
    calculator = calculators.AccuracyCalculator(include=names, k=most, knn_func=knn, device=torch.device("cpu"))
    found: dict[str, float] = calculator.get_accuracy(torch.from_numpy(table), torch.from_numpy(work))
    return found
