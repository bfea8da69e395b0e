"""The ladder to embeddings: frames -> vectors, files -> vector, packed store -> vectors.

Enter at the rung you have: :func:`embed_frames` for arrays, :func:`embed_files` for one performance's HDF5 files,
:func:`embed_store` for a packed collection.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from covsearch.config import EMBEDDING_DIM
from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.errors import UsageError
from covsearch.features.frames import pad
from covsearch.features.pack import frames_of
from covsearch.features.store import FrameStore
from covsearch.models import Checkpoint, Siamese
from covsearch.progress import Progress, silent

_BATCH = 16  # 16 x 2,048 frames x 32 channels of float32 stay inside a core's cache level 2 and 3


def embed_frames(model: Siamese, sequences: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
    """Embed a few performances at once.

    Parameters
    ----------
    model : Siamese
        In evaluation mode.
    sequences : sequence of NDArray, shapes (L_i, F)
        Frames as :func:`covsearch.features.frames.prepare` makes them.

    Returns
    -------
    NDArray[float32], shape (B, 128)
        Unit vectors, in the order given.
    """
    lengths = [len(sequence) for sequence in sequences]
    batch = pad(sequences, model.batch_frames(lengths))  # (B, T, F)
    with torch.inference_mode():
        vectors: NDArray[np.float32] = model.embed(torch.from_numpy(batch), torch.tensor(lengths)).numpy()
    return vectors


def embed_files(checkpoint: Checkpoint, files: Mapping[str, Path], frame_rate: float) -> NDArray[np.float32]:
    """Embed one performance from its HDF5 files.

    Parameters
    ----------
    checkpoint : Checkpoint
    files : mapping
        Feature name -> file; every feature of the checkpoint is needed.
    frame_rate : float
        Of the files, frames/s (:mod:`covsearch.dataset.frame_rate`).

    Returns
    -------
    NDArray[float32], shape (128,)

    Raises
    ------
    UsageError
        When a feature that the model was trained on is missing, or the frame rate is no positive number.
    FeatureFileError
        When a file is refused.
    """
    config = checkpoint.config.features
    missing = sorted(set(config.names) - set(files))
    if missing:
        raise UsageError(f"model {checkpoint.fingerprint} needs {config.features}: no file with {missing} was given")
    frames = frames_of(files, config, check_frame_rate(frame_rate)).astype(np.float16)
    vector: NDArray[np.float32] = embed_frames(checkpoint.model, [frames])[0]
    return vector


def embed_store(checkpoint: Checkpoint, store: FrameStore, progress: Progress = silent) -> NDArray[np.float32]:
    """Embed every performance of a packed store, one thread a core.

    Tracks of similar length share a batch, so that little padding is computed; the rows come back in the
    store's order.

    Parameters
    ----------
    checkpoint : Checkpoint
    store : FrameStore
        Packed with the checkpoint's feature configuration.
    progress : Progress

    Returns
    -------
    NDArray[float32], shape (N, 128)
        Unit vectors.

    Raises
    ------
    UsageError
        When the store was packed with another feature configuration than the model was trained on.
    """
    if store.config != checkpoint.config.features:
        raise UsageError(
            f"model {checkpoint.fingerprint} was trained on {checkpoint.config.features}, "
            f"the store holds {store.config}"
        )
    order = np.argsort(store.lengths, kind="stable").tolist()
    batches = [order[i : i + _BATCH] for i in range(0, len(order), _BATCH)]
    vectors = np.empty((len(store), EMBEDDING_DIM), dtype=np.float32)

    def work(rows: list[int]) -> int:
        vectors[rows] = embed_frames(checkpoint.model, [store.frames(i) for i in rows])
        return len(rows)

    done = 0
    with _one_torch_thread(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for n in pool.map(work, batches):
            done += n
            progress("embedding", done, len(store))
    return vectors


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """One thread inside each operation while several batches run side by side.

    Splitting every small convolution over the cores instead spends its time at barriers, most of all on a busy
    machine; ``benchmarks/build_throughput.py`` measures both.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
