"""Questions by a file: what is taken, how the answer comes, and that nothing is left of it."""

from __future__ import annotations

import csv
import io
import json
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from features.audio.sounds import tones, write
from web.conftest import serving
from web.test_pages import events, titles

import covsearch
from covsearch.collections import pool
from covsearch.web.receive import shown_name
from covsearch.workspace import Workspace

P_4 = "da-tacos_toy_subset_hpcp/W_2_hpcp/P_4_hpcp.h5"


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("wav") / "mine.wav", tones(20.0, 1))


def sent(page: httpx.Client, file: Path, name: str | None = None, **fields: str) -> str:
    """Where an upload's answer is, once it is heard."""
    answer = page.post("/uploads", files={"file": (name or file.name, file.read_bytes())}, data=fields)
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    assert re.fullmatch(r"/uploads/[\w-]{22}(/setlist)?", where)
    return where


def heard(page: httpx.Client, where: str) -> str:
    """The page that is there once nothing is waited for any more."""
    end = time.monotonic() + 600  # only where it waits for ever
    while time.monotonic() < end:
        shown = page.get(where, headers={"accept": "text/html"}).text
        if 'id="waiting"' not in shown:
            return shown
        time.sleep(0.1)
    raise AssertionError(f"{where} still waits")


def left_over() -> list[str]:
    return [path.name for path in Path(tempfile.gettempdir()).glob("covsearch-*")]


def test_a_file_is_answered_as_its_performance_is(editable: httpx.Client, toy_files: Path) -> None:
    index = covsearch.open(toy_files.parent / "home")
    before = left_over()
    where = sent(editable, toy_files / P_4, "My <song>.h5")
    first = heard(editable, where)
    assert "<h1>My &lt;song&gt;</h1>" in first
    assert 'data-settled="0"' in first
    (begun, _), (name, piece) = events(editable, f"{where}/events?top=5")
    assert (begun, name) == ("aligning", "answer")
    expected = index.query(toy_files / P_4, top=5)
    assert titles(piece) == [match.title for match in expected]
    assert expected[0].same_recording
    assert expected.sentence in piece
    whole = heard(editable, f"{where}?top=5&whole=1")
    assert titles(whole) == [match.title for match in expected]
    assert left_over() == before


def test_the_answer_to_a_file_has_filters_json_and_csv(editable: httpx.Client, toy_files: Path) -> None:
    where = sent(editable, toy_files / P_4)
    heard(editable, where)
    shown = heard(editable, f"{where}?whole=1&top=20&since=1970&hide_same=1&sort=year&descending=1")
    assert len(titles(shown)) > 5
    as_json = editable.get(f"{where}?top=20&since=1970&hide_same=1&sort=year&descending=1&format=json").json()
    assert [match["title"] for match in as_json["matches"]] == titles(shown)
    assert as_json["query"] == {"files": ["P_4_hpcp.h5"]}
    as_csv = editable.get(f"{where}?top=20&since=1970&hide_same=1&sort=year&descending=1&format=csv").text
    assert [row["title"] for row in csv.DictReader(io.StringIO(as_csv))] == titles(shown)
    years = [match["year"] for match in as_json["matches"]]
    assert years == sorted(years, reverse=True)


def test_why_a_file_is_a_cover(editable: httpx.Client, toy_files: Path) -> None:
    where = sent(editable, toy_files / P_4)
    heard(editable, where)
    found = editable.get(f"/api{where}/compare?b=P_6&picture=1").json()
    expected = covsearch.open(toy_files.parent / "home").compare("P_4", "P_6")
    assert found["alignment"]["path"] == expected.path.tolist()
    assert found["picture"]["chroma"]["a"]["frames"] == len(expected.chroma[0])
    shown = heard(editable, f"{where}/compare?b=P_6")
    assert "P_6 is 4 semitones higher" in shown
    assert f'href="{where}"' in shown
    assert editable.get(f"{where}/compare?b=pyproject.toml").status_code == 404


def test_audio_is_decoded_apart_and_its_progress_is_told(editable: httpx.Client, wav: Path) -> None:
    where = sent(editable, wav)
    told = events(editable, where.replace("/uploads/", "/progress/"))
    assert told[-1] == ("done", "")
    states = [json.loads(data) for name, data in told[:-1] if name == "progress"]
    assert "decoding" in [state["stage"] for state in states]
    assert set(states[0]) == {"stage", "done", "total", "seconds"}
    assert "<h1>mine</h1>" in heard(editable, where)


