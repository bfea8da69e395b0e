"""Read the stored bytes of an HDF5 dataset within bounds.

HDF5's own gzip filter inflates a chunk for as long as it goes on, however small the chunk says it is, and
does so under h5py's global lock. Here a chunk never inflates beyond its size, and threads inflate in parallel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from h5py import h5d, h5s, h5z
from isal import isal_zlib
from numpy.typing import NDArray

from covsearch.guard.files import RefusedError

MAX_BYTES = 64 * 2**20  # the longest benchmark performance needs 4 MB as float64
MAX_RATIO = 1000  # near the most that deflate can do (1032): only an all-constant file gets there
MAX_CHUNKS = 65_536
DECODED_FILTERS = {h5z.FILTER_SHUFFLE: "shuffle", h5z.FILTER_DEFLATE: "gzip"}
OTHER_FILTERS = {
    h5z.FILTER_FLETCHER32: "fletcher32",
    h5z.FILTER_SZIP: "szip",
    h5z.FILTER_NBIT: "nbit",
    h5z.FILTER_SCALEOFFSET: "scaleoffset",
    h5z.FILTER_LZF: "lzf",
}
# registered with the HDF Group; which Python package reads them
PLUGINS = {
    305: ("LZO", "tables"),
    307: ("bzip2", "hdf5plugin"),
    32001: ("Blosc", "hdf5plugin"),
    32004: ("LZ4", "hdf5plugin"),
    32008: ("Bitshuffle", "hdf5plugin"),
    32013: ("ZFP", "hdf5plugin"),
    32015: ("Zstandard", "hdf5plugin"),
    32017: ("SZ", "hdf5plugin"),
    32018: ("FCIDECOMP", "hdf5plugin"),
    32024: ("SZ3", "hdf5plugin"),
    32026: ("Blosc2", "hdf5plugin"),
    32028: ("SPERR", "hdf5plugin"),
}

_DamagedError: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # its stub takes the class for an instance


@dataclass(frozen=True)
class Layout:
    """How a 2-D dataset is stored, as far as reading needs it.

    Attributes
    ----------
    dataset : h5py.h5d.DatasetID
        Open handle.
    shape : (int, int)
    dtype : np.dtype
        IEEE float, either byte order.
    chunk : (int, int) or None
        Shape of a chunk; None when the values lie in one piece.
    filters : tuple of int
        HDF5 filter codes in the order they were applied.
    chunks : tuple
        h5py's ``StoreInfo`` of each chunk; empty when the values lie in one piece.
    """

    dataset: Any
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    chunk: tuple[int, int] | None
    filters: tuple[int, ...]
    chunks: tuple[Any, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the whole dataset once inflated."""
        return math.prod(self.shape) * self.dtype.itemsize


def stored_layout(dataset: Any, shape: tuple[int, int], dtype: np.dtype[Any], file_bytes: int) -> Layout:
    """Check how a dataset is stored and return what is needed to read it; reads no value.

    Parameters
    ----------
    dataset : h5py.h5d.DatasetID
        Neither virtual nor stored in other files (the caller checks this first).
    shape : (int, int)
    dtype : np.dtype
        IEEE float.
    file_bytes : int
        Size of the file.

    Raises
    ------
    RefusedError
        Filters other than shuffle and gzip, more than 64 MiB or 1,000 times the stored bytes once
        inflated, chunks that are missing, too many or too large.
    """
    plist = dataset.get_create_plist()
    filters = tuple(plist.get_filter(i)[0] for i in range(plist.get_nfilters()))
    for code in filters:
        if code not in DECODED_FILTERS:
            raise RefusedError(f"{_filter_used(code)}, and write it with compression='gzip'")
    chunked = plist.get_layout() == h5d.CHUNKED
    chunk = plist.get_chunk() if chunked else None
    layout = Layout(dataset, shape, dtype, chunk, filters, ())
    _check_size(layout.nbytes, "dataset")
    if chunk is None:
        stored = dataset.get_storage_size()
    else:
        layout = Layout(dataset, shape, dtype, chunk, filters, _list_chunks(dataset, shape, chunk, dtype.itemsize))
        stored = sum(info.size for info in layout.chunks)
    stored = min(stored, file_bytes)
    if stored == 0:
        raise RefusedError("has no stored values: was it written to the end?")
    if layout.nbytes > MAX_RATIO * stored:
        raise RefusedError(f"would inflate {stored} stored bytes to {layout.nbytes}, over {MAX_RATIO} times")
    return layout


