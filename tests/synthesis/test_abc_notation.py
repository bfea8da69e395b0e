"""ABC tunes: pitches, lengths, voices, repeats, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import pytest

from covsearch.guard.files import RefusedError
from covsearch.synthesis import notated
from covsearch.synthesis.abc_notation import _bar_line, _Voice, read_abc
from covsearch.synthesis.notated import abc_reading
from tests.synthesis.score_files import HYMN


def tune(music: str, key: str = "C", more: str = "") -> list[tuple[float, float, int]]:
    """The notes of a tune in quarters."""
    return read_abc(f"X:1\nM:4/4\nL:1/4\n{more}K:{key}\n{music}\n".encode()).parts[0]


def test_a_hymn_of_two_voices() -> None:
    score = read_abc(HYMN)
    upper, lower = score.parts
    assert upper == [
        (0.0, 1.0, 67), (1.0, 1.0, 71), (2.0, 0.5, 69), (2.5, 0.5, 67), (3.0, 1.0, 66), (4.0, 3.0, 74),
        (7.0, pytest.approx(2 / 3), 72), (pytest.approx(7 + 2 / 3), pytest.approx(2 / 3), 71),
        (pytest.approx(7 + 4 / 3), pytest.approx(2 / 3), 69), (9.0, 1.0, 67), (10.0, 2.0, 67), (12.0, 1.0, 66),
        (13.0, 1.0, 66), (14.0, 1.0, 65), (15.0, 1.0, 64),
    ]  # fmt: skip
    assert lower == [
        (1.0, 3.0, 55), (4.0, 3.0, 59), (4.0, 3.0, 62), (8.5, 1.5, 57), (10.0, 0.5, 55), (10.5, 2.0, 52),
        (12.5, 1.0, 50), (13.5, 2.0, 50), (15.5, 1.0, 50),
    ]  # fmt: skip
    assert (score.titles, score.tempo, score.bar, score.sung) == (["A Hymn"], 90.0, 3.0, [1, 0])


def test_accidentals_hold_until_the_bar_line_in_their_octave() -> None:
    assert [p for _, _, p in tune("^F F f|F _B|B", "C")] == [66, 66, 77, 65, 70, 71]
    assert [p for _, _, p in tune("F C B", "D")] == [66, 61, 71]
    assert [p for _, _, p in tune("B E", "Edor")] == [71, 64]
    assert [p for _, _, p in tune("BEA", "Cm")] == [70, 63, 68]
    assert [p for _, _, p in tune("C,, c''")] == [36, 96]


def test_lengths() -> None:
    assert [d for _, d, _ in tune("C2 D/ E/4 F// G3/2 z A")] == [2.0, 0.5, 0.25, 0.25, 1.5, 1.0]
    assert tune("A>B c<d") == [(0.0, 1.5, 69), (1.5, 0.5, 71), (2.0, 0.5, 72), (2.5, 1.5, 74)]
    assert [d for _, d, _ in tune("C D", more="L:1/8\n")] == [0.5, 0.5]
    assert tune("Z C") == [(4.0, 1.0, 60)]


def test_a_repeat_is_played_twice() -> None:
    assert [p for _, _, p in tune("C|:D E:|F|G:|")] == [60, 62, 64, 62, 64, 65, 67, 65, 67]


def test_each_repeat_plays_what_came_since_the_one_before() -> None:
    assert [p for _, _, p in tune("|:C:|:D:|E:|")] == [60, 60, 62, 62, 64, 64]
    assert [p for _, _, p in tune("|:C E & G2:|")] == [60, 67, 64, 60, 67, 64]


@pytest.mark.parametrize(("at", "notes"), [(15_000, 1), (4, 60_000)])
def test_a_repeat_that_is_too_long_is_refused_before_it_is_played(at: int, notes: int) -> None:
    voice = _Voice(at=Fraction(at), notes=[(Fraction(0), Fraction(1), 60)] * notes)
    with pytest.raises(RefusedError, match="lasts over 20,000 quarter notes or has over 100,000 notes"):
        _bar_line(voice, ":|")
    assert (voice.at, len(voice.notes)) == (at, notes)


def test_a_tune_that_is_too_long_for_a_song_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(notated, "on_grid")
    with pytest.raises(RefusedError, match="lasts 18,432 beats; 16 to 3,000 are read"):
        abc_reading("a", b"X:1\nL:1/4\nK:C\n|:" + b"C256|" * 35 + b"C256:|", {})


def test_only_the_first_tune_is_read_and_latin_1_too() -> None:
    score = read_abc("X:1\nT:Für\nK:C\nCD\nX:2\nK:C\nEF\n".encode("latin-1"))
    assert (score.titles, [p for _, _, p in score.parts[0]]) == (["Für"], [60, 62])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no ABC tune"),
        (b"X:1\nCDE", "is no ABC tune"),
        (b"X:1\nK:C\nz4", "has no notes"),
        (b"X:1\nK:C\nC999999", "a note '999999' units long"),
        (b"X:1\nK:C\nC" + b"9" * 5000, "a note '999999' units long"),
        (b"X:1\nK:C\n" + b"C256|" * 2000, "lasts over 20,000 quarter notes"),
        (b"X:1\nM:4/4\nK:C\nV:1\nCDEF\nV:2\nC16\n", "voices that end 6 quarter notes apart"),
    ],
)
def test_what_is_no_tune_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        read_abc(data)
