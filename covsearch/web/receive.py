"""A file from a client: how much of it is taken, for how long, and where it lies until it was heard."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from covsearch.errors import CovsearchError
from covsearch.features.audio import AUDIO_SUFFIXES
from covsearch.synthesis.suffixes import MIDI_SUFFIXES, MUSICXML_SUFFIXES
from covsearch.web.asking import LEFT
from covsearch.web.gate import BusyError
from covsearch.web.options import Options

SUFFIXES = AUDIO_SUFFIXES | MIDI_SUFFIXES | MUSICXML_SUFFIXES | {".h5", ".hdf5", ".he5"}
LONGEST_NAME = 150  # characters
FIELDS, FIELD_BYTES = 8, 4096
READ_ONLY = "this server only reads: it takes files and corrections where it was started with `covsearch serve --edit`"


class UploadError(CovsearchError):
    """A file that a client sent, and that cannot be heard."""


class Room:
    """How many uploads there may be at once, and how many bytes of them."""

    def __init__(self, places: int, size: int) -> None:
        self.places, self.size = places, size

    def enter(self) -> None:
        """Take a place; BusyError where none is left."""
        if not self.places:
            raise BusyError
        self.places -= 1

    def take(self, size: int) -> None:
        """Take bytes; BusyError where so many are not left."""
        if size > self.size:
            raise BusyError
        self.size -= size

    def leave(self, size: int) -> None:
        """Give a place and its bytes back."""
        self.places += 1
        self.size += size


@dataclass(frozen=True)
class Received:
    """An upload, in a temporary folder until it is deleted.

    Attributes
    ----------
    file : Path
        Only its suffix comes from the client.
    name : str
        What the client calls it, as one line; it is shown, and never opened.
    fields : dict
        The form's other fields.
    """

    file: Path
    name: str
    fields: dict[str, str]
    room: Room
    size: int

    def delete(self) -> None:
        """Delete it, and give its place back."""
        shutil.rmtree(self.file.parent, ignore_errors=True)
        self.room.leave(self.size)

    def told(self, error: CovsearchError) -> CovsearchError:
        """What is wrong with it, by the client's name; an error about something else stays that."""
        text = str(error)
        return UploadError(text.replace(str(self.file), self.name)) if str(self.file) in text else error


def options_of(request: Request) -> Options:
    """How the server is set up."""
    options: Options = request.app.state.options
    return options


def check_edit(request: Request) -> None:
    """Refuse what a server that only reads does not take; an HTTPException of 403."""
    if not options_of(request).edit:
        raise HTTPException(403, READ_ONLY)


async def receive(request: Request) -> Received:
    """The file of a form, and its fields; the caller deletes it.

    Raises
    ------
    HTTPException
        When the server only reads (403), it is no form with one file (400), the file is too large (413), of a kind
        that is not heard (415), or takes too long to arrive (408).
    BusyError
        When too many files come at once.
    """
    check_edit(request)
    options, room = options_of(request), request.app.state.room
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > options.upload_bytes:
        raise _too_large(options)
    room.enter()
    counted = _Counted(request, options, room)
    try:
        form = await _form(request, counted)
        try:
            file, name = _file_of(form)
            fields = {key: value for key, value in form.multi_items() if isinstance(value, str)}
            return Received(await asyncio.to_thread(_stored, file, name), name, fields, room, counted.size)
        finally:
            await form.close()
    except BaseException:
        room.leave(counted.size)
        raise


class _Counted:
    """The pieces of a request's body, no more and no longer than is allowed."""

    def __init__(self, request: Request, options: Options, room: Room) -> None:
        self.request, self.options, self.room, self.size = request, options, room, 0

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body."""
        end = asyncio.get_running_loop().time() + self.options.upload_seconds
        async for piece in _before(self.request.stream(), end, self.options.upload_idle):
            if self.size + len(piece) > self.options.upload_bytes:
                raise _too_large(self.options)
            self.room.take(len(piece))
            self.size += len(piece)
            yield piece


async def _before(stream: AsyncIterator[bytes], end: float, idle: float) -> AsyncIterator[bytes]:
    """What comes before a time of the loop's clock, and not after a pause of `idle` seconds."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            async with asyncio.timeout_at(min(end, loop.time() + idle)):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, "the file took too long to arrive") from None
        except ClientDisconnect:
            raise HTTPException(LEFT, "the client left") from None
        yield piece


class _Parser(MultiPartParser):
    """Refuses a form that does not end, and closes what it began."""

    ended = False

    def on_end(self) -> None:
        """The last boundary has come."""
        self.ended = True

    async def parse(self) -> FormData:
        """The whole form."""
        form = await super().parse()
        if not self.ended:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("it does not end.")
        return form


async def _form(request: Request, counted: _Counted) -> FormData:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, "expected a form with a file: send it as multipart/form-data, in the field 'file'")
    pieces = counted.pieces()
    parser = _Parser(request.headers, pieces, max_files=1, max_fields=FIELDS, max_part_size=FIELD_BYTES)
    try:
        return await parser.parse()
    except MultiPartException as e:
        raise HTTPException(400, f"the form cannot be read: {e.message}") from e


def _file_of(form: FormData) -> tuple[UploadFile, str]:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise HTTPException(400, "the form has no file: choose one")
    name = shown_name(file.filename or "")
    if PurePosixPath(name).suffix.lower() not in SUFFIXES:
        raise HTTPException(
            415, f"{name or 'a file without a name'}: expected audio, MIDI, MusicXML or HDF5, by its suffix"
        )
    return file, name


def shown_name(name: str) -> str:
    """A client's name of a file as one short line, without its folders."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    line = " ".join("".join(c if c.isprintable() else " " for c in last).split())
    stem, dot, suffix = line.rpartition(".")
    return f"{stem[:LONGEST_NAME]}{dot}{suffix[:10]}" if dot else line[:LONGEST_NAME]


def _stored(file: UploadFile, name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="covsearch-upload-")).resolve()
    path = folder / f"recording{PurePosixPath(name).suffix.lower()}"
    with path.open("xb") as out:
        shutil.copyfileobj(file.file, out, 2**20)
    return path


def _too_large(options: Options) -> HTTPException:
    return HTTPException(413, f"the file is too large: at most {options.upload_bytes // 2**20:,} MiB are taken")
