from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import make_performances

from covsearch.dataset.performance import Performance
from covsearch.db.catalogue import SqliteCatalogue
from covsearch.db.write import write_catalogue
from covsearch.errors import UsageError

CHORALE = "O Haupt voll Blut und Wunden"
SONGS = [
    Performance("P_1", "W_1", CHORALE, "Bach", CHORALE, "Hassler", 1736),
    Performance("P_2", "W_1", "Mein G'müt ist mir verwirret", "Hassler", CHORALE, "Hassler", 1601),
    Performance("P_3", "W_2", "Jóga", "Björk", "Jóga", "Björk", 1997),
    Performance("P_10", "W_2", "Joga", "A Quartet AND a Choir", "Jóga", "Björk"),
    Performance("P_22", "W_3", "(I Can't Get No) Satisfaction", 'The "Stones"', "Satisfaction", "NEAR"),
    Performance("P_23", "W_4", "東京", "Ωmega", "", ""),
    Performance("P_200", "W_4", "Über", "ss", "", ""),
    Performance("P_201", "W_5", "* - ^ : {} ()", "!!!", "", ""),
]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> SqliteCatalogue:
    path = tmp_path_factory.mktemp("db") / "songs.sqlite3"
    write_catalogue(path, SONGS)
    return SqliteCatalogue(path)


def pids(catalogue: SqliteCatalogue, text: str) -> list[str]:
    return sorted(hit.performance.pid for hit in catalogue.find(text))


def test_unknown_performances_are_left_out(catalogue: SqliteCatalogue) -> None:
    assert catalogue.get(["P_22", "P_4", "p_22", ""]) == {"P_22": SONGS[4]}
    assert catalogue.get([]) == {}


def test_thousands_of_performances_at_once(tmp_path: Path) -> None:
    performances = make_performances(np.random.default_rng(0), 1203)
    write_catalogue(tmp_path / "db", list(performances.values()))
    assert SqliteCatalogue(tmp_path / "db").get(list(performances)) == performances


def test_a_clique_is_in_natural_order(catalogue: SqliteCatalogue) -> None:
    assert catalogue.clique("W_2") == ("P_3", "P_10")
    assert catalogue.clique("W_99") == ()


def test_rows_and_sizes_of_cliques_count_every_performance(catalogue: SqliteCatalogue) -> None:
    assert catalogue.rows() == tuple(enumerate(p.pid for p in SONGS))
    assert catalogue.clique_sizes() == {1: 2, 2: 3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p22", ("P_22",)),
        ("22", ("P_22",)),
        (" P-22.h5", ("P_22",)),
        ("P_22", ("P_22",)),
        ("W_2", ("P_3", "P_10")),
        ("w1", ("P_1", "P_2")),
        ("W_200", ("P_200",)),
        ("P_2222", ("P_22", "P_201", "P_200")),
        ("P_202", ("P_201", "P_200", "P_22")),
        ("P_21", ("P_22", "P_23", "P_2")),
        ("P_32", ("P_23", "P_22", "P_3")),
        ("P_9", ("P_3", "P_2", "P_1")),
        ("P_99999999999999999999999999", ("P_201", "P_200", "P_23")),
        ("song", ()),
        ("song 22", ()),
        ("", ()),
    ],
)
def test_the_nearest_ids_of_a_typo(catalogue: SqliteCatalogue, text: str, expected: tuple[str, ...]) -> None:
    assert catalogue.nearest(text) == expected


def test_no_more_than_asked_for(catalogue: SqliteCatalogue) -> None:
    assert catalogue.nearest("P_202", n=1) == ("P_201",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o haupt", ["P_1", "P_2"]),  # P_2 by its work's title
        ("haupt wund", ["P_1", "P_2"]),
        ("wund haupt", []),  # only the last word may be cut short
        ("HASSLER", ["P_1", "P_2"]),
        ("bach blut", ["P_1"]),  # words from different columns
        ("joga", ["P_10", "P_3"]),
        ("bjork", ["P_10", "P_3"]),
        ("BJÖRK", ["P_10", "P_3"]),
        ("bjo\u0308rk", ["P_10", "P_3"]),  # decomposed
        ("uber", ["P_200"]),
        ("東京", ["P_23"]),
        ("東", ["P_23"]),
        ("ωmega", ["P_23"]),
        ("can't", ["P_22"]),
        ("g'müt", ["P_2"]),
        ("quartet and", ["P_10"]),
        ("near", ["P_22"]),
        ("nothing like this", []),
    ],
)
def test_finding_by_words(catalogue: SqliteCatalogue, text: str, expected: list[str]) -> None:
    assert pids(catalogue, text) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"stones"', ["P_22"]),
        ('"', []),
        ('stones"', ["P_22"]),
        ("(satisfaction", ["P_22"]),
        ("satisf*", ["P_22"]),
        ("*", []),
        ("AND", ["P_10"]),
        ("quartet AND choir", ["P_10"]),
        ("OR bach", []),
        ("NOT bach", []),
        ("title:haupt", []),
        ("NEAR(o haupt)", []),
        ("^haupt", ["P_1", "P_2"]),
        ("-haupt", ["P_1", "P_2"]),
        ("{haupt}", ["P_1", "P_2"]),
        ("haupt\0", ["P_1", "P_2"]),
        ("\udcffhaupt", ["P_1", "P_2"]),
        ("!!! haupt ---", ["P_1", "P_2"]),
        (" \t\n", []),
        ("'; DROP TABLE performances; --", []),
    ],
)
def test_nothing_in_a_text_is_an_operator(catalogue: SqliteCatalogue, text: str, expected: list[str]) -> None:
    assert pids(catalogue, text) == expected


@given(st.text(alphabet=st.characters(), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_question(catalogue: SqliteCatalogue, text: str) -> None:
    assert all(hit.performance in SONGS for hit in catalogue.find(text))


@given(st.sampled_from(SONGS[:7]), st.sampled_from(["title", "artist"]), st.data())
@settings(max_examples=100, deadline=None)
def test_every_performance_is_found_by_its_own_title_and_artist(
    catalogue: SqliteCatalogue, song: Performance, field: str, data: st.DataObject
) -> None:
    text = getattr(song, field)
    cut = data.draw(st.integers(1, len(text)))
    if any(map(str.isalnum, text[:cut])):
        assert song.pid in pids(catalogue, text[:cut])


def test_hits_tell_how_many_versions_there_are(catalogue: SqliteCatalogue) -> None:
    versions = {hit.performance.pid: hit.versions for hit in catalogue.find("o haupt") + catalogue.find("stones")}
    assert versions == {"P_1": 2, "P_2": 2, "P_22": 1}


def test_the_best_hit_comes_first_and_the_limit_holds(catalogue: SqliteCatalogue) -> None:
    assert [hit.performance.pid for hit in catalogue.find("haupt")] == ["P_1", "P_2"]  # in title and work before work
    assert [hit.performance.pid for hit in catalogue.find("haupt", limit=1)] == ["P_1"]


def test_a_limit_below_one_and_a_whole_page_of_words_are_usage_errors(catalogue: SqliteCatalogue) -> None:
    with pytest.raises(UsageError, match="at least 1 hit must be asked for, not 0"):
        catalogue.find("haupt", limit=0)
    with pytest.raises(UsageError, match="at most 64 words of a title or artist, got 65"):
        catalogue.find("haupt " * 65)
