"""The ladder to embeddings: frames -> vectors, chroma -> vector, files -> vector, packed store -> vectors.

Enter at the rung you have: :func:`embed_frames` for prepared frames, :func:`embed_chroma` for one performance's chroma,
:func:`embed_files` for its HDF5 files, :func:`embed_store` for a packed collection. The last three also go window by
window.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from covsearch.config import EMBEDDING_DIM
from covsearch.counting import comma_list
from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.dataset.hdf5 import read_chroma
from covsearch.errors import UsageError
from covsearch.features.frames import pad, prepare
from covsearch.features.known import keep_known, key_of, read_known
from covsearch.features.store import FrameStore
from covsearch.features.windows import Cuts, WindowRecipe, cut
from covsearch.models import Checkpoint, Siamese
from covsearch.progress import Progress, silent

_Read = Callable[[int], NDArray[np.float16]]
_BATCH = 16  # 16 x 2,048 frames x 32 channels of float32 stay inside a core's cache level 2 and 3
_SETTING_THREADS = threading.Lock()


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


def embed_chroma(
    checkpoint: Checkpoint, chroma: Mapping[str, NDArray[np.float32]], frame_rate: float
) -> NDArray[np.float32]:
    """Embed one performance from its chroma.

    Parameters
    ----------
    checkpoint : Checkpoint
    chroma : mapping
        Feature name -> (T, 12), values as in the dataset; every feature of the checkpoint is needed.
    frame_rate : float
        Of the chroma, frames/s (:mod:`covsearch.dataset.frame_rate`).

    Returns
    -------
    NDArray[float32], shape (128,)

    Raises
    ------
    ArtefactError
        When the features are not equally long.
    """
    vector: NDArray[np.float32] = embed_frames(checkpoint.model, [_seen(checkpoint, chroma, frame_rate)])[0]
    return vector


def embed_chroma_windows(
    checkpoint: Checkpoint, chroma: Mapping[str, NDArray[np.float32]], frame_rate: float, recipe: WindowRecipe
) -> tuple[NDArray[np.float32], Cuts]:
    """Embed one performance window by window; parameters and errors are those of :func:`embed_chroma`.

    Parameters
    ----------
    recipe : WindowRecipe
        How to cut what the model sees.

    Returns
    -------
    NDArray[float32], shape (m, 128)
    Cuts
        Of this one track.
    """
    tracks = [_seen(checkpoint, chroma, frame_rate)]
    return _embed_cut(checkpoint.model, [len(tracks[0])], tracks.__getitem__, recipe, silent)


def embed_stretches(
    checkpoint: Checkpoint,
    chroma: Mapping[str, NDArray[np.float32]],
    frame_rate: float,
    stretches: Sequence[tuple[int, int]],
    *,
    one_tempo: bool = False,
) -> NDArray[np.float32]:
    """Embed stretches of one long performance, each as if it were all there is.

    Parameters
    ----------
    checkpoint : Checkpoint
    chroma : mapping
        Feature name -> (T, 12), as for :func:`embed_chroma`.
    frame_rate : float
        Of the chroma, frames/s.
    stretches : sequence of (int, int)
        From one frame of `chroma` up to another.
    one_tempo : bool
        Hear each at its own tempo alone, however many the model hears: faster, for a first choice among many.

    Returns
    -------
    NDArray[float32], shape (n, 128)
        Unit vectors, in the order given.
    """

    def read(i: int) -> NDArray[np.float16]:
        start, end = stretches[i]
        return _seen(checkpoint, {name: values[start:end] for name, values in chroma.items()}, frame_rate)

    model = checkpoint.model
    if one_tempo:
        model = copy(model)
        model.tempi = 1
    return _embed_all(model, [end - start for start, end in stretches], read, "embedding", silent)


def _seen(checkpoint: Checkpoint, chroma: Mapping[str, NDArray[np.float32]], frame_rate: float) -> NDArray[np.float16]:
    """What the model sees of a performance, (L, F)."""
    return prepare(chroma, checkpoint.config.features, check_frame_rate(frame_rate)).astype(np.float16)


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
    return embed_chroma(checkpoint, read_features(checkpoint, files), frame_rate)


def read_features(checkpoint: Checkpoint, files: Mapping[str, Path]) -> dict[str, NDArray[np.float32]]:
    """What a model needs of one performance's files, feature name -> (T, 12); raises as :func:`embed_files`."""
    config = checkpoint.config.features
    missing = sorted(set(config.names) - set(files))
    if missing:
        raise UsageError(
            f"model {checkpoint.fingerprint} needs {comma_list(config.names)}: "
            f"no file with {comma_list(missing)} was given"
        )
    return {name: read_chroma(files[name], name) for name in config.names}


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
    _check_config(checkpoint, store)
    return _embed_all(checkpoint.model, store.lengths.tolist(), store.frames, "embedding", progress)


