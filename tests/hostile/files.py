"""Files that a stranger could send: a well-formed Da-TACOS file, and one file for every way to be wrong.

Used by the tests and by ``python -m benchmarks.broken_input``.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

DATASETS = {"hpcp": "hpcp", "crema": "crema", "cens": "chroma_cens"}


def chroma(frames: int, seed: int = 0) -> NDArray[np.float32]:
    """Random chroma (frames, 12) in [0, 1] with one silent frame."""
    values = np.random.default_rng(seed).random((frames, 12), dtype=np.float32)
    values[frames // 2] = 0
    return values


def write_file(path: Path, arrays: dict[str, NDArray[Any]], pid: str = "P_15", wid: str = "W_14") -> None:
    """Write a file as deepdish does: shuffle, gzip 9, PyTables attributes; keys are names of HDF5 datasets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["CLASS"] = np.bytes_("GROUP")
        file.attrs["DEEPDISH_IO_VERSION"] = np.int64(12)
        file.attrs["PYTABLES_FORMAT_VERSION"] = np.bytes_("2.1")
        file.attrs["label"] = np.bytes_(wid)
        file.attrs["track_id"] = np.bytes_(pid)
        for name, values in arrays.items():
            made = file.create_dataset(name, data=values, shuffle=True, compression="gzip", compression_opts=9)
            made.attrs["CLASS"] = np.bytes_("CARRAY")


def write_single_file(path: Path, arrays: dict[str, NDArray[Any]], pid: str = "P_15", wid: str = "W_14") -> None:
    """Write a file with all seven features, the four that are no chroma as the real files have them."""
    write_file(path, {**arrays, "mfcc_htk": np.zeros((13, 40), np.float32)}, pid, wid)
    with h5py.File(path, "a") as file:
        key = file.create_group("key_extractor")
        key.attrs["TITLE"] = np.bytes_("dict:3")
        key.attrs["key"], key.attrs["scale"] = np.bytes_("C"), np.bytes_("major")
        key.attrs["strength"] = np.float64(0.95)
        madmom = file.create_group("madmom_features")
        madmom["novfn"], madmom["snovfn"] = np.zeros(40), np.zeros(40)
        madmom["onsets"], madmom["tempos"] = np.arange(4), np.ones((12, 2))
        for i in range(3):
            tag = file.create_group(f"tags/i{i}")
            tag.attrs["i0"], tag.attrs["i1"] = np.bytes_("rock"), np.bytes_("0.127")


Builder = Callable[[Path], None]
# kind -> (how to make it, what the reason of its refusal must match)
BROKEN_FILES: dict[str, tuple[Builder, str]] = {}


def broken(kind: str, reason: str) -> Callable[[Builder], Builder]:
    """Register a builder under the name of its kind, with what the reason of its refusal must match."""

    def register(build: Builder) -> Builder:
        BROKEN_FILES[kind] = (build, reason)
        return build

    return register


