"""Read one chroma feature from one Da-TACOS file, or refuse the file and say why.

Da-TACOS files are written by deepdish/PyTables and come from strangers: everything that can be known from the
header is checked before a value is read, so that a small file cannot ask for gigabytes or for another file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5s, h5t
from numpy.typing import NDArray

from covsearch.counting import comma_list
from covsearch.dataset.chroma import BINS, CHROMA
from covsearch.dataset.chunks import Layout, read_values, stored_layout
from covsearch.dataset.frame_rate import MAX_RATE
from covsearch.errors import FeatureFileError
from covsearch.guard.files import RefusedError, Snapshot

FLOATS = (
    (h5t.IEEE_F16LE, "<f2"),
    (h5t.IEEE_F32LE, "<f4"),
    (h5t.IEEE_F64LE, "<f8"),
    (h5t.IEEE_F16BE, ">f2"),
    (h5t.IEEE_F32BE, ">f4"),
    (h5t.IEEE_F64BE, ">f8"),
)
MAX_FILE_BYTES = 128 * 2**20  # a benchmark performance with all seven features has a few MB
MAX_NAME_BYTES = 64  # of the attributes that hold a PID or WID
LOWEST, HIGHEST = 1e-15, 1e15  # of the highest value: squares of all that float32 holds would be 0 or infinity
# what h5py raises on damaged files; none of these may reach a caller
H5PY_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, ArithmeticError, MemoryError)


class DeclaredRateError(FeatureFileError):
    """A file that was refused for the frame rate that it declares."""


def read_chroma(
    path: Path,
    feature: str,
    *,
    pid: str | None = None,
    wid: str | None = None,
    root: Path | None = None,
    frame_rate: float | None = None,
) -> NDArray[np.float32]:
    """Read the chroma of one performance as it is stored.

    Parameters
    ----------
    path : Path
        An HDF5 file of either Da-TACOS layout.
    feature : str
        A key of :data:`~covsearch.dataset.chroma.CHROMA`.
    pid, wid : str, optional
        What the file's ``track_id`` and ``label`` must say, where it has them.
    root : Path, optional
        A folder, its own links resolved, that the file must be in; without, links lead wherever they lead.
    frame_rate : float, optional
        Frames/s; what the file's ``frame_rate`` must say, where it has one. One that is no positive number is always
        refused.

    Returns
    -------
    NDArray[float32], shape (T, 12)
        C-contiguous, finite, >= 0, the highest value 1e-15 to 1e15; single all-zero frames are silence. Bin 0 is the
        feature's own ``first_bin``. A file with (12, T), as CREMA has in coveranalysis, is transposed.

    Raises
    ------
    FeatureFileError
        With the reason, for every file that is not exactly that.
    """
    with _opened(path, feature, pid, wid, root, frame_rate) as layout:
        stored = read_values(layout)
        frames = stored if stored.shape[1] == BINS else stored.T
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, which is refused below
            frames = np.ascontiguousarray(frames, dtype=np.float32)
        _check_values(frames)
    return frames


def inspect_chroma(
    path: Path,
    feature: str,
    *,
    pid: str | None = None,
    wid: str | None = None,
    root: Path | None = None,
    frame_rate: float | None = None,
) -> int:
    """Number of frames of one performance, from the header alone.

    Parameters and refusals are those of :func:`read_chroma`, except what only the values can tell.

    Returns
    -------
    int
        T, at least 1.
    """
    with _opened(path, feature, pid, wid, root, frame_rate) as layout:
        rows, columns = layout.shape
        return rows if columns == BINS else columns


def read_rate(path: Path, root: Path | None = None) -> float | None:
    """The frame rate that a file declares by its root attribute ``frame_rate``, frames/s; None where it has none.

    Raises
    ------
    FeatureFileError
        When the file is no HDF5; a :class:`DeclaredRateError` when the attribute is no positive number. `root` is that
        of :func:`read_chroma`.
    """
    with _file(path, root) as (file, _):
        try:
            return _rate(file)
        except RefusedError as e:
            raise DeclaredRateError(path, str(e)) from e


def read_group(
    path: Path, group: str, width: int, limit: int
) -> tuple[float | None, dict[str, NDArray[np.float32] | str]]:
    """Every dataset (T, `width`) of one group of a file; why not, in place of what is no such dataset or not finite.

    Parameters
    ----------
    path : Path
    group : str
        Of the root.
    width : int
    limit : int
        At most so many datasets.

    Returns
    -------
    (float or None, dict)
        The frame rate that the file declares, frames/s; name -> NDArray[float32], shape (T, `width`), or the reason.

    Raises
    ------
    FeatureFileError
        When the file is no HDF5, or has no such group.
    """
    with _file(path, None) as (file, nbytes):
        links = file.id.links
        there = links.exists(group.encode()) and links.get_info(group.encode()).type == h5l.TYPE_HARD
        found = file[group] if there else None
        if not isinstance(found, h5py.Group) or len(found) > limit:
            raise RefusedError(f"expected a group {group!r} of at most {limit:,} datasets; it has {_some_names(links)}")
        arrays: dict[str, NDArray[np.float32] | str] = {}
        for name in found:
            try:
                dataset = _hard_linked(found, name)
                values = read_values(stored_layout(dataset, *_shape_and_dtype(dataset, width), nbytes))
            except RefusedError as e:
                arrays[name] = str(e)
                continue
            usable = values.shape[1] == width and np.isfinite(values).all()
            arrays[name] = np.asarray(values, dtype=np.float32) if usable else f"is not (frames, {width}) and finite"
        return _rate(file), arrays


@contextmanager
def _opened(
    path: Path, feature: str, pid: str | None, wid: str | None, root: Path | None, frame_rate: float | None
) -> Iterator[Layout]:
    """The checked dataset of an open file; every failure leaves as a FeatureFileError."""
    name = CHROMA[feature].dataset
    with _file(path, root) as (file, nbytes):
        _check_attribute(file, "track_id", pid)
        _check_attribute(file, "label", wid)
        declared = _rate(file)
        if frame_rate is not None and declared not in (None, frame_rate):
            came = f"declares {declared:g} frames/s, its collection has {frame_rate:g}"
            raise RefusedError(f"{came}: keep files of one rate in a folder, or say --frame-rate")
        dataset = _hard_linked(file, name)
        yield stored_layout(dataset, *_shape_and_dtype(dataset), nbytes)


@contextmanager
def _file(path: Path, root: Path | None) -> Iterator[tuple[Any, int]]:
    """An open file and its bytes; every failure leaves as a FeatureFileError."""
    try:
        # HDF5 gets the opened bytes instead of a path: there is nothing it could open beside them
        with Snapshot(path, MAX_FILE_BYTES, root) as stored:
            with h5py.File(stored, "r") as file:
                yield file, stored.size
            stored.check_unchanged()
    except RefusedError as e:
        raise FeatureFileError(path, str(e)) from e
    except H5PY_ERRORS as e:
        raise FeatureFileError(path, f"cannot be read as HDF5: {_short(e)}") from e


def _short(e: BaseException) -> str:
    """What h5py says in brackets after its general remark, or the system's own message; one line."""
    text = str(e) or type(e).__name__
    inner = re.search(r"error message = '(.+?)'", text) or re.search(r"\((.+)\)", text, re.DOTALL)
    return " ".join((inner[1] if inner else text).split())[:120]


