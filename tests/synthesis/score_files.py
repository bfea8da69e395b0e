"""Tiny files of songs: a MusicXML score, packed; an ABC hymn; a chord chart; and an archive of any."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

CONTAINER = "<container><rootfiles><rootfile full-path='a.xml'/></rootfiles></container>"
LETTERS = "CDEFGAB"


def xml_note(step: str, octave: int, duration: int, more: str = "", alter: int = 0, before: str = "") -> str:
    """A note; `before` and `more` are elements before its pitch and after its duration."""
    pitch = f"<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
    return f"<note>{before}{pitch}<duration>{duration}</duration>{more}</note>"


def harmony(step: str, kind: str, bass: str = "") -> str:
    """A chord symbol."""
    low = f"<bass><bass-step>{bass}</bass-step></bass>" if bass else ""
    return f"<harmony><root><root-step>{step}</root-step></root><kind>{kind}</kind>{low}</harmony>"


def score_xml(*parts: Sequence[str], title: str = "A Song") -> bytes:
    """A score of two divisions a quarter, 4/4; each part is the contents of its bars."""
    said = "<attributes><divisions>2</divisions></attributes>"
    text = ""
    for bars in parts:
        measures = "</measure><measure>".join([said + bars[0], *bars[1:]])
        text += f"<part id='P'><measure>{measures}</measure></part>"
    return f"<score-partwise><work><work-title>{title}</work-title></work>{text}</score-partwise>".encode()


def packed(xml: bytes, container: str = CONTAINER, name: str = "a.xml") -> bytes:
    """An ``.mxl`` file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("META-INF/container.xml", container)
        made.writestr(name, xml)
    return file.getvalue()


def lead_sheet(seed: int = 0, bars: int = 8) -> bytes:
    """Quarters over a chord symbol a bar; no two seeds have a melody in common."""
    written = []
    for bar in range(bars):
        letters = [LETTERS[(seed * 5 + bar * bar + k * (k + 1 + seed)) % 7] for k in range(4)]
        notes = "".join(xml_note(letter, 4 + (seed + k) % 2, 2) for k, letter in enumerate(letters))
        written.append(harmony("CFGA"[bar % 4], "dominant" if bar % 4 == 2 else "major") + notes)
    return packed(score_xml(written, title=f"Song {seed}"))


HYMN = b"""% of a hymnal
X: 1
T: A Hymn
M: 3/4
L: 1/4
V: S1V1
V: S2V1
K: G
[V: S1V1] [Q: 1/4=90] G | B A/G/ F | d2- d | (3cBA G | G2 !fermata!^F | F =F E |
w: Sing a
%%begintext
and this is no music: GABc
%%endtext
[V: S2V1] z | G,3 | [B,D]3 | z3/2 A,>G, | E,2 D, | D,2 D, |]
W: Sing again
"""


def chart(phrases: Sequence[str], title: str = "Chart", pace: float = 8.0, metre: str = "4/4") -> bytes:
    """A chart of these lines, each `pace` seconds long."""
    lines = [f"# title: {title}", "# artist: Nobody", f"# metre: {metre}", "# tonic: C", "", "0.0\tsilence"]
    lines += [f"{1 + pace * k}\t{phrase}" for k, phrase in enumerate(phrases)]
    return "\n".join([*lines, f"{1 + pace * len(phrases)}\tsilence", f"{2 + pace * len(phrases)}\tend", ""]).encode()


FORM = (
    "A, intro, | C:maj | F:maj | C:maj | G:7 |, (guitar)",
    "B, verse, | C:maj | A:min | F:maj | G:7 |, (voice",
    "| F:maj | G:7 | C:maj/5 | C:maj . . F:maj |",
    "B, verse, | C:maj | A:min | F:maj | G:7 |",
    "| F:maj | G:7 | C:maj | C:maj |, voice)",
)


def archive(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """A zip archive of these files."""
    with zipfile.ZipFile(path, "w") as made:
        for name, data in files.items():
            made.writestr(name, data)
    return path
