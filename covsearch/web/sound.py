"""The recordings themselves, where the index is of a folder of audio that is still there."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from covsearch.errors import NotFoundError
from covsearch.web.asking import asked, index_of, known
from covsearch.web.described import FAILURES

router = APIRouter(responses=FAILURES)
TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
}


@router.get("/audio/{id:path}", tags=["collection"], response_class=FileResponse)
async def audio(request: Request, id: str) -> FileResponse:
    """The recording of a performance, as the file that was indexed; ranges of bytes may be asked for."""
    path = await asked(request, lambda: index_of(request).audio(known(request, id)))
    if path is None:
        raise NotFoundError(f"{id} cannot be played: it was not indexed from an audio file, or that is gone")
    return FileResponse(path, media_type=TYPES.get(path.suffix.lower(), "application/octet-stream"))
