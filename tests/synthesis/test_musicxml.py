"""MusicXML files of strangers: notes out, or a reason."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from covsearch.errors import ArtefactError
from covsearch.guard.files import RefusedError
from covsearch.synthesis import notation
from covsearch.synthesis.musicxml import musicxml_of
from covsearch.synthesis.notation import read_musicxml
from covsearch.synthesis.song import HIGH, MELODY

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
CONTAINER = '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>'


def part(name: str, notes: list[tuple[str, int, int]], tempo: int | None = None) -> str:
    sound = f'<direction><sound tempo="{tempo}"/></direction>' if tempo else ""
    said = "".join(
        f"<note><pitch><step>{step}</step><octave>{octave}</octave></pitch><duration>{length}</duration></note>"
        for step, octave, length in notes
    )
    attributes = (
        "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    )
    return f'<part id="{name}"><measure number="1">{attributes}{sound}{said}</measure></part>'


def score(*parts: str) -> str:
    names = [text.split('"')[1] for text in parts]
    listed = "".join(f'<score-part id="{name}"><part-name>{name}</part-name></score-part>' for name in names)
    return f'{HEAD}<score-partwise version="3.1"><part-list>{listed}</part-list>{"".join(parts)}</score-partwise>'


def packed(members: dict[str, bytes | str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return data.getvalue()


FULL = score(part("P1", [("C", 3, 2), ("F", 3, 2)]), part("P2", [("G", 5, 1), ("A", 5, 3)], tempo=90))


@pytest.mark.parametrize("name", ["full.musicxml", "full.xml", "full.mxl"])
def test_notes_parts_and_tempo(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(
        packed({"META-INF/container.xml": CONTAINER, "score.xml": FULL}) if "mxl" in name else FULL.encode()
    )
    song = read_musicxml(path)
    assert song.name == "full"
    assert song.beat == pytest.approx(60 / 90)
    assert song.steps == 16
    rows = sorted(zip(song.notes.layer, song.notes.start, song.notes.length, song.notes.pitch, strict=True))
    assert [tuple(map(int, row)) for row in rows] == [
        (MELODY, 0, 4, 79),
        (MELODY, 4, 12, 81),
        (HIGH, 0, 8, 48),
        (HIGH, 8, 8, 53),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no music", "has no score-partwise"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><score-partwise>&a;</score-partwise>', "declares entities of its own"),
        (score(part("P1", [])).encode("utf-16"), "is not UTF-8"),
        (b"PK\x03\x04 and no more", "is damaged"),
        (packed({"score.xml": FULL}), "has no 'META-INF/container.xml' inside"),
        (packed({"META-INF/container.xml": "<container/>"}), "names no score"),
        (packed({"META-INF/container.xml": "<container"}), "is damaged"),
        (packed({"META-INF/container.xml": '<!DOCTYPE c [<!ENTITY a "b">]><c/>'}), "has a document type"),
        (packed({"META-INF/container.xml": CONTAINER}), r"has no 'score\.xml' inside"),
        (packed({"META-INF/container.xml": CONTAINER, "score.xml": bytes(9 * 2**20)}), "bytes unpacked"),
    ],
)
def test_what_is_refused_before_it_is_parsed(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        musicxml_of(data)


def test_what_is_refused_by_its_notes(tmp_path: Path) -> None:
    path = tmp_path / "a.musicxml"
    path.write_text(score(part("P1", [])))
    with pytest.raises(ArtefactError, match=r"a\.musicxml: is no MusicXML file that can be read: has 0 notes"):
        read_musicxml(path)
    path.write_text("<score-partwise>")
    with pytest.raises(ArtefactError, match=r"a\.musicxml: is no MusicXML file that can be read: "):
        read_musicxml(path)
    path.write_text(score(part("P1", [("C", 4, 30_000)])))
    with pytest.raises(ArtefactError, match="lasts 30,000 quarter notes; at most 20,000 are read"):
        read_musicxml(path)


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.xml").write_text(FULL)
    monkeypatch.setattr(notation, "MAX_BYTES", 100)
    with pytest.raises(ArtefactError, match="at most 100 are read"):
        read_musicxml(tmp_path / "a.xml")


def test_repeats_are_played(tmp_path: Path) -> None:
    repeated = FULL.replace(
        "</measure>", '<barline location="right"><repeat direction="backward"/></barline></measure>'
    )
    (tmp_path / "a.xml").write_text(repeated)
    song = read_musicxml(tmp_path / "a.xml")
    assert song.steps == 32
    assert np.bincount(song.notes.layer).tolist() == [4, 0, 4]
