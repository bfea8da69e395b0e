"""Foreign vectors: embeddings of anybody's model, from one file, with the ids of the tracks that they are of.

``.npz`` with the arrays ``vectors`` and ``ids``; ``.safetensors`` with the tensor ``vectors`` and, in the metadata of
its header, ``ids`` as a JSON array of texts; ``.npy`` of vectors alone. Where the file has no ids, a CSV has them in
the order of the rows (:mod:`covsearch.dataset.tracks_csv`).

Vectors have the shape (N, D), or (N, S, D) for S segments a track. An id may come again: rows with one id are the
segments of one track.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.ids import ID_RULE, in_words, is_id
from covsearch.dataset.layout import Skipped
from covsearch.dataset.tracks_csv import Tracks
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.guard.arrays import read_floats, read_npy, read_npz
from covsearch.guard.documents import parse_json
from covsearch.guard.files import RefusedError

MAX_BYTES = 2**31
MAX_SEGMENTS = 10_000_000
MAX_TRACKS = 1_000_000  # each takes some 2 kB while the index is built
MIN_DIM, MAX_DIM = 2, 4096
_BLOCK = 4096  # rows that are float64 at a time
_Read = tuple[NDArray[Any], Any]  # vectors; ids as they are there, or None


@dataclass(frozen=True, eq=False)
class ForeignVectors:
    """Vectors of N tracks, M in all.

    Attributes
    ----------
    ids : tuple of str
        In the order in which they come first.
    vectors : NDArray[float32], shape (M, D)
        Of unit length; the segments of a track one after the other, in the file's order.
    first : NDArray[int64], shape (N + 1,)
        Rows ``first[i]`` to ``first[i + 1]`` are of track i.
    skipped : tuple of Skipped
        Tracks with a vector that has no direction.
    """

    ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    first: NDArray[np.int64]
    skipped: tuple[Skipped, ...]


def read_vectors(path: Path, tracks: Tracks | None = None, *, strict: bool = False) -> ForeignVectors:
    """Read foreign vectors and make them unit length.

    Parameters
    ----------
    path : Path
        ``.npz``, ``.npy`` or ``.safetensors``; float16, float32 or float64.
    tracks : Tracks, optional
        Has the ids in the order of the rows, where the file itself has none.
    strict : bool
        Refuse to skip a track.

    Raises
    ------
    NotFoundError
        When there is no such file.
    UsageError
        When it is of another kind, or nothing says the ids.
    ArtefactError
        When it is damaged or too large, vectors or ids cannot be, or no track is left; with `strict` for the first that
        would be skipped.
    """
    if path.suffix not in _READERS:
        raise UsageError(f"{path}: expected vectors as {', '.join(_READERS)}; pickles are never opened")
    if not path.exists():
        raise NotFoundError(f"{path} is not there; expected vectors as {', '.join(_READERS)}")
    try:
        found, own = _READERS[path.suffix](path)
        rows = _rows(found)
        if own is None and tracks is None:
            raise UsageError(f"{path} has no ids: name a CSV with --metadata, one line for each row")
        ids = as_ids(own) if own is not None else list(tracks.rows) if tracks else []
        if len(ids) != len(found):
            where = "ids" if own is not None or tracks is None else f"ids in {tracks.path}"
            raise RefusedError(f"has {len(found):,} rows of vectors and {len(ids):,} {where}; expected one each")
        vectors = _grouped([id_ for id_ in ids for _ in range(len(rows) // len(found))], rows)
    except RefusedError as e:
        raise ArtefactError(f"{path}: {e}") from e
    _check_skipped(path, vectors, strict)
    return vectors


def _npz(path: Path) -> _Read:
    arrays = read_npz(path, ("vectors", "ids"), MAX_BYTES)
    if "vectors" not in arrays:
        raise RefusedError("has no array 'vectors'")
    return arrays["vectors"], arrays.get("ids")


def _npy(path: Path) -> _Read:
    return read_npy(path, MAX_BYTES), None


def _safetensors(path: Path) -> _Read:
    vectors, texts = read_floats(path, "vectors", MAX_BYTES)
    if "ids" not in texts:
        return vectors, None
    ids = parse_json(texts["ids"], MAX_TRACKS)
    if not isinstance(ids, list):
        raise RefusedError("the ids in its header must be a JSON array")
    return vectors, ids


_READERS: Mapping[str, Callable[[Path], _Read]] = {".npz": _npz, ".npy": _npy, ".safetensors": _safetensors}


def _rows(vectors: NDArray[Any]) -> NDArray[Any]:
    """The vectors as (M, D), if they can be."""
    if vectors.dtype.kind != "f" or vectors.dtype.itemsize not in (2, 4, 8):
        raise RefusedError(f"expected vectors of float16, float32 or float64, not {vectors.dtype}")
    shape = vectors.shape
    if len(shape) not in (2, 3) or not all(shape) or not MIN_DIM <= shape[-1] <= MAX_DIM:
        dims = f"D from {MIN_DIM} to {MAX_DIM:,}"
        raise RefusedError(f"expected vectors of the shape (N, D) or (N, segments, D), {dims}, not {shape}")
    rows = vectors.reshape(-1, shape[-1])
    if len(rows) > MAX_SEGMENTS:
        raise RefusedError(f"has {len(rows):,} vectors; at most {MAX_SEGMENTS:,} are read")
    return rows


def as_ids(own: Any) -> list[str]:
    """Ids as texts; integers are taken too."""
    if isinstance(own, np.ndarray) and (own.ndim != 1 or own.dtype.kind not in "iuUS"):
        raise RefusedError(f"expected ids as texts or integers of the shape (N,), not {own.dtype} {own.shape}")
    ids = [_text(id_) for id_ in (own.tolist() if isinstance(own, np.ndarray) else own)]
    wrong = next((row for row, id_ in enumerate(ids) if not is_id(id_)), None)
    if wrong is not None:
        raise RefusedError(f"row {wrong}: {str(ids[wrong])[:80]!r} is no id: {ID_RULE}")
    return ids


def _text(id_: Any) -> Any:
    return id_.decode("utf-8", "surrogateescape") if isinstance(id_, bytes) else str(id_) if type(id_) is int else id_


def _grouped(ids: Sequence[str], rows: NDArray[Any]) -> ForeignVectors:
    """Rows of one id together, without tracks that have a vector without a direction."""
    numbers: dict[str, int] = {}
    track = np.array([numbers.setdefault(id_, len(numbers)) for id_ in ids], dtype=np.int64)
    if len(numbers) > MAX_TRACKS:
        raise RefusedError(f"has {len(numbers):,} tracks; at most {MAX_TRACKS:,} are read")
    unit, finite, some = _normalised(rows)
    names = list(numbers)
    order = np.argsort(track, kind="stable")
    sizes = np.bincount(track, minlength=len(names))
    begin = np.cumsum(sizes) - sizes
    skipped: dict[int, str] = {}
    for place in np.flatnonzero(~(finite & some)[order]).tolist():
        number, row = int(track[order[place]]), int(order[place])
        what = "is all zeros" if finite[row] else "has NaN or infinity"
        of = "its vector" if sizes[number] == 1 else f"its vector {place - begin[number] + 1} of {sizes[number]}"
        skipped.setdefault(number, f"{of} {what}")
    kept = np.array([number not in skipped for number in range(len(names))])
    order, sizes = order[kept[track[order]]], sizes[kept]
    return ForeignVectors(
        tuple(name for name, keep in zip(names, kept.tolist(), strict=True) if keep),
        unit[order],
        np.cumsum([0, *sizes], dtype=np.int64),
        tuple(Skipped(names[number], reason) for number, reason in sorted(skipped.items())),
    )


def _normalised(rows: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows of unit length, (M, D); which are finite, and which are not all zeros, (M,). Others are nonsense."""
    unit = np.zeros(rows.shape, np.float32)
    finite, some = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    for start in range(0, len(rows), _BLOCK):
        here = slice(start, start + _BLOCK)
        block = rows[here].astype(np.float64)
        finite[here] = np.isfinite(block).all(axis=1)
        some[here] = block.any(axis=1)
        good = finite[here] & some[here]
        block = block[good] / np.abs(block[good]).max(axis=1, keepdims=True)  # whose squares can be summed
        place = start + np.flatnonzero(good)
        unit[place] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return unit, finite, some


def _check_skipped(path: Path, vectors: ForeignVectors, strict: bool) -> None:
    if not vectors.skipped:
        return
    first = f"first {in_words(vectors.skipped[0].path)}: {vectors.skipped[0].reason}"
    if not vectors.ids:
        raise ArtefactError(f"{path}: no track can be used; {first}")
    if strict:
        raise ArtefactError(f"{path}: {len(vectors.skipped):,} tracks would be skipped, {first}; or drop --strict")