def embed_cached(checkpoint: Checkpoint, store: FrameStore, progress: Progress = silent) -> NDArray[np.float32]:
    """:func:`embed_store` of what the model has not embedded yet; the other vectors are kept beside the store.

    Parameters, result and errors are those of :func:`embed_store`.
    """
    _check_config(checkpoint, store)
    known = read_known(store.folder, checkpoint.fingerprint)
    new = tuple(entry for entry in store.entries if key_of(entry) not in known)
    if new:
        known |= zip(map(key_of, new), embed_store(checkpoint, replace(store, entries=new), progress), strict=True)
        keep_known(store, checkpoint.fingerprint, known)
    return np.stack([known[key_of(entry)] for entry in store.entries])


def embed_windows(
    checkpoint: Checkpoint, store: FrameStore, recipe: WindowRecipe, progress: Progress = silent
) -> tuple[NDArray[np.float32], Cuts]:
    """Embed every performance of a packed store window by window, a few windows in memory at a time.

    Parameters
    ----------
    checkpoint : Checkpoint
    store : FrameStore
        Packed with the checkpoint's feature configuration.
    recipe : WindowRecipe
        How to cut; its rate is :func:`~covsearch.features.frames.seen_rate` of the store's files.
    progress : Progress

    Returns
    -------
    NDArray[float32], shape (M, 128)
        Unit vectors: the windows of one performance after those of the other, in the store's order.
    Cuts
        Whose and where they are.

    Raises
    ------
    UsageError
        As :func:`embed_store`.
    """
    _check_config(checkpoint, store)
    return _embed_cut(checkpoint.model, store.lengths.tolist(), store.frames, recipe, progress)


def _check_config(checkpoint: Checkpoint, store: FrameStore) -> None:
    if store.config != checkpoint.config.features:
        raise UsageError(
            f"model {checkpoint.fingerprint} was trained on {checkpoint.config.features}, "
            f"the store holds {store.config}"
        )


def _embed_cut(
    model: Siamese, lengths: Sequence[int], read: _Read, recipe: WindowRecipe, progress: Progress
) -> tuple[NDArray[np.float32], Cuts]:
    """Embed the windows of tracks; `lengths` and `read` as in :func:`_embed_all`."""
    places = [(track, int(start)) for track, frames in enumerate(lengths) for start in recipe.starts(frames)]
    sizes = [min(recipe.length, lengths[track]) for track, _ in places]

    def read_window(i: int) -> NDArray[np.float16]:
        track, start = places[i]
        return read(track)[start : start + recipe.length]

    return _embed_all(model, sizes, read_window, "embedding windows", progress), cut(lengths, recipe)


def _embed_all(
    model: Siamese, lengths: Sequence[int], read: _Read, stage: str, progress: Progress
) -> NDArray[np.float32]:
    """Embed what `read` gives for 0, 1, ..., in batches of similar `lengths`, each read when it is its turn."""
    order = np.argsort(lengths, kind="stable").tolist()
    batches = [order[i : i + _BATCH] for i in range(0, len(order), _BATCH)]
    vectors = np.empty((len(order), EMBEDDING_DIM), dtype=np.float32)

    def work(rows: list[int]) -> int:
        vectors[rows] = embed_frames(model, [read(i) for i in rows])
        return len(rows)

    done = 0
    with _workers(max(1, min(os.cpu_count() or 1, len(batches)))) as pool:
        for n in pool.map(work, batches):
            done += n
            progress(stage, done, len(order))
    return vectors


def _workers(count: int) -> ThreadPoolExecutor:
    """A pool of `count` threads, each of which has one torch thread inside an operation.

    Splitting every small convolution over the cores instead spends its time at barriers, most of all on a busy
    machine.

    Torch keeps the number once a thread, from that thread's first use on, and once for threads that have not used
    torch yet. Each worker sets its own; then the caller puts back the number for new threads. The lock keeps two
    callers from reading each other's.
    """
    pool, all_here = ThreadPoolExecutor(count), threading.Barrier(count)

    def alone(_: int) -> None:
        torch.get_num_threads()  # the first use, which takes the number for new threads
        torch.set_num_threads(1)
        all_here.wait()  # so that no thread of the pool does this twice and another not at all

    with _SETTING_THREADS:
        before = torch.get_num_threads()
        try:
            list(pool.map(alone, range(count)))
        except BaseException:
            all_here.abort()  # a thread that could not be started would be waited for
            raise
        finally:
            torch.set_num_threads(before)
    return pool