def _check_attribute(file: Any, name: str, expected: str | None) -> None:
    """A root attribute, where there is one, must say `expected`."""
    if expected is None or not h5a.exists(file.id, name.encode()):
        return
    attribute = h5a.open(file.id, name.encode())
    if not isinstance(attribute.get_type(), h5t.TypeStringID):
        raise RefusedError(f"attribute {name} is not a short text; expected {expected}")
    text = _short_text(attribute, name, expected)
    if text != expected:
        raise RefusedError(f"attribute {name} says {text[:MAX_NAME_BYTES]!r}; folder and file name say {expected}")


def _short_text(attribute: Any, name: str, expected: str) -> str:
    """The value of an attribute of some HDF5 text type."""
    kind = attribute.get_type()
    if attribute.shape != () or kind.get_size() > MAX_NAME_BYTES:
        raise RefusedError(f"attribute {name} is not a short text; expected {expected}")
    if kind.is_variable_str():  # HDF5 loops for ever on a damaged heap of these; Da-TACOS has none
        raise RefusedError(f"attribute {name} has variable length; write it as np.bytes_, as Da-TACOS does")
    value = np.empty((), dtype=f"S{kind.get_size()}")
    attribute.read(value, kind)
    text: str = value.item().decode("ascii", "replace")
    return text


