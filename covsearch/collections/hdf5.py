"""Write HPCP as Da-TACOS has it."""

from __future__ import annotations

from pathlib import Path
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
            for name, text in (("label", label), ("track_id", track_id)):
                # fixed length and UTF-8, as Da-TACOS's own: PyTables, and so acoss, reads other strings as bytes
                raw = text.encode()
                file.attrs.create(name, raw, dtype=h5py.string_dtype("utf-8", len(raw)))
            file.attrs["frame_rate"] = frame_rate
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def drop_drafts(path: Path) -> None:
    """Delete what writers of `path` left that were killed."""
    for draft in path.parent.glob(f".tmp-*-{path.name}"):
        draft.unlink(missing_ok=True)
