"""The learned head as arrays: distances and probabilities without the network that learned them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from covsearch.config import EMBEDDING_DIM
from covsearch.counting import comma_list
from covsearch.errors import ArtefactError


@dataclass(frozen=True, eq=False)
class Head:
    """``p = σ(Σ_j α_j (u_j − v_j)² + β)``: p near 0 means cover, p near 1 means non-cover (report, section 3).

    Attributes
    ----------
    alpha : ndarray of float32, shape (D,)
        Effective weights, in whatever way they were learned; may be negative.
    beta : float
        Bias; shifts every p and changes no order.
    dim : int
        D: 128 of models of ours.

    Raises
    ------
    ArtefactError
        When `alpha` is not (D,) or anything is NaN or infinite.
    """

    alpha: NDArray[np.float32]
    beta: float
    dim: int = EMBEDDING_DIM

    def __post_init__(self) -> None:
        alpha = np.ascontiguousarray(self.alpha, dtype=np.float32)
        if alpha.shape != (self.dim,):
            raise ArtefactError(f"head: alpha must have shape ({self.dim},), not {alpha.shape}")
        if not (np.isfinite(alpha).all() and np.isfinite(self.beta)):
            raise ArtefactError("head: alpha and beta must be finite; train the model again")
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "beta", float(self.beta))

    def distances(self, u: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Weighted squared distances ``Σ_j α_j (u_j − v_j)²``, without the bias.

        Parameters
        ----------
        u : ndarray, shape (D,)
        vectors : ndarray, shape (n, D)

        Returns
        -------
        ndarray of float64, shape (n,)
            A row's distance does not depend on the rows around it, so that equal rows get equal distances.
        """
        delta = vectors.astype(np.float64) - u.astype(np.float64)
        # a sum over each row instead of a matrix product: BLAS rounds a row by its place in the matrix
        return np.asarray((delta * delta * self.alpha).sum(axis=1), dtype=np.float64)

    def scores(self, u: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits s = distance + β of `u` (D,) with every row of `vectors` (n, D); float64, shape (n,)."""
        return self.distances(u, vectors) + self.beta

    @staticmethod
    def probability(s: NDArray[np.float64]) -> NDArray[np.float64]:
        """``σ(s)`` in [0, 1], the shape of `s`; accurate at both ends, where ``1 / (1 + exp(-s))`` overflows."""
        small = np.exp(-np.abs(s))
        return np.where(np.asarray(s) >= 0, 1.0, small) / (1.0 + small)


def head_bytes(head: Head) -> bytes:
    """`head` as safetensors: ``alpha`` (D,) float32 and ``beta`` (1,) float64."""
    return safetensors.numpy.save({"alpha": head.alpha, "beta": np.array([head.beta])})


def save_head(path: Path, head: Head) -> None:
    """Write :func:`head_bytes` of `head`."""
    path.write_bytes(head_bytes(head))


def cosine_head(dim: int) -> Head:
    """The head whose distance is 1 - cosine of unit vectors: ``Σ ½ (u - v)²``."""
    return Head(np.full(dim, 0.5, np.float32), 0.0, dim)


def load_head(path: Path, dim: int = EMBEDDING_DIM) -> Head:
    """Read what :func:`save_head` wrote of a head of `dim` weights; raises as :func:`read_head`."""
    return read_head(path.read_bytes(), path, dim)


def read_head(data: bytes, path: Path, dim: int = EMBEDDING_DIM) -> Head:
    """Read what :func:`head_bytes` made of a head of `dim` weights; `path` is what a message calls it.

    Raises
    ------
    ArtefactError
        When it is no safetensors or does not hold a head.
    """
    try:
        tensors = safetensors.numpy.load(data)
    except (SafetensorError, KeyError, ValueError) as e:
        raise ArtefactError(f"{path}: expected safetensors: {e}; run `covsearch build-index`") from e
    if sorted(tensors) != ["alpha", "beta"] or tensors["beta"].shape != (1,):
        raise ArtefactError(
            f"{path}: expected alpha and beta, got {comma_list(map(repr, sorted(tensors)))}; "
            "run `covsearch build-index`"
        )
    if {tensor.dtype.kind for tensor in tensors.values()} != {"f"}:
        came = sorted(f"{name} {tensor.dtype}" for name, tensor in tensors.items())
        raise ArtefactError(f"{path}: expected floats, got {came}; run `covsearch build-index`")
    try:
        return Head(tensors["alpha"], float(tensors["beta"][0]), dim)
    except ArtefactError as e:
        raise ArtefactError(f"{path}: {e}") from e