def test_a_program_sends_a_file_and_gets_what_the_index_says(
    editable: httpx.Client, wav: Path, toy_files: Path
) -> None:
    index = covsearch.open(toy_files.parent / "home")
    told = editable.post("/api/query?top=3", files={"file": ("a.wav", wav.read_bytes())}).json()
    expected = json.loads(json.dumps(index.query(wav, top=3).to_dict()))
    assert told == {**expected, "query": {"files": ["a.wav"]}}
    head = editable.post("/api/query?top=3&rerank=head", files={"file": ("a.wav", wav.read_bytes())}).json()
    assert head["settings"]["rerank"] == "head"


def test_a_server_that_only_reads_takes_no_file(page: httpx.Client, wav: Path) -> None:
    for where in ("/uploads", "/api/query", "/api/setlist"):
        answer = page.post(where, files={"file": ("a.wav", wav.read_bytes())})
        assert answer.status_code == 403
        assert "covsearch serve --edit" in answer.json()["detail"]
    assert 'type="file"' not in page.get("/").text
    assert "This server only reads" in page.get("/setlist").text


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("a.txt", b"hello", 415, "a.txt: expected audio, MIDI, MusicXML or HDF5"),
        ("", b"hello", 400, "the form has no file"),
        ("a.wav", b"", 422, "a.wav: is empty"),
        ("a.wav", b"not a wave file" * 1000, 422, "a.wav: "),
        ("a.h5", b"not HDF5" * 1000, 422, "the model needs hpcp; a.h5: cannot be read as HDF5"),
        ("a.mid", b"MThd" + b"\xff" * 100, 422, "a.mid: "),
        ("a.mxl", b"PK\x03\x04" + b"\xff" * 100, 422, "a.mxl: "),
        ("../../etc/passwd.mp3", b"\xff\xfb" * 100, 422, "passwd.mp3: "),
    ],
)
def test_what_cannot_be_heard_is_said_by_its_name(
    editable: httpx.Client, name: str, content: bytes, status: int, said: str
) -> None:
    answer = editable.post("/api/query", files={"file": (name, content)})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["detail"].startswith(said)
    assert "/tmp" not in answer.text
    assert "covsearch-upload" not in answer.text
    if status == 422:
        where = editable.post("/uploads", files={"file": (name, content)}).headers["location"]
        shown = heard(editable, where)
        assert "<h1>This file cannot be used" in shown
        assert said in shown


def test_other_forms_are_refused(editable: httpx.Client) -> None:
    assert editable.post("/uploads", data={"file": "x"}).status_code == 415
    assert editable.post("/uploads", content=b"x", headers={"content-type": "multipart/form-data"}).status_code == 400
    two = [("file", ("a.wav", b"1")), ("file", ("b.wav", b"2"))]
    assert editable.post("/uploads", files=two).status_code == 400
    many = {f"f{n}": "x" for n in range(50)}
    assert editable.post("/uploads", files={"file": ("a.wav", b"1")}, data=many).status_code == 400
    long = {"as": "x" * 100_000}
    assert editable.post("/uploads", files={"file": ("a.wav", b"1")}, data=long).status_code == 400
    rate = editable.post("/uploads", files={"file": ("a.h5", b"1")}, data={"frame_rate": "fast"})
    assert (rate.status_code, rate.json()["detail"]) == (400, "expected frames a second as a number, not 'fast'")


