"""Chord charts: chords by the beat, form, metre and pace; what is invented is the same where the form says so."""

from __future__ import annotations

import numpy as np
import pytest

from covsearch.guard.files import RefusedError
from covsearch.synthesis.charts import chart_reading, chart_song, read_chart
from covsearch.synthesis.song import HIGH, LOW, MELODY, NO_CHORD, SECOND, Song
from tests.synthesis.score_files import FORM, chart

C, F, G7 = [0, 4, 7, -1, 0], [5, 9, 0, -1, 5], [7, 11, 2, 5, 7]


def between(song: Song, start: int, end: int, layer: int) -> list[tuple[int, int, int]]:
    """Start from `start`, length and pitch of a layer's notes in a stretch of steps."""
    notes = song.notes
    some = (notes.start >= start) & (notes.start < end) & (notes.layer == layer)
    rows = zip(notes.start[some] - start, notes.length[some], notes.pitch[some], strict=True)
    return [(int(a), int(b), int(c)) for a, b, c in rows]


def test_chords_stand_where_the_chart_has_them() -> None:
    song = chart_song("a", read_chart(chart(FORM)), 1)
    assert (song.steps, song.bar) == (5 * 4 * 16, 16)
    assert song.beat == pytest.approx(0.5)  # 8 s of 16 beats
    assert song.chords[[0, 15, 16, 32, 48, 63]].tolist() == [C, C, F, C, G7, G7]
    third = song.chords[128:192]
    assert third[32].tolist() == [0, 4, 7, -1, 7]
    assert [third[48 + k].tolist() for k in (0, 4, 8, 11)] == [C] * 4
    assert third[48 + 12].tolist() == F


def test_repeats_metres_pauses_and_unknown_chords() -> None:
    lines = ["A, intro, | C:maj F:maj | (2/4) G:7 | &pause | * | N | x2, fadeout", "Z, noise"]
    phrase = read_chart(chart(lines)).phrases
    assert len(phrase) == 1
    chords = phrase[0].chords
    assert len(chords) == 2 * (16 + 8 + 3 * 16)
    assert chords[[0, 7, 8, 16, 23]].tolist() == [C, C, F, G7, G7]
    assert (chords[24:72] == NO_CHORD).all()
    assert (chords[72:] == chords[:72]).all()


def test_a_compound_metre_has_its_own_bars_and_pace() -> None:
    read = read_chart(chart(["A, verse, | A:min | C:maj . F:maj . |"] * 4, metre="12/8", pace=6.0))
    song = chart_song("a", read, 1)
    assert (song.bar, song.steps) == (24, 4 * 48)
    assert song.beat == pytest.approx(4 * 6 / 48)
    assert [song.chords[24 + k, 0] for k in (0, 11, 12, 23)] == [0, 0, 5, 5]


def test_one_letter_has_one_melody_and_one_accompaniment() -> None:
    song = chart_song("a", read_chart(chart(FORM)), 3)
    for layer in (MELODY, HIGH, LOW):
        first = between(song, 64, 128, layer)
        assert len(first) >= 4
        assert between(song, 192, 256, layer) == first
        assert between(song, 128, 192, layer) != first
    assert not between(song, 0, 64, MELODY)  # nobody sings in the introduction
    strong = [(start + 64, pitch) for start, _, pitch in between(song, 64, 128, MELODY) if start % 4 == 0]
    assert all(pitch % 12 in song.chords[start, :4] for start, pitch in strong)
    assert {pitch % 12 for _, _, pitch in between(song, 64, 128, MELODY)} <= {0, 2, 4, 5, 7, 9, 11}
    other = chart_song("a", read_chart(chart(FORM)), 4)
    assert between(other, 64, 128, MELODY) != between(song, 64, 128, MELODY)


def test_without_a_word_of_voices_all_but_introductions_and_solos_are_sung() -> None:
    lines = [line.replace(", (voice", "").replace(", voice)", "") for line in FORM]
    song = chart_song("a", read_chart(chart([*lines, "E, solo, | C:maj | F:maj |"])), 3)
    assert not between(song, 0, 64, MELODY)
    assert between(song, 64, 128, MELODY)
    assert not between(song, 320, 352, MELODY)


def test_a_solo_is_no_melody_but_may_answer_it() -> None:
    lines = ["A, solo, | C:maj | F:maj | G:7 | C:maj |", "B, verse, | C:maj | F:maj |, (voice)"]
    layers = {int(layer) for seed in range(8) for layer in chart_song("a", read_chart(chart(lines)), seed).notes.layer}
    assert layers == {MELODY, SECOND, HIGH, LOW}


def test_the_table_says_which_recording_and_which_work_it_is() -> None:
    row = {"title": "The Title", "title_norm": "title", "recording_key": "abc", "note": "cover_set"}
    one, same = (chart_reading(name, chart(FORM), row) for name in ("0001.txt", "0002.txt"))
    assert (one.titles, one.work, one.recording, one.melody) == (("The Title", "Chart"), "title", "abc", [])
    assert np.array_equal(one.song.notes.pitch, same.song.notes.pitch)  # versions of a work have one melody
    alone = chart_reading("0001.txt", chart(FORM), row | {"note": "same_title_different_song"})
    assert (alone.work, alone.recording) == ("", "abc")
    assert chart_reading("0001.txt", chart(FORM), {}).titles == ("Chart",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"notes to self", "is no chord chart"),
        (b"# title: a\n", "has no bars with chords"),
        (chart(["A, intro, | N | N | N | N |"] * 4), "has no chords"),
        (chart(FORM, metre="4/0"), "expected a metre like 4/4, not '4/0'"),
        (chart(FORM, metre="four"), "expected a metre like 4/4, not 'four'"),
        (chart(FORM, pace=0.1), "expected beats 0.1 to 3.0 s apart"),
        (chart(FORM[:1]).replace(b"1.0\tA", b"nan\tA"), "expected 0 to 100,000 seconds, not 'nan'"),
        (chart(FORM[:1]).replace(b"1.0\tA", b"soon\tA"), "expected seconds at the beginning of a line, not 'soon'"),
        (chart(["A, intro, | C:maj | C:maj | x99"] * 9), "lasts over 3,000 beats"),
        (chart(["A, intro, | C:maj | C:maj |"]), "lasts 8 beats; 16 to 3,000 are read"),
        (b"# title: \xff\n", "is not UTF-8"),
    ],
)
def test_what_is_no_chart_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        chart_reading("a.txt", data, {})


def test_a_line_that_is_played_too_often_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(np, "tile")
    for line in ("A, verse, |" + " C:maj |" * 200 + " x100", "A, verse, |" + " C:maj |" * 50 + " x90"):
        with pytest.raises(RefusedError, match="lasts over 3,000 beats"):
            read_chart(chart([line]))
