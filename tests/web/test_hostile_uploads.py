"""Files and forms that nobody honest sends to a server that takes them: each is refused or harmless, and it lives."""

from __future__ import annotations

import io
import logging
import socket
import struct
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import httpx
import numpy as np
import pytest
from web.conftest import serving
from web.test_hostile import LONG, SECRET, get, send, talk

from covsearch.workspace import Workspace

FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=b"


def part(content: bytes, head: str = 'name="file"; filename="a.mp3"') -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def upload(content: bytes, name: str, *headers: str) -> bytes:
    """A file to be answered at once."""
    body = part(content, f'name="file"; filename="{name}"') + b"--b--\r\n"
    return send("POST", "/api/query", body, MULTIPART, *headers)


def raw(body: bytes, *headers: str, path: str = "/uploads") -> bytes:
    return send("POST", path, body, *(headers or (MULTIPART,)))


def correction(body: str | bytes, *headers: str) -> bytes:
    return send("POST", "/corrections", body.encode() if isinstance(body, str) else body, FORM, *headers)


def zipped(names: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return out.getvalue()


def hdf5(make: Callable[[h5py.File], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        with h5py.File(path, "w") as file:
            make(file)
        return path.read_bytes()


def external(file: h5py.File) -> None:
    file["hpcp"] = h5py.ExternalLink("/etc/passwd", "/")


def outside(file: h5py.File) -> None:
    file.create_dataset("hpcp", (4, 12), "f4", external=[("/etc/passwd", 0, 192)])


def vast(file: h5py.File) -> None:
    file.create_dataset("hpcp", (2**40, 12), "f4", chunks=(2**16, 12), compression="gzip")


def bomb(file: h5py.File) -> None:
    file.create_dataset("hpcp", data=np.zeros((2**20, 12), "f4"), chunks=(2**20, 12), compression="gzip")


def wav(seconds: int, claimed: int | None = None) -> bytes:
    data = b"\0\0" * 8000 * seconds
    size = len(data) if claimed is None else claimed
    head = b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    return head + b"data" + struct.pack("<I", size) + data


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    + b"]><score-partwise>&a11;</score-partwise>"
)
ENTITY = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><score-partwise>&x;</score-partwise>'
)
CONTAINER = {"META-INF/container.xml": b'<container><rootfiles><rootfile full-path="../../x"/></rootfiles></container>'}
PLAYLIST = b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
MIDI_BOMB = b"MThd" + struct.pack(">IHHH", 6, 1, 65535, 1) + (b"MTrk" + struct.pack(">I", 2**31)) * 1000
EVIL = "Origin: http://evil.example"

REQUESTS = {
    # what is in a file
    "nothing": (upload(b"", "a.mp3"), 422),
    "a program as MP3": (upload(b"\x7fELF" + bytes(5000), "a.mp3"), 422),
    "HTML as WAV": (upload(b"<script>alert(1)</script>" * 100, "a.wav"), 422),
    "WAV that claims 4 GB": (upload(wav(1, 2**32 - 1), "a.wav"), 422),
    "an hour of silence": (upload(wav(3600), "a.wav"), 422),
    "one second": (upload(wav(1), "a.wav"), 422),
    "FLAC cut off": (upload(b"fLaC\x00\x00\x00\x22" + b"\xff" * 34, "a.flac"), 422),
    "Ogg without end": (upload(b"OggS" + b"\xff" * 5000, "a.ogg"), 422),
    "playlist of files as MP4": (upload(PLAYLIST, "a.mp4"), 422),
    "playlist of files as MKV": (upload(PLAYLIST, "a.mkv"), 422),
    "concat script as AVI": (upload(b"ffconcat version 1.0\nfile /etc/passwd\n", "a.avi"), 422),
    "zip bomb as MXL": (upload(zipped({"META-INF/container.xml": bytes(2**27)}), "a.mxl"), 422),
    "MXL that leads out": (upload(zipped(CONTAINER), "a.mxl"), 422),
    "a billion laughs": (upload(LAUGHS, "a.musicxml"), 422),
    "entity of a file": (upload(ENTITY, "a.musicxml"), 422),
    "MIDI of 65,535 tracks": (upload(MIDI_BOMB, "a.mid"), 422),
    "HDF5 that links to a file": (upload(hdf5(external), "a.h5"), 422),
    "HDF5 whose values are another file": (upload(hdf5(outside), "a.h5"), 422),
    "HDF5 of 2^40 frames": (upload(hdf5(vast), "a.h5"), 422),
    "HDF5 of zeros, 50 MB from little": (upload(hdf5(bomb), "a.h5"), 422),
    "HDF5 damaged": (upload(hdf5(bomb)[:-500].replace(b"TREE", b"EERT"), "a.h5"), 422),
    "gzip around the form": (
        send("POST", "/api/query", zlib.compress(bytes(2**20)), MULTIPART, "Content-Encoding: gzip"),
        400,
    ),
    # what a file is called
    "name that leads out": (upload(b"x", "../../../../tmp/evil.mp3"), 422),
    "name that is absolute": (upload(b"x", "/etc/cron.d/evil.mp3"), 422),
    "name that leads out, Windows": (upload(b"x", "..\\..\\evil.mp3"), 422),
    "name of nothing but dots": (upload(b"x", ".."), 415),
    "name that is a suffix": (upload(b"x", ".mp3"), 415),
    "name with NUL": (upload(b"x", "a.mp3\0.txt"), 415),
    "name that is HTML": (upload(b"x", "<script>alert(2)</script>.mp3"), 422),
    "name that is a template": (upload(b"x", "{{7*191}}.mp3"), 422),
    "name of 100,000 letters": (upload(b"x", "A" * 100_000 + ".mp3"), 400),
    "name from right to left": (upload(b"x", "\u202e3pm.exe"), 415),
    "name of a program": (upload(b"x", "song.mp3.exe"), 415),
    "name that is a command": (upload(b"x", "$(reboot);`id`|a.mp3"), 422),
    "name that is an option": (upload(b"x", "--help.mp3"), 422),
    "no name": (raw(part(b"x", 'name="file"; filename=""') + b"--b--\r\n"), 415),
    "no file": (raw(part(b"x", 'name="file"') + b"--b--\r\n"), 400),
    "another field's file": (raw(part(b"x", 'name="other"; filename="a.mp3"') + b"--b--\r\n"), 400),
    # forms
    "no body": (raw(b""), 400),
    "no boundary": (raw(part(b"x"), "Content-Type: multipart/form-data"), 400),
    "boundary of 100,000": (raw(part(b"x"), "Content-Type: multipart/form-data; boundary=" + "b" * 40_000), 400),
    "boundary that never comes": (raw(b"x" * 100_000), 400),
    "form that does not end": (raw(part(b"x" * 1000)), 400),
    "charset of nonsense": (raw(part(b"x"), "Content-Type: multipart/form-data; boundary=b; charset=\x01\xff"), 400),
    "two files": (raw(part(b"x") * 2 + b"--b--\r\n"), 400),
    "a thousand fields": (raw(part(b"x", 'name="a"') * 1000 + part(b"x") + b"--b--\r\n"), 400),
    "field of a megabyte": (raw(part(b"x" * 2**20, 'name="as"') + part(b"x") + b"--b--\r\n"), 400),
    "header of a megabyte": (raw(b"--b\r\nX-Long: " + b"A" * 2**20 + b"\r\n\r\nx\r\n--b--\r\n"), 400),
    "ten thousand headers": (raw(b"--b\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\nx\r\n--b--\r\n"), 400),
    "part without a name": (raw(b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n"), 400),
    "JSON": (raw(b'{"file": "/etc/passwd"}', "Content-Type: application/json"), 415),
    "plain text": (raw(b"file=/etc/passwd", "Content-Type: text/plain"), 415),
    "file by its address": (raw(b"file=file:///etc/passwd", FORM), 415),
    "rate that is no number": (
        raw(part(b"x") + part(b"NaN" * 500, 'name="frame_rate"') + b"--b--\r\n"),
        400,
    ),
    "rate without end": (send("POST", "/api/query?frame_rate=1e999", part(b"x") + b"--b--\r\n", MULTIPART), 400),
    "terabyte declared": (
        b"POST /uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nConnection: close\r\n\r\n",
        413,
    ),
    # other sites
    "upload from another site": (upload(b"x", "a.mp3", EVIL), 403),
    "upload from a frame": (upload(b"x", "a.mp3", "Origin: null"), 403),
    "upload, cross-site": (upload(b"x", "a.mp3", "Sec-Fetch-Site: cross-site"), 403),
    "upload, same-site": (upload(b"x", "a.mp3", "Sec-Fetch-Site: same-site"), 403),
    "correction from another site": (correction("kind=undo&number=1", EVIL), 403),
    "correction, cross-site": (correction("kind=undo&number=1", "Sec-Fetch-Site: cross-site"), 403),
    "correction by a link": (get("/corrections?kind=undo&number=1"), 405),
    # corrections
    "correction of files": (correction("kind=accept&member=/etc/passwd&member=pyproject.toml"), 404),
    "correction of HTML": (correction("kind=accept&member=%3Cscript%3Ealert(2)&member=P_1"), 404),
    "correction in SQL": (correction("kind=merge&member=P_1&with=%27+OR+1=1;--"), 404),
    "correction of long ids": (correction(f"kind=accept&member=P_1&member={LONG}"), 404),
    "correction not UTF-8": (correction(b"kind=\xff\xfe"), 400),
    "correction of NUL": (correction("kind=accept&member=P_1%00&member=P_2"), 404),
    "correction that does not exist": (correction("kind=undo&number=99999999999999999999"), 400),
    "correction of a megabyte": (correction("kind=accept" + "&member=P_1" * 100_000), 413),
    "correction by reading a file": (correction("kind=read&path=/etc/passwd"), 400),
    "correction in JSON": (raw(b'{"kind": "undo"}', "Content-Type: application/json", path="/corrections"), 415),
    # addresses of uploads
    "key that leads out": (get("/uploads/..%2f..%2fetc%2fpasswd"), 404),
    "key of another kind": (get("/uploads/groups"), 404),
    "key of a setlist": (get("/uploads/x/setlist?format=../../etc/passwd"), 400),
    "key of a job that is none": (get("/progress/../../etc/passwd"), 404),
    "long key": (get(f"/uploads/{LONG}"), 404),
    "upload by PUT": (send("PUT", "/uploads/x", b"x"), 405),
    "upload deleted": (send("DELETE", "/uploads/x", b""), 405),
    "group that is a file": (get("/groups/pyproject.toml"), 404),
    "groups of no kind": (get("/groups?show=%3Cscript%3E"), 400),
    "groups' page without end": (get("/groups?page=999999999999"), 400),
}


def test_there_are_enough() -> None:
    assert len(REQUESTS) >= 80


@pytest.mark.parametrize("name", REQUESTS)
def test_it_is_refused_or_harmless(editable: httpx.Client, name: str, caplog: pytest.LogCaptureFixture) -> None:
    request, expected = REQUESTS[name]
    caplog.set_level(logging.ERROR)
    before = set(Path(tempfile.gettempdir()).glob("covsearch-*"))
    status, head, body = talk(editable, request)
    assert status == expected, head + b"\n" + body[:500]
    assert b"application/problem+json" in head
    assert b"evil.example" not in head
    for secret in (SECRET, b"root:x:", b"1337", b"Traceback", b"covsearch-upload", tempfile.gettempdir().encode()):
        assert secret not in body
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert editable.get("/api/stats").json()["performances"] == 24
    assert editable.get("/api/corrections").json()["corrections"] == []
    end = time.monotonic() + 600  # only where it never ends
    while set(Path(tempfile.gettempdir()).glob("covsearch-*")) - before and time.monotonic() < end:
        time.sleep(0.05)
    assert set(Path(tempfile.gettempdir()).glob("covsearch-*")) <= before
    assert not Path("/tmp/evil.mp3").exists()


def test_slow_uploads_hold_no_question_up_and_are_given_up(toy_files: Path, editable: httpx.Client) -> None:
    """Twenty that send a byte a tenth of a second, and a second of time for all of it."""
    with serving(Workspace(toy_files.parent / "home"), edit=True, upload_seconds=1.0) as page:
        head = (
            b"POST /uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n"
            + MULTIPART.encode()
            + b"\r\n\r\n"
        )
        told: list[bytes] = []

        def slow() -> None:
            with socket.create_connection(("127.0.0.1", page.base_url.port), timeout=600) as talking:
                talking.settimeout(600)
                talking.sendall(head + part(b"")[:-2])
                try:
                    while True:
                        talking.sendall(b"x")
                        time.sleep(0.1)
                except OSError:
                    pass
                try:
                    told.append(talking.recv(2**16))
                except OSError:
                    told.append(b"")

        slow_ones = [threading.Thread(target=slow) for _ in range(20)]
        for one in slow_ones:
            one.start()
        room, end = page.covsearch.app.state.room, time.monotonic() + 600  # type: ignore[attr-defined]
        while room.places == 24 and not told and time.monotonic() < end:  # until the first one has begun to arrive
            time.sleep(0.01)
        assert page.get("/api/query?id=P_1&top=3").status_code == 200
        assert page.get("/metrics").text.splitlines()[-1] == "covsearch_questions 0"
        for one in slow_ones:
            one.join(600)
        assert not any(one.is_alive() for one in slow_ones)
        assert {answer.split(b"\r\n")[0] for answer in told if answer} <= {b"HTTP/1.1 408 Request Timeout"}
        end = time.monotonic() + 600  # only where it never ends
        while room.places < 24 and time.monotonic() < end:
            time.sleep(0.05)
        assert (room.places, room.size) == (24, 2 * 2**30)
