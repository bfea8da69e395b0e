"""MusicXML scores: what is read of them, and what is refused."""

from __future__ import annotations

import pytest

from covsearch.guard.files import RefusedError
from covsearch.synthesis.partwise import read_score
from tests.synthesis.score_files import harmony, packed, score_xml, xml_note

QUARTER = xml_note("C", 4, 2)


def test_notes_chords_ties_and_titles() -> None:
    tied = "<tie type='start'/>", "<tie type='stop'/>"
    first = harmony("D", "minor-seventh", "A") + xml_note("D", 4, 4, "<lyric/>") + xml_note("F", 4, 4, tied[0], 1)
    second = xml_note("F", 4, 2, tied[1], 1) + "<note><rest/><duration>6</duration></note>"
    score = read_score(packed(score_xml([first, second])))
    assert score.parts == [[(0.0, 2.0, 62), (2.0, 3.0, 66)]]
    assert score.chords == [(0.0, (2, 5, 9, 0, 9))]
    assert (score.sung, score.titles, score.quarters, score.bar) == ([1], ["A Song"], 8.0, 4.0)


def test_voices_stacked_notes_grace_notes_and_cues() -> None:
    grace = "<note><grace/><pitch><step>A</step><octave>4</octave></pitch></note>"
    cue = "<note><cue/><pitch><step>A</step><octave>4</octave></pitch><duration>2</duration></note>"
    bar = xml_note("C", 4, 4) + xml_note("E", 4, 4, before="<chord/>") + grace + cue
    bar += "<backup><duration>6</duration></backup><forward><duration>2</duration></forward>" + xml_note("G", 3, 2)
    score = read_score(score_xml([bar]))
    assert score.parts == [[(0.0, 2.0, 60), (0.0, 2.0, 64), (1.0, 1.0, 55)]]
    assert score.quarters == 3.0


def test_a_transposing_part_sounds_as_it_does_and_the_first_tempo_counts() -> None:
    moved = "<attributes><transpose><chromatic>-2</chromatic><octave-change>-1</octave-change></transpose></attributes>"
    mark = "<direction><direction-type><metronome><beat-unit>half</beat-unit><per-minute>50</per-minute></metronome>"
    mark += "</direction-type></direction><direction><sound tempo='90'/></direction>"
    score = read_score(score_xml([moved + mark + QUARTER]))
    assert (score.parts[0][0][2], score.tempo) == (60 - 14, 100.0)


def test_repeats_and_their_endings_are_played() -> None:
    def bar(step: str, *lines: str) -> str:
        return xml_note(step, 4, 8) + "".join(f"<barline>{line}</barline>" for line in lines)

    forward, backward = "<repeat direction='forward'/>", "<repeat direction='backward'/>"
    bars = [
        bar("C"),
        bar("D", forward),
        bar("E", "<ending number='1' type='start'/>", f"<ending number='1' type='stop'/>{backward}"),
        bar("F", "<ending number='2' type='start'/>", "<ending number='2' type='discontinue'/>"),
        bar("G", forward, "<repeat direction='backward' times='3'/>"),
        bar("A"),
    ]
    score = read_score(score_xml(bars))
    assert [pitch for _, _, pitch in score.parts[0]] == [60, 62, 64, 62, 65, 67, 67, 67, 69]
    assert [onset for onset, _, _ in score.parts[0]] == [4.0 * k for k in range(9)]


def test_a_container_with_stray_quotes_still_names_the_only_score() -> None:
    xml = score_xml([QUARTER])
    odd = "<container><rootfiles><rootfile full-path='Don't.xml'/></rootfiles></container>"
    assert read_score(packed(xml, odd, "Don't.xml")).parts == [[(0.0, 1.0, 60)]]
    with pytest.raises(RefusedError, match="is damaged"):
        read_score(packed(xml, odd, "Don't.txt"))


def test_drums_are_not_heard() -> None:
    drums = "<attributes><clef><sign>percussion</sign></clef></attributes>"
    assert read_score(score_xml([drums + QUARTER, QUARTER], [QUARTER, QUARTER])).parts[0] == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<score-partwise>", "is damaged"),
        (b"<a><score-partwise/></a>", "expected score-partwise"),
        (b"<score-timewise></score-timewise>", "expected score-partwise"),
        (b"<score-partwise></score-partwise>", "has no bars"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><score-partwise/>", "entities"),
        (score_xml([xml_note("C", 4, 2).replace("<duration>2", "<duration>nan")]), "number out of range"),
        (score_xml([xml_note("C", 4, 2).replace("<duration>2", "<duration>two")]), "is damaged: could not convert"),
        (score_xml([xml_note("C", 4, 9_000_000)]), "lasts 4,500,000 quarter notes"),
        (score_xml(["<attributes><divisions>-1</divisions></attributes>" + QUARTER]), "-1 divisions"),
    ],
)
def test_what_is_no_score_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        read_score(data)


def test_a_score_of_endless_repeats_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("covsearch.synthesis.partwise.MAX_BARS", 5)
    with pytest.raises(RefusedError, match="has over 5 bars"):
        read_score(score_xml([QUARTER + "<barline><repeat direction='backward' times='8'/></barline>"]))
