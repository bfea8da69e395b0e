"""The XML of a MusicXML file, packed or not.

The file comes from a stranger. How large it is, unpacked, is known before anything is parsed; an XML with entities of
its own is refused, since a few bytes of these can ask for gigabytes.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from xml.etree import ElementTree

from covsearch.guard.files import RefusedError

MAX_BYTES = 8 * 2**20  # of a file, and of the XML in a packed one; a full orchestral movement has some
MAX_QUARTERS = 20_000.0
_CONTAINER = "META-INF/container.xml"


def musicxml_of(data: bytes) -> bytes:
    """The XML of a MusicXML file, packed or not.

    Raises
    ------
    RefusedError
        When it is neither, too large, or has entities of its own.
    """
    xml = _unpacked(data) if data.startswith(b"PK") else data
    # UTF-16 would hide what is looked for here, and nothing writes MusicXML in it but by choice
    if xml.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in xml:
        raise RefusedError("is not UTF-8; save it as UTF-8")
    if b"<!ENTITY" in xml:
        raise RefusedError("declares entities of its own, which MusicXML has no use for")
    if b"<score-partwise" not in xml and b"<score-timewise" not in xml:
        raise RefusedError("has no score-partwise or score-timewise")
    return xml


def _unpacked(data: bytes) -> bytes:
    """The score that the container of an ``.mxl`` names."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            return _member(packed, _named_score(_member(packed, _CONTAINER, 2**16), packed.namelist()), MAX_BYTES)
    except (zipfile.BadZipFile, ElementTree.ParseError, zlib.error, EOFError, NotImplementedError, RuntimeError) as e:
        raise RefusedError(f"is damaged: {str(e)[:200]}") from e


def _named_score(container: bytes, names: list[str]) -> str:
    """Which score a container names; where it is no XML, the only one there is: some programs leave quotes in it."""
    if b"<!" in container.replace(b"<!--", b""):
        raise RefusedError(f"has a document type in its {_CONTAINER}")
    try:
        found = [e.get("full-path") for e in ElementTree.fromstring(container).iter() if e.tag.endswith("rootfile")]
    except ElementTree.ParseError:
        found = [name for name in names if name != _CONTAINER and name.endswith((".xml", ".musicxml"))]
        if len(found) != 1:
            raise
    if not found or not found[0]:
        raise RefusedError(f"names no score in its {_CONTAINER}")
    return found[0]


def _member(packed: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if name not in packed.namelist():
        raise RefusedError(f"has no {name[:100]!r} inside")
    with packed.open(name) as file:
        data = file.read(limit + 1)  # what the header says of the size need not be true
    if len(data) > limit:
        raise RefusedError(f"has over {limit:,} bytes unpacked")
    return data