def test_who_is_still_sending_gets_the_answer_too(editable: httpx.Client) -> None:
    head = "POST /uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 20000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", editable.base_url.port), timeout=600) as sender:
        sender.sendall(head.encode())
        time.sleep(0.3)  # it has been refused by now
        for _ in range(200):
            sender.sendall(b"x" * 100_000)
        answer = b"".join(iter(lambda: sender.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"connection: close" in answer
    assert b"expected a form with a file" in answer


def test_an_upload_is_known_by_its_key_alone(editable: httpx.Client) -> None:
    answer = editable.get("/uploads/guess")
    assert answer.status_code == 404
    assert "send the file again" in answer.json()["detail"]
    assert editable.get("/progress/guess").status_code == 404


@pytest.fixture
def limited(toy_files: Path, editable: httpx.Client) -> Iterator[Callable[..., httpx.Client]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        home = Workspace(toy_files.parent / "home")
        yield lambda **options: stack.enter_context(serving(home, edit=True, **options))


def test_a_file_that_is_too_large_is_not_read(limited: Callable[..., httpx.Client]) -> None:
    page = limited(upload_bytes=100_000)
    big = {"file": ("a.wav", b"x" * 200_000)}
    answer = page.post("/uploads", files=big)
    assert answer.status_code == 413
    assert answer.json()["detail"].startswith("the file is too large: at most")

    def pieces() -> Iterator[bytes]:  # of no declared length
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(50):
            yield b"x" * 10_000

    head = {"content-type": "multipart/form-data; boundary=b"}
    assert page.post("/uploads", content=pieces(), headers=head).status_code == 413


def test_a_file_that_stops_arriving_is_given_up(limited: Callable[..., httpx.Client]) -> None:
    page = limited(upload_idle=0.3)
    kind = "Content-Type: multipart/form-data; boundary=b"
    head = f"POST /uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n{kind}\r\n\r\n"
    begun = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", page.base_url.port), timeout=600) as sender:
        sender.sendall(head.encode() + begun)
        answer = b"".join(iter(lambda: sender.recv(2**16), b""))  # nothing more is sent
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the file took too long to arrive" in answer


def test_there_is_room_for_so_many_uploads(limited: Callable[..., httpx.Client], wav: Path) -> None:
    none = limited(uploads=0)
    answer = none.post("/uploads", files={"file": ("a.wav", b"x")})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    few = limited(uploads_bytes=1000)
    assert few.post("/uploads", files={"file": ("a.wav", b"x" * 5000)}).status_code == 503
    for _ in range(3):  # what was given back is there again
        assert few.post("/api/query", files={"file": ("a.wav", b"x")}).status_code == 422
    one = limited(uploads=1)
    for _ in range(3):
        assert one.post("/api/query", files={"file": ("a.wav", wav.read_bytes())}).status_code == 200


def test_a_decoder_that_dies_costs_its_upload(
    editable: httpx.Client, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    script = tmp_path / "dies.py"
    script.write_text(
        "import os, sys\nprint('{\"ready\": true}', flush=True)\nsys.stdin.readline()\nos.kill(os.getpid(), 9)\n"
    )
    monkeypatch.setattr(pool, "_COMMAND", [sys.executable, str(script)])
    shown = heard(editable, sent(editable, wav))
    assert "mine.wav: ended its decoder (SIGKILL)" in shown
    monkeypatch.undo()
    assert "<h1>mine</h1>" in heard(editable, sent(editable, wav))


def test_a_concert_has_a_setlist_as_page_json_csv_and_cue(
    editable: httpx.Client, toy_files: Path, tmp_path: Path
) -> None:
    import h5py
    import numpy as np
    from collection import FRAME_RATE, melody

    rng = np.random.default_rng(0)
    pieces = [rng.gamma(4.0, 1.0, (40, 12)), np.roll(melody(3), 7, axis=1), np.roll(melody(7), 3, axis=1)]
    concert = tmp_path / "concert.h5"
    with h5py.File(concert, "w") as file:
        file.create_dataset("hpcp", data=np.concatenate(pieces).astype(np.float32))
        file.attrs["frame_rate"] = FRAME_RATE
    found = covsearch.open(toy_files.parent / "home").setlist(concert)
    assert [song.performance.wid for song in found.songs if song.performance] == ["W_3", "W_7"]
    where = sent(editable, concert, **{"as": "setlist"})
    assert where.endswith("/setlist")
    shown = heard(editable, where)
    assert "2 songs of the index found" in shown
    assert shown.count("<rect ") == len(found)
    expected = {**json.loads(json.dumps(found.to_dict())), "file": "concert.h5"}
    assert editable.get(f"{where}?format=json").json() == expected
    assert editable.get(f"{where}?format=csv").text == found.to_csv()
    assert editable.get(f"{where}?format=cue").text == found.to_cue()
    assert editable.get(f"{where}?format=exe").status_code == 400
    told = editable.post("/api/setlist", files={"file": ("concert.h5", concert.read_bytes())}).json()
    assert told == expected


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("song.mp3", "song.mp3"),
        ("C:\\music\\song.mp3", "song.mp3"),
        ("../../../etc/passwd", "passwd"),
        ("a\r\nSet-Cookie: b.mp3", "a Set-Cookie: b.mp3"),
        ("x" * 500 + ".mp3", "x" * 150 + ".mp3"),
        ("..", ".."),
        ("", ""),
    ],
)
def test_names_are_one_short_line_without_folders(sent: str, shown: str) -> None:
    assert shown_name(sent) == shown
