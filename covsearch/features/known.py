"""Vectors that a model made of a packed store, kept beside it, so that the next build embeds only what changed.

One file a model, ``vectors-<fingerprint>.npz``: `key` and `vectors`, a row each performance. A key is where in the
store the frames lie and what the files' checksums are, so that a changed file has none. Where the file cannot be read,
or its zip checksum is wrong, everything is embedded again.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.config import EMBEDDING_DIM
from covsearch.durable import draft_of
from covsearch.features.store import Entry, FrameStore


def key_of(entry: Entry) -> bytes:
    """What the vector of a performance is known by."""
    return f"{entry.first}+{entry.frames}:{','.join(entry.files[name].sha256 for name in sorted(entry.files))}".encode()


def read_known(folder: Path, fingerprint: str) -> dict[bytes, NDArray[np.float32]]:
    """Vectors (128,) by :func:`key_of`, of a store in `folder` and a model; none where nothing was kept."""
    try:
        with _path(folder, fingerprint).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            keys, vectors = arrays["key"], arrays["vectors"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    if vectors.shape != (len(keys), EMBEDDING_DIM) or vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        return {}
    return dict(zip(keys.tolist(), vectors, strict=True))


def keep_known(store: FrameStore, fingerprint: str, known: Mapping[bytes, NDArray[np.float32]]) -> None:
    """Keep the vectors of the performances of `store`, in one step; what else is in `known` is forgotten.

    Where the folder cannot be written, every build embeds again.
    """
    keys = [key_of(entry) for entry in store.entries]
    path = _path(store.folder, fingerprint)
    draft = draft_of(path)
    with suppress(OSError):
        try:
            with draft.open("wb") as file:
                np.savez(file, key=np.array(keys), vectors=np.stack([known[key] for key in keys]))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _path(folder: Path, fingerprint: str) -> Path:
    return folder / f"vectors-{fingerprint}.npz"
