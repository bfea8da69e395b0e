"""Write HPCP as Da-TACOS has it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray


def write_hpcp(path: Path, chroma: NDArray[np.float32], label: str, track_id: str, frame_rate: float) -> None:
    """Write one performance's HPCP; the file is whole or not there.

    Parameters
    ----------
    path : Path
        ``W_1_hpcp/P_1_hpcp.h5``; its folder is made.
    chroma : NDArray[float32], shape (T, 12)
    label, track_id : str
        ``W_1`` and ``P_1``.
    frame_rate : float
        Frames/s.
    """
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".tmp-{uuid4().hex}-{path.name}")  # another machine may write the same performance
    try:
        with h5py.File(draft, "w") as file:
            file.create_dataset(
                "hpcp", data=chroma.astype(np.float32), shuffle=True, compression="gzip", compression_opts=9
            )
            _name(file, label=label, track_id=track_id)
            file.attrs["frame_rate"] = frame_rate
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def move_hpcp(old: Path, new: Path, label: str) -> None:
    """Move one performance's features to another work's folder; a killed move leaves one or both, each whole.

    Parameters
    ----------
    old, new : Path
        ``W_1_hpcp/P_1_hpcp.h5`` and ``W_2_hpcp/P_1_hpcp.h5``; the folder of `new` is made, that of `old` goes if empty.
    label : str
        ``W_2``.
    """
    import h5py

    new.parent.mkdir(parents=True, exist_ok=True)
    draft, status = new.with_name(f".tmp-{uuid4().hex}-{new.name}"), old.stat()
    try:
        shutil.copyfile(old, draft)
        with h5py.File(draft, "r+") as file:
            _name(file, label=label)
        os.utime(draft, ns=(status.st_atime_ns, status.st_mtime_ns))  # it is as old as what it was made of
        draft.replace(new)
    finally:
        draft.unlink(missing_ok=True)
    old.unlink()
    if next(old.parent.iterdir(), None) is None:
        old.parent.rmdir()


def _name(file: Any, **names: str) -> None:
    """Write names as Da-TACOS does: of fixed length in UTF-8. PyTables, and so acoss, reads other strings as bytes."""
    import h5py

    for name, text in names.items():
        raw = text.encode()
        file.attrs.create(name, raw, dtype=h5py.string_dtype("utf-8", len(raw)))


def drop_drafts(path: Path) -> None:
    """Delete what writers of `path` left that were killed."""
    for draft in path.parent.glob(f".tmp-*-{path.name}"):
        draft.unlink(missing_ok=True)
