"""More files that a stranger could send, made below h5py's comfort: links, storage, filters, attributes, bytes.

Importing this module adds its kinds to :data:`tests.hostile.files.BROKEN_FILES`.
"""

from __future__ import annotations

import gzip
import os
import socket
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5p, h5s, h5t, h5z

from tests.hostile.files import BROKEN_FILES, Builder, broken, chroma, of_type, with_attribute, with_value, write_file

__all__ = ["BROKEN_FILES"]

_LINK = "is a link to another object or file"


def _linked(*links: tuple[str, Any]) -> Builder:
    """A file with a sound dataset `other` and links beside it."""

    def build(path: Path) -> None:
        write_file(path, {"other": chroma(60)})
        with h5py.File(path, "a") as file:
            for name, link in links:
                file[name] = link

    return build


def _filtered(code: int, *, flags: int = h5z.FLAG_OPTIONAL, values: tuple[int, ...] = ()) -> Builder:
    """A chunk that says it went through filter `code`, whether or not this HDF5 has it."""

    def build(path: Path) -> None:
        made = h5p.create(h5p.DATASET_CREATE)
        made.set_chunk((60, 12))
        made.set_filter(code, flags, values)
        with h5py.File(path, "w") as file:
            dataset = h5d.create(file.id, b"hpcp", h5t.IEEE_F32LE, h5s.create_simple((60, 12)), made)
            dataset.write_direct_chunk((0, 0), chroma(60).tobytes())

    return build


def _shaped(shape: tuple[int, ...], chunk: tuple[int, ...] | None = None) -> Builder:
    """A dataset of `shape` without a value in it."""

    def build(path: Path) -> None:
        made = h5p.create(h5p.DATASET_CREATE)
        if chunk:
            made.set_chunk(chunk)
        space = h5s.create_simple(shape, tuple(h5s.UNLIMITED if chunk else n for n in shape))
        with h5py.File(path, "w") as file:
            h5d.create(file.id, b"hpcp", h5t.IEEE_F32LE, space, made)

    return build


def _cut(keep: int) -> Builder:
    """The first `keep` bytes of a sound file; counted from its end where negative."""

    def build(path: Path) -> None:
        write_file(path, {"hpcp": chroma(60)})
        path.write_bytes(path.read_bytes()[:keep])

    return build


_KINDS: dict[str, tuple[Builder, str]] = {
    "a dangling soft link": (_linked(("hpcp", h5py.SoftLink("/nothing"))), _LINK),
    "a loop of two soft links": (_linked(("hpcp", h5py.SoftLink("/b")), ("b", h5py.SoftLink("/hpcp"))), _LINK),
    "a soft link through an external one": (
        _linked(("out", h5py.ExternalLink("/etc/passwd", "/")), ("hpcp", h5py.SoftLink("/out/hpcp"))),
        _LINK,
    ),
    "an external link to itself": (_linked(("hpcp", h5py.ExternalLink(".", "/hpcp"))), _LINK),
    "szip": (_filtered(h5z.FILTER_SZIP, values=(141, 8)), "HDF5 filter szip"),
    "nbit": (_filtered(h5z.FILTER_NBIT), "HDF5 filter nbit"),
    "a plugin's filter": (
        _filtered(32_015),
        "HDF5 filter Zstandard; .* open it with the package hdf5plugin",
    ),
    "Blosc": (
        _filtered(32_001),
        "HDF5 filter Blosc; .* open it with the package hdf5plugin, and write it",
    ),
    "bzip2": (_filtered(307), "HDF5 filter bzip2; only shuffle and gzip are read: open it with the package hdf5plugin"),
    "LZO": (_filtered(305), "HDF5 filter LZO; only shuffle and gzip are read: open it with the package tables"),
    "a filter nobody has": (_filtered(65_535, values=tuple(range(20))), "HDF5 filter number 65535"),
    "enumerated": (of_type(h5t.py_create(h5py.enum_dtype({"A": 1}), logical=True)), "values are enumerated"),
    "truth values": (of_type(h5t.py_create(np.dtype(bool), logical=True)), "values are enumerated"),
    "text of variable length": (of_type(h5t.py_create(h5py.string_dtype(), logical=True)), "values are text"),
    "region references": (of_type(h5t.STD_REF_DSETREG), "values are references"),
    "objects": (
        of_type(h5t.py_create(np.dtype([("a", h5py.vlen_dtype(np.dtype("f4"))), ("b", h5py.ref_dtype)]), logical=True)),
        "values are compounds",
    ),
    "times": (of_type(h5t.UNIX_D32LE), "values are "),
    "minus infinity": (with_value(-np.inf), "NaN or infinite values, first in frame 7"),
    "beyond what can be squared": (with_value(1e30), r"has 1e\+30 as its highest value; expected 1e-15 to 1e\+15"),
    "too small to square": (
        lambda path: write_file(path, {"hpcp": np.full((60, 12), 1e-30, np.float32)}),
        "has 1e-30 as its highest value",
    ),
    "2^63 - 1 frames": (_shaped((2**63 - 1, 12), (1000, 12)), "is over the limit of 64 MiB"),
    "rank 32": (_shaped((12,) * 32, (1,) * 32), r"has shape \(12, 12"),
    "44.7 GiB in one piece": (_shaped((1_000_000_000, 12)), "dataset of 45,776 MiB is over the limit"),
    "a chunk of 48 GB": (_shaped((60, 12), (10_000_000, 100)), "chunk of 3,815 MiB is over the limit"),
    "crumbs in both directions": (_shaped((60_000, 12), (1, 1)), "is cut into 720,000 chunks"),
    "a list of arrays as label": (
        with_attribute("label", np.zeros((10, 100))),
        "attribute label is not a short text",
    ),
    "an empty label": (with_attribute("label", h5py.Empty("S4")), "attribute label is not a short text"),
    "a reference as label": (with_attribute("label", h5py.Reference()), "attribute label is not a short text"),
    "cut after 8 bytes": (_cut(8), "cannot be read as HDF5"),
    "cut in the superblock": (_cut(60), "cannot be read as HDF5"),
    "cut by a byte": (_cut(-1), "cannot be read as HDF5"),
}
BROKEN_FILES.update(_KINDS)