def _filter_used(code: int) -> str:
    """Which filter is not read here, and what reads it."""
    if code in OTHER_FILTERS:
        name, reader = OTHER_FILTERS[code], "h5py"
    elif code in PLUGINS:
        name, reader = PLUGINS[code][0], f"the package {PLUGINS[code][1]}"
    else:
        name, reader = f"number {code}", "the program that wrote it"
    return f"uses the HDF5 filter {name}; only shuffle and gzip are read: open it with {reader}"


def _check_size(nbytes: int, what: str) -> None:
    if nbytes > MAX_BYTES:
        raise RefusedError(f"{what} of {nbytes / 2**20:,.0f} MiB is over the limit of {MAX_BYTES // 2**20} MiB")


def _list_chunks(dataset: Any, shape: tuple[int, int], chunk: tuple[int, int], itemsize: int) -> tuple[Any, ...]:
    """Every chunk's place and stored size; each cell of the grid must be there once."""
    nbytes = math.prod(chunk) * itemsize
    _check_size(nbytes, "chunk")
    grid = [math.ceil(n / c) for n, c in zip(shape, chunk, strict=True)]
    expected = math.prod(grid)
    if expected > MAX_CHUNKS:
        raise RefusedError(f"is cut into {expected:,} chunks; at most {MAX_CHUNKS:,} are read")
    found: dict[tuple[int, int], Any] = {}

    def collect(info: Any) -> bool | None:
        found[info.chunk_offset] = info
        return True if len(found) > expected else None  # anything but None stops the iteration

    dataset.chunk_iter(collect)
    wanted = {(i * chunk[0], j * chunk[1]) for i in range(grid[0]) for j in range(grid[1])}
    if found.keys() != wanted:
        there = len(found.keys() & wanted)
        raise RefusedError(f"has {there:,} of the {expected:,} chunks its shape needs: was it written to the end?")
    largest = max((info.size for info in found.values()), default=0)
    if largest > nbytes + nbytes // 100 + 64:  # deflate never adds more than this
        raise RefusedError(f"has a chunk of {largest:,} stored bytes for {nbytes:,} bytes of values")
    return tuple(found.values())


def read_values(layout: Layout) -> NDArray[Any]:
    """The dataset's values as stored: ``layout.shape``, ``layout.dtype``.

    Raises
    ------
    RefusedError
        When a chunk is not valid gzip data or inflates to another size than its own.
    """
    values = np.empty(layout.shape, dtype=layout.dtype)
    if layout.chunk is None:
        layout.dataset.read(h5s.ALL, h5s.ALL, values)
        return values
    for info in layout.chunks:
        skipped, raw = layout.dataset.read_direct_chunk(info.chunk_offset)
        cell = _decode(raw, skipped, layout.filters, math.prod(layout.chunk) * layout.dtype.itemsize, layout.dtype)
        i, j = info.chunk_offset
        target = values[i : i + layout.chunk[0], j : j + layout.chunk[1]]
        target[...] = cell.reshape(layout.chunk)[: target.shape[0], : target.shape[1]]
    return values


def _decode(raw: bytes, skipped: int, filters: tuple[int, ...], nbytes: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Undo the filters of one chunk; bit i of `skipped` says that filter i was not applied to it."""
    for i, code in reversed(list(enumerate(filters))):
        if skipped >> i & 1:
            continue
        if code == h5z.FILTER_DEFLATE:
            raw = _inflate(raw, nbytes)
        elif len(raw) == nbytes:
            raw = _unshuffle(raw, dtype.itemsize)
    if len(raw) != nbytes:
        raise RefusedError(f"has a chunk of {len(raw):,} bytes where {nbytes:,} were expected")
    return np.frombuffer(raw, dtype)


def _unshuffle(raw: bytes, itemsize: int) -> bytes:
    """All first bytes, all second bytes... back to one value after the other."""
    planes = np.frombuffer(raw, np.uint8).reshape(itemsize, -1)
    values = np.empty(planes.shape[::-1], np.uint8)
    for i in range(itemsize):  # three times as fast as a transposed copy
        values[:, i] = planes[i]
    return values.tobytes()


def _inflate(raw: bytes, nbytes: int) -> bytes:
    inflater = isal_zlib.decompressobj()
    try:
        inflated = inflater.decompress(raw, nbytes + 1)
    except _DamagedError as e:
        raise RefusedError(f"has a damaged gzip chunk ({e})") from e
    if not inflater.eof or len(inflated) > nbytes:
        raise RefusedError(f"has a gzip chunk that does not end at its {nbytes:,} bytes")
    return inflated
