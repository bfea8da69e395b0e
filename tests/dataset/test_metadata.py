from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.dataset.metadata import read_metadata
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.errors import ArtefactError

RECORD = {
    "work_title": "Under Control",
    "work_artist": "Theo Hutchcraft",
    "perf_title": "Unter Kontrolle ♭",
    "perf_artist": "Beth",
    "release_year": "2016",
    "work_id": "W_14",
    "perf_id": "P_22",
    "instrumental": "No",
}


def read(tmp_path: Path, content: Any) -> dict[str, Performance]:
    path = tmp_path / "m.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return dict(read_metadata(path).performances)


def one(tmp_path: Path, **changes: Any) -> Performance:
    return read(tmp_path, {"W_14": {"P_22": {**RECORD, **changes}}})["P_22"]


def test_every_field_is_read(tmp_path: Path) -> None:
    matches = {"4ce2": {"length": "175000", "tags": ["rock"]}, "7c10": {}, "99aa": {"length": None}}
    read = one(tmp_path, perf_artist_mbid="9bfa", mb_performances=matches)
    assert read == Performance(
        pid="P_22",
        wid="W_14",
        title="Unter Kontrolle ♭",
        artist="Beth",
        work_title="Under Control",
        work_artist="Theo Hutchcraft",
        year=2016,
        instrumental=False,
        artist_mbid="9bfa",
        matches=(MusicBrainzMatch("4ce2", 175000), MusicBrainzMatch("7c10"), MusicBrainzMatch("99aa")),
    )


def test_missing_fields_are_unknown(tmp_path: Path) -> None:
    assert read(tmp_path, {"W_14": {"P_22": {}}}) == {"P_22": Performance("P_22", "W_14")}


@pytest.mark.parametrize(
    ("text", "year"), [("1896", 1896), ("", None), ("Unreleased", None), ("1" * 5000, None), ("١٩٩٩", None)]
)
def test_years(tmp_path: Path, text: str, year: int | None) -> None:
    assert one(tmp_path, release_year=text).year == year


@pytest.mark.parametrize(("text", "instrumental"), [("Yes", True), ("No", False), ("", None), ("maybe", None)])
def test_instrumental(tmp_path: Path, text: str, instrumental: bool | None) -> None:
    assert one(tmp_path, instrumental=text).instrumental is instrumental


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "Expecting value"),
        ("{" * 100_000, "nested too deeply|Expecting property name"),
        ('{"W_1": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ("[]", "the top level must be an object, not list"),
        ('{"W_1": {}, "W_1": {}}', "the key 'W_1' comes twice"),
        ('{"W_1": {"P_1": {}, "P_1": {}}}', "the key 'P_1' comes twice"),
        ('{"W_1": {"P_1": {}}, "W_2": {"P_1": {}}}', "P_1 is in W_1 and in W_2"),
        ('{"W_1": {"P_1": NaN}}', "NaN is not JSON"),
        ('{"W_1": 1' + "0" * 5000 + "}", "integer string conversion|digits"),
        ('{"W_1": []}', "W_1 must be an object, not list"),
        ('{"../W_1": {}}', r"expected a work like W_14, got '\.\./W_1'"),
        ('{"W_1": {"P_1/..": {}}}', "expected a performance like P_22 in W_1"),
        ('{"W_1": {}' + " " * 2**25 + "}", "has 33,554,443 bytes; at most 33,554,432 are read"),
        ("[" + "0," * 2_000_000 + "0]", "it has about 2,000,001 values; at most 2,000,000"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(ArtefactError, match=reason) as refused:
        read(tmp_path, content)
    assert str(refused.value).startswith(str(tmp_path / "m.json"))
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"W_1": {"P_2": {}, "P_1": "x"}}', "P_1 must be an object, not str"),
        ('{"W_1": {"P_2": {}, "P_1": {"work_id": "W_2"}}}', "W_1/P_1 has work_id 'W_2'"),
        ('{"W_1": {"P_2": {}, "P_1": {"perf_id": 1}}}', "W_1/P_1 has perf_id '1'"),
        ('{"W_1": {"P_2": {}, "P_1": {"perf_title": 7}}}', "perf_title of P_1 must be text, not int"),
        (
            '{"W_1": {"P_2": {}, "P_1": {"perf_artist": "' + "a" * 10_001 + '"}}}',
            "perf_artist of P_1 has 10,001 characters",
        ),
        ('{"W_1": {"P_2": {}, "P_1": {"mb_performances": "x"}}}', "mb_performances of P_1 must be an object"),
        ('{"W_1": {"P_2": {}, "P_1": {"mb_performances": {"a": 1}}}}', "a MusicBrainz match of P_1 must be an object"),
    ],
)
def test_an_odd_value_costs_its_record_alone(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "m.json").write_text(content)
    read = read_metadata(tmp_path / "m.json")
    assert dict(read.performances) == {"P_2": Performance("P_2", "W_1")}
    assert {pid: wid for pid, (wid, _) in read.refused.items()} == {"P_1": "W_1"}
    assert read.refused["P_1"][1].startswith("its record in the metadata JSON is refused: ")
    assert reason in read.refused["P_1"][1]


