"""From stored chroma to frames: one pitch origin, unit length, block means, stacking (report, section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.config import FeatureConfig
from covsearch.dataset.chroma import CHROMA
from covsearch.errors import ArtefactError
from covsearch.features.key import to_c

# HPCP and CREMA of one recording come from different framings; the dataset's differ by a few of 86 frames/s
MAX_LENGTH_DIFFERENCE = 0.02


def align_pitch_origin(chroma: NDArray[np.float32], feature: str) -> NDArray[np.float32]:
    """Roll a feature so that bin 0 is C, whatever its own first bin is (A for HPCP).

    Parameters
    ----------
    chroma : NDArray[float32], shape (T, 12)
    feature : str
        A key of :data:`covsearch.dataset.chroma.CHROMA`.

    Returns
    -------
    NDArray[float32], shape (T, 12)
    """
    return np.roll(chroma, CHROMA[feature].first_bin, axis=1)


def unit_norm(chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale every frame to unit L2 norm; all-zero frames (silence) stay zero.

    Parameters
    ----------
    chroma : NDArray[float32], shape (T, 12)

    Returns
    -------
    NDArray[float32], shape (T, 12)
    """
    squared = np.einsum("tf,tf->t", chroma, chroma)  # (T,)
    scale = np.zeros_like(squared)
    np.divide(1, np.sqrt(squared), out=scale, where=squared > 0)
    unit: NDArray[np.float32] = chroma * scale[:, None]
    return unit


def block_means(sequence: NDArray[np.float32], frames: int, least: int = 1) -> NDArray[np.float32]:
    """Shorten a sequence to at most `frames` frames by means over equal blocks.

    The block is the smallest that suffices, ``ceil(T / frames)``, but not below `least`; the last block may be
    shorter and is the mean of what is there. With blocks of one frame a sequence comes back as it is.

    Parameters
    ----------
    sequence : NDArray[float32], shape (T, F)
    frames : int
    least : int
        Frames of the smallest block allowed.

    Returns
    -------
    NDArray[float32], shape (L, F)
        With ``L = ceil(T / block) <= frames``.
    """
    return means_of(sequence, max(least, -(-len(sequence) // frames)))


def means_of(sequence: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Means over every `block` frames; the last block may be shorter.

    Parameters
    ----------
    sequence : NDArray[float32], shape (T, F)
    block : int
        1 or less leaves the sequence as it is.

    Returns
    -------
    NDArray[float32], shape (ceil(T / block), F)
    """
    if block <= 1:
        return sequence
    starts = np.arange(0, len(sequence), block)
    sums: NDArray[np.float32] = np.add.reduceat(sequence, starts, axis=0)  # (L, F)
    return sums / np.diff(starts, append=len(sequence)).astype(np.float32)[:, None]


def prepare(chroma: Mapping[str, NDArray[np.float32]], config: FeatureConfig, frame_rate: float) -> NDArray[np.float32]:
    """One performance's stored chroma as the frames a branch sees.

    Features are cut to the shorter length; each is unit-normed frame by frame, brought to ``config.rate`` and at
    most ``config.frames`` by block means and rolled to the common pitch origin; then they are stacked on the last
    axis and, where the configuration says so, transposed together to one key.

    Parameters
    ----------
    chroma : mapping
        Feature name -> (T, 12), values as in the dataset.
    config : FeatureConfig
    frame_rate : float
        Of `chroma`, frames/s; matters only where ``config.rate`` is not 0.

    Returns
    -------
    NDArray[float32], shape (L, F)
        ``1 <= L <= config.frames``, values in [0, 1]; unpadded.

    Raises
    ------
    ArtefactError
        When the lengths of two features differ by more than 2 %: they are not of one recording.
    """
    lengths = {name: len(chroma[name]) for name in config.names}
    shortest, longest = min(lengths.values()), max(lengths.values())
    if longest - shortest > MAX_LENGTH_DIFFERENCE * longest:
        raise ArtefactError(f"features of one recording must be equally long (2 %), not {lengths} frames")
    block = round(min(frame_rate / config.rate, shortest)) if config.rate else 1
    short = {name: block_means(unit_norm(chroma[name][:shortest]), config.frames, block) for name in config.names}
    # rolling the few block means equals rolling the many frames
    frames = np.concatenate([align_pitch_origin(means, name) for name, means in short.items()], axis=1)
    return to_c(frames) if config.key == "normalised" else frames


def pad(sequences: Sequence[NDArray[np.floating[Any]]], frames: int) -> NDArray[np.float32]:
    """Truncate and right-pad sequences with zeros to a batch of `frames` frames.

    Parameters
    ----------
    sequences : sequence of NDArray of floats, shapes (L_i, F)
    frames : int
        The common length; the true lengths travel beside the batch as the mask.

    Returns
    -------
    NDArray[float32], shape (B, frames, F)
    """
    batch = np.zeros((len(sequences), frames, sequences[0].shape[1]), dtype=np.float32)
    for row, sequence in zip(batch, sequences, strict=True):
        row[: len(sequence)] = sequence[:frames]
    return batch