def with_values(values: NDArray[Any], **options: Any) -> Builder:
    """A file whose HPCP is `values`; options are h5py's."""

    def build(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset("hpcp", data=values, **options)

    return build


def with_value(value: float, dtype: str = "f4") -> Builder:
    """A file that is sound but for one value in frame 7."""
    values = chroma(60).astype(dtype)
    values[7, 3] = value
    return with_values(values, compression="gzip")


def with_attribute(name: str, value: Any) -> Builder:
    """A file that is sound but for one attribute of its root."""

    def build(path: Path) -> None:
        write_file(path, {"hpcp": chroma(60)})
        with h5py.File(path, "a") as file:
            file.attrs[name] = value

    return build


def of_type(kind: Any) -> Builder:
    """A file whose HPCP is of another HDF5 type."""

    def build(path: Path) -> None:
        with h5py.File(path, "w") as file:
            space = h5py.h5s.create_simple((60, 12))
            h5py.h5d.create(file.id, b"hpcp", kind, space)

    return build


def _bfloat16() -> Any:
    kind = h5py.h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_ebias(127)
    return kind


_TYPES: dict[str, tuple[Any, str]] = {
    "integers": (h5py.h5t.STD_I32LE, "values are integers"),
    "variable-length objects": (h5py.h5t.vlen_create(h5py.h5t.IEEE_F32LE), "values are variable-length objects"),
    "text": (h5py.h5t.C_S1, "values are text"),
    "references": (h5py.h5t.STD_REF_OBJ, "values are references"),
    "compounds": (h5py.h5t.py_create(np.dtype([("a", "f4"), ("b", "f4")])), "values are compounds"),
    "complex numbers": (h5py.h5t.py_create(np.dtype("c8")), "values are "),
    "long doubles": (h5py.h5t.NATIVE_LDOUBLE, "values are floats of another kind"),
    "bfloat16": (_bfloat16(), "values are floats of another kind"),
    "opaque bytes": (h5py.h5t.py_create(np.dtype("V4")), "values are opaque"),
    "an array type": (h5py.h5t.array_create(h5py.h5t.IEEE_F32LE, (2,)), "values are arrays"),
}
for _name, (_kind, _reason) in _TYPES.items():
    BROKEN_FILES[_name] = (of_type(_kind), _reason)

_VALUES: dict[str, tuple[Builder, str]] = {
    "one NaN": (with_value(np.nan), "NaN or infinite values, first in frame 7"),
    "one infinity": (with_value(np.inf), "NaN or infinite values, first in frame 7"),
    "beyond float32": (with_value(1e300, "f8"), "NaN or infinite values, first in frame 7"),
    "one negative value": (with_value(-0.25), r"negative values \(down to -0.25\)"),
    "all frames zero": (with_values(np.zeros((60, 12), np.float32)), "is silent: all 60 frames are zero"),
    "no frames": (with_values(np.zeros((0, 12), np.float32)), r"shape \(0, 12\): no frames"),
    "rank 1": (with_values(np.ones(12, np.float32)), r"has shape \(12,\)"),
    "rank 3": (with_values(np.ones((60, 12, 1), np.float32)), r"has shape \(60, 12, 1\)"),
    "both axes 12": (with_values(np.ones((12, 12), np.float32)), r"has shape \(12, 12\)"),
    "no axis 12": (with_values(np.ones((60, 13), np.float32)), r"has shape \(60, 13\)"),
    "a scalar": (with_values(np.array(1, np.float32)), "a scalar or nothing"),
    "fletcher32": (with_values(chroma(60), chunks=(60, 12), fletcher32=True), "HDF5 filter fletcher32"),
    "lzf": (with_values(chroma(60), compression="lzf"), "HDF5 filter lzf"),
    "scale-offset": (with_values(chroma(60), scaleoffset=3, chunks=(60, 12)), "HDF5 filter scaleoffset"),
    "label of another work": (with_attribute("label", np.bytes_("W_9")), "attribute label says 'W_9'.* W_14"),
    "track of another file": (with_attribute("track_id", np.bytes_("P_9")), "attribute track_id says 'P_9'.* P_15"),
    "a number as label": (with_attribute("label", 14), "attribute label is not a short text"),
    "a long label": (with_attribute("label", np.bytes_("W" * 65)), "attribute label is not a short text"),
    "a label of variable length": (with_attribute("label", "W_14"), "attribute label has variable length"),
    "a list as label": (with_attribute("label", np.array([b"W_14", b"W_14"])), "attribute label is not a short text"),
}
BROKEN_FILES.update(_VALUES)


@broken("not HDF5", "file signature not found")
def _text(path: Path) -> None:
    path.write_text("frame,C,C#\n" * 100)


@broken("an empty file", "cannot be read as HDF5")
def _empty(path: Path) -> None:
    path.touch()


@broken("truncated", "truncated file")
def _truncated(path: Path) -> None:
    write_file(path, {"hpcp": chroma(600)})
    os.truncate(path, path.stat().st_size // 2)


@broken("nothing there", "does not exist")
def _nothing(path: Path) -> None:
    path.unlink(missing_ok=True)


@broken("a folder", "is a folder")
def _folder(path: Path) -> None:
    path.mkdir()


@broken("a FIFO", "is not a regular file")
def _fifo(path: Path) -> None:
    os.mkfifo(path)


@broken("a device", "is not a regular file")
def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@broken("another feature", r"has no dataset 'hpcp'; it has 'crema', 'mfcc_htk'")
def _another(path: Path) -> None:
    write_file(path, {"crema": chroma(60), "mfcc_htk": np.zeros((13, 60), np.float32)})


@broken("no dataset at all", "has no dataset 'hpcp'; it has nothing")
def _none(path: Path) -> None:
    write_file(path, {})


@broken("a group as dataset", "'hpcp' is a group")
def _group(path: Path) -> None:
    write_file(path, {"hpcp/values": chroma(60)})


@broken("a type as dataset", "'hpcp' is a type")
def _type(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["hpcp"] = np.dtype("f4")


@broken("null space", "a scalar or nothing")
def _null(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["hpcp"] = h5py.Empty("f4")


@broken("a soft link", "is a link to another object or file")
def _soft(path: Path) -> None:
    write_file(path, {"other": chroma(60)})
    with h5py.File(path, "a") as file:
        file["hpcp"] = h5py.SoftLink("/other")


@broken("a soft-link loop", "is a link to another object or file")
def _loop(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["hpcp"] = h5py.SoftLink("/hpcp")


@broken("an external link", "is a link to another object or file")
def _external_link(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["hpcp"] = h5py.ExternalLink("/etc/passwd", "/hpcp")


@broken("external storage", "keeps its values in external files")
def _external_storage(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", (10, 12), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


@broken("a virtual dataset", "is a virtual dataset")
def _virtual(path: Path) -> None:
    layout = h5py.VirtualLayout((60, 12), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "hpcp", (60, 12))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("hpcp", layout)


@broken("44.7 GiB from 1.4 kB", r"dataset of 45,\d\d\d MiB is over the limit of 64 MiB")
def _shape_bomb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", (1_000_000_000, 12), "f4", chunks=(1000, 12), compression="gzip")


@broken("1000 times its bytes", r"would inflate \d+ stored bytes to 19200000, over 1000 times")
def _ratio_bomb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        # shuffled twice over deflate twice: squeezed beyond what one deflate can do
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((400_000, 12))
        made.set_deflate(9)
        made.set_deflate(9)
        space = h5py.h5s.create_simple((400_000, 12))
        dataset = h5py.h5d.create(file.id, b"hpcp", h5py.h5t.IEEE_F32LE, space, made)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones((400_000, 12), np.float32))


@broken("a gzip bomb", "gzip chunk that does not end at its 4,800 bytes")
def _gzip_bomb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("hpcp", (100, 12), "f4", chunks=(100, 12), compression="gzip")
        made.id.write_direct_chunk((0, 0), zlib.compress(bytes(4_000_000), 9))


@broken("a swollen chunk", "has a chunk of 50,000 stored bytes for 4,800 bytes")
def _swollen(path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("hpcp", (100, 12), "f4", chunks=(100, 12), compression="gzip")
        made.id.write_direct_chunk((0, 0), bytes(50_000))


@broken("a short chunk", "has a chunk of 12 bytes where 4,800 were expected")
def _short(path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("hpcp", (100, 12), "f4", chunks=(100, 12), compression="gzip")
        made.id.write_direct_chunk((0, 0), zlib.compress(bytes(12)))


@broken("a huge chunk", "chunk of 458 MiB is over the limit")
def _huge_chunk(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", (60, 12), "f4", chunks=(10_000_000, 12), maxshape=(None, 12))


@broken("a million chunks", "is cut into 1,000,000 chunks")
def _crumbs(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", (1_000_000, 12), "f4", chunks=(1, 12))


@broken("half written", "has 1 of the 6 chunks its shape needs")
def _half(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", (60, 12), "f4", chunks=(10, 12))[:10] = 1


@broken("never written", "has no stored values: was it written to the end")
def _never(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", (60, 12), "f4")


@broken("a flipped bit", "has a damaged gzip chunk")
def _flipped(path: Path) -> None:
    write_file(path, {"hpcp": chroma(600)})
    with h5py.File(path) as file:
        place = file["hpcp"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[place.byte_offset + place.size // 2] ^= 4
    path.write_bytes(content)