def test_a_refused_record_is_still_of_one_work(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="P_1 is in W_1 and in W_2"):
        read(tmp_path, '{"W_1": {"P_1": 7}, "W_2": {"P_1": {}}}')


def test_null_is_missing(tmp_path: Path) -> None:
    fields = dict.fromkeys([*RECORD, "perf_artist_mbid", "mb_performances"])
    assert read(tmp_path, {"W_14": {"P_22": fields}}) == {"P_22": Performance("P_22", "W_14")}


@pytest.mark.parametrize(
    ("number", "year"), [(1969, 1969), (1969.0, 1969), (0, 0), (-5, None), (10_000, None), (1969.5, None)]
)
def test_a_year_may_be_a_number(tmp_path: Path, number: float, year: int | None) -> None:
    assert one(tmp_path, release_year=number).year == year


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("\x1b[2JSong", "\ufffd[2JSong"),
        ("Two\r\nlines\tand\0", "Two  lines and\ufffd"),
        ("\ud800 half", "\ufffd half"),
        ("Rock &amp; Roll &#39;n&#x27; &quot;Blues&quot; &eacute;", "Rock & Roll 'n' \"Blues\" \u00e9"),
        ("AT&T & R&B; &copy &nosuch; &#0;", "AT&T & R&B; &copy &nosuch; \ufffd"),
        ("&amp;lt;", "&lt;"),
    ],
)
def test_titles_are_cleaned(tmp_path: Path, text: str, title: str) -> None:
    assert one(tmp_path, perf_title=text).title == title


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(b'{"W_1": "\xff"}')
    with pytest.raises(ArtefactError, match="not Da-TACOS metadata: is not UTF-8: 'utf-8' codec"):
        read_metadata(tmp_path / "m.json")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ArtefactError, match="is not a regular file"):
        read_metadata(tmp_path / "fifo")
    with pytest.raises(ArtefactError, match="does not exist"):
        read_metadata(tmp_path / "none")


def test_invisible_marks_of_real_artists_are_kept(tmp_path: Path) -> None:
    assert one(tmp_path, perf_artist="Stan Whitmire \u200e").artist == "Stan Whitmire \u200e"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*RECORD, "P_1", "W_1"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(
    content=st.dictionaries(
        st.sampled_from(["W_1", "W_2", "x"]), json_values | st.dictionaries(st.just("P_1"), json_values)
    )
)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    try:
        path = tmp_path_factory.mktemp("json") / "m.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        found = read_metadata(path)
    except ArtefactError:
        return
    of_work = {pid: p.wid for pid, p in found.performances.items()} | {p: wid for p, (wid, _) in found.refused.items()}
    assert {(wid, pid) for pid, wid in of_work.items()} == {(wid, pid) for wid in content for pid in content[wid]}