@broken("a user-defined link", "has no dataset 'hpcp'|is a link to another object or file|cannot be read as HDF5")
def _user_link(path: Path) -> None:
    _linked(("hpcp", h5py.ExternalLink("/etc/passwd", "/hpcp")))(path)
    content = path.read_bytes()
    # a link message: version 1, flags with a type field, type 64 (external), then the length of the name and it
    before = content.index(b"\x40\x04hpcp\x13\x00")
    path.write_bytes(content[:before] + bytes([200]) + content[before + 1 :])


@broken("a virtual dataset of patterns", "is a virtual dataset")
def _virtual_pattern(path: Path) -> None:
    made = h5p.create(h5p.DATASET_CREATE)
    target = h5s.create_simple((60, 12), (h5s.UNLIMITED, 12))
    target.select_hyperslab((0, 0), (h5s.UNLIMITED, 1), (60, 12), (60, 12))
    source = h5s.create_simple((60, 12))
    made.set_virtual(target, b"/proc/%b", b"hpcp", source)
    with h5py.File(path, "w", libver="latest") as file:
        h5d.create(file.id, b"hpcp", h5t.IEEE_F32LE, h5s.create_simple((60, 12), (h5s.UNLIMITED, 12)), made)


@broken("a virtual dataset of itself", "is a virtual dataset")
def _virtual_self(path: Path) -> None:
    layout = h5py.VirtualLayout((60, 12), "f4")
    layout[:] = h5py.VirtualSource(".", "hpcp", (60, 12))
    with h5py.File(path, "w", libver="latest") as file:
        file.create_virtual_dataset("hpcp", layout)


@broken("external storage in many files", "keeps its values in external files")
def _external_pieces(path: Path) -> None:
    pieces = [(name, 0, 960) for name in ("/etc/passwd", "/dev/zero", "../P_22_hpcp.h5")]
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", (60, 12), "f4", external=pieces)


@broken("a socket", "cannot be opened: No such device or address")
def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path may have 107 characters
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


@broken("10 TiB of nothing", r"has 10,995,116,277,760 bytes; at most 134,217,728 are read")
def _sparse(path: Path) -> None:
    write_file(path, {"hpcp": chroma(60)})
    os.truncate(path, 10 * 2**40)


@broken("a label of 100 MB", "attribute label is not a short text")
def _huge_attribute(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        file["hpcp"] = chroma(60)
        file.attrs["label"] = np.zeros(100_000_000, np.uint8)


@broken("ten thousand attributes", "attribute label says 'W_9'")
def _many_attributes(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        file["hpcp"] = chroma(60)
        for i in range(10_000):
            h5py.h5a.create(file.id, f"a{i}".encode(), h5t.STD_I8LE, h5s.create(h5s.SCALAR))
        file.attrs["label"] = np.bytes_("W_9")


@broken("ten thousand other groups", "has no dataset 'hpcp'; it has")
def _many_groups(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        for i in range(10_000):
            h5g.create(file.id, f"a{i}".encode())


@broken("an HDF5 file in gzip", "file signature not found")
def _zipped(path: Path) -> None:
    write_file(path, {"hpcp": chroma(60)})
    path.write_bytes(gzip.compress(path.read_bytes()))


@broken("a flood of filters", "has a damaged gzip chunk|would inflate|cannot be read as HDF5")
def _flood(path: Path) -> None:
    made = h5p.create(h5p.DATASET_CREATE)
    made.set_chunk((60, 12))
    for _ in range(32):  # as many as HDF5 allows
        made.set_deflate(1)
    with h5py.File(path, "w") as file:
        dataset = h5d.create(file.id, b"hpcp", h5t.IEEE_F32LE, h5s.create_simple((60, 12)), made)
        dataset.write_direct_chunk((0, 0), chroma(60).tobytes())


@broken("chunks in one place", "has a damaged gzip chunk|cannot be read as HDF5|was changed|has a gzip chunk")
def _one_place(path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("hpcp", (60, 12), "f4", chunks=(30, 12), compression="gzip")
        made[:] = chroma(60)
        first, second = (made.id.get_chunk_info(i) for i in range(2))
    content = path.read_bytes()
    # the second chunk's address in the index becomes one inside the first: read twice, it is no gzip from its middle
    old, new = (n.to_bytes(8, "little") for n in (second.byte_offset, first.byte_offset + 7))
    path.write_bytes(content.replace(old, new))