def _rate(file: Any) -> float | None:
    """What the root attribute ``frame_rate`` says, where there is one."""
    name, expected = "frame_rate", "a positive number of frames a second"
    if not h5a.exists(file.id, name.encode()):
        return None
    attribute = h5a.open(file.id, name.encode())
    kind = attribute.get_type()
    said: str | float
    if isinstance(kind, h5t.TypeStringID):
        said = _short_text(attribute, name, expected)
    elif isinstance(kind, (h5t.TypeFloatID, h5t.TypeIntegerID)) and attribute.shape == ():
        value = np.empty((), dtype=np.float64)
        attribute.read(value, h5t.NATIVE_DOUBLE)
        said = float(value)
    else:
        raise RefusedError(f"attribute {name} is not one number; expected {expected}")
    try:
        rate = float(said)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= MAX_RATE:
        raise RefusedError(f"attribute {name} says {said!r}; expected {expected}")
    return rate


def _hard_linked(file: Any, name: str) -> Any:
    """The low-level handle of a file's or group's own dataset `name`; links to elsewhere are not followed."""
    links = file.id.links
    if not links.exists(name.encode()):
        raise RefusedError(f"has no dataset '{name}'; it has {_some_names(links)}")
    if links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise RefusedError(f"'{name}' is a link to another object or file; links are not followed")
    found = h5o.open(file.id, name.encode())
    if not isinstance(found, h5d.DatasetID):
        raise RefusedError(f"'{name}' is a {'group' if isinstance(found, h5g.GroupID) else 'type'}, not a dataset")
    plist = found.get_create_plist()
    # asked first: to learn the shape of a virtual dataset, HDF5 opens the files it points to
    if plist.get_layout() == h5d.VIRTUAL:
        raise RefusedError(f"'{name}' is a virtual dataset: its values are in other files")
    if plist.get_external_count():
        raise RefusedError(f"'{name}' keeps its values in external files")
    return found


def _some_names(links: Any) -> str:
    names: list[str] = []

    def collect(name: bytes) -> bool | None:
        names.append(name.decode("utf-8", "replace")[:MAX_NAME_BYTES])
        return True if len(names) == 8 else None

    links.iterate(collect)
    return comma_list(map(repr, sorted(names)))


def _shape_and_dtype(dataset: Any, width: int = BINS) -> tuple[tuple[int, int], np.dtype[Any]]:
    kind = dataset.get_type()
    dtype = next((np.dtype(name) for ours, name in FLOATS if kind.equal(ours)), None)
    if dtype is None:
        raise RefusedError(f"values are {_type_name(kind)}; expected 16, 32 or 64-bit floats")
    space = dataset.get_space()
    if space.get_simple_extent_type() != h5s.SIMPLE:
        raise RefusedError("holds a scalar or nothing; expected (frames, 12)")
    shape = space.get_simple_extent_dims()
    if len(shape) != 2 or (shape[0] == width) == (shape[1] == width):
        raise RefusedError(
            f"has shape {str(shape)[:60]}; expected (frames, {width}) or ({width}, frames) with frames other than "
            f"{width}"
        )
    if 0 in shape:
        raise RefusedError(f"has shape {shape}: no frames")
    return shape, dtype


def _type_name(kind: Any) -> str:
    names = {
        h5t.INTEGER: "integers",
        h5t.FLOAT: "floats of another kind",
        h5t.STRING: "text",
        h5t.COMPOUND: "compounds",
        h5t.REFERENCE: "references",
        h5t.ENUM: "enumerated",
        h5t.VLEN: "variable-length objects",
        h5t.ARRAY: "arrays",
    }
    return names.get(kind.get_class(), "opaque")


def _check_values(frames: NDArray[np.float32]) -> None:
    low, high = float(frames.min()), float(frames.max())  # NaN goes through both
    if not (np.isfinite(low) and np.isfinite(high)):
        frame = int(np.flatnonzero(~np.isfinite(frames).all(axis=1))[0])
        raise RefusedError(f"has NaN or infinite values, first in frame {frame}")
    if low < 0:
        raise RefusedError(f"has negative values (down to {low:.3g}); chroma is >= 0")
    if high == 0:
        raise RefusedError(f"is silent: all {len(frames)} frames are zero")
    if not LOWEST <= high <= HIGHEST:
        raise RefusedError(f"has {high:.3g} as its highest value; expected {LOWEST:g} to {HIGHEST:g}")
