from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from collection import write_collection
from published import origin_of

from covsearch.dataset.conflicts import find_conflicts
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import MusicBrainzMatch, Performance


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return open_dataset(write_collection(tmp_path, works=2, versions=2))


@pytest.fixture
def origins(dataset: Dataset) -> Mapping[str, Origin]:
    return {pid: origin_of(dataset, pid, dataset.frame_rate) for pid in dataset.performances}


def given(dataset: Dataset, **changes: object) -> Dataset:
    """The dataset with something else said of P_1."""
    performances = {**dataset.performances, "P_1": replace(dataset.performances["P_1"], **changes)}  # type: ignore[arg-type]
    return replace(dataset, performances=performances)


def test_a_dataset_does_not_contradict_itself_nor_an_empty_index(
    dataset: Dataset, origins: Mapping[str, Origin]
) -> None:
    assert find_conflicts(dataset, dataset.performances, origins) == []
    assert find_conflicts(dataset, {}, {}) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": "x"}, "title"),
        ({"artist": "x"}, "artist"),
        ({"year": None}, "year"),
        ({"instrumental": True}, "instrumental"),
        ({"artist_mbid": "x"}, "artist mbid"),
        ({"matches": (MusicBrainzMatch("x"),)}, "set of MusicBrainz matches: 0 there, 1 here"),
        ({"wid": "W_2", "work_title": ""}, "as a performance of W_1, not of W_2"),
    ],
)
def test_every_field_counts_where_there_is_metadata(
    dataset: Dataset, origins: Mapping[str, Origin], change: dict[str, object], words: str
) -> None:
    (conflict,) = find_conflicts(given(dataset, **change), dataset.performances, origins)
    assert conflict.pid == "P_1"
    assert words in conflict.reason


def test_without_metadata_only_work_file_and_rate_count(dataset: Dataset, origins: Mapping[str, Origin]) -> None:
    bare = {p.pid: Performance(p.pid, p.wid) for p in dataset.performances.values()}
    assert find_conflicts(replace(dataset, metadata=None, performances=bare), dataset.performances, origins) == []
    faster = replace(dataset, frame_rate=1.0)
    assert len(find_conflicts(faster, dataset.performances, origins)) == 4


def test_a_work_may_be_called_as_any_of_its_performances_calls_it(
    dataset: Dataset, origins: Mapping[str, Origin]
) -> None:
    """The index keeps one title a work: that of P_2, when P_1 says another."""
    assert find_conflicts(given(dataset, work_title="Another"), dataset.performances, origins) == []
    assert find_conflicts(given(dataset, work_title=""), dataset.performances, origins) == []
    only = {pid: p for pid, p in given(dataset, work_title="Another").performances.items() if pid != "P_2"}
    (conflict,) = find_conflicts(replace(dataset, performances=only), dataset.performances, origins)
    assert conflict.reason == "is of W_1, whose title is 'Song 1' in the index and 'Another' here"


def test_a_title_that_only_the_dataset_knows_is_new_for_old_performances_and_not_for_new_ones(
    dataset: Dataset, origins: Mapping[str, Origin]
) -> None:
    untitled = {pid: replace(p, work_title="") for pid, p in dataset.performances.items()}
    assert len(find_conflicts(dataset, untitled, origins)) == 4
    first = {"P_1": untitled["P_1"]}
    assert [conflict.pid for conflict in find_conflicts(dataset, first, origins)] == ["P_1"]


def test_a_file_is_told_by_its_content_not_by_its_place(dataset: Dataset, origins: Mapping[str, Origin]) -> None:
    elsewhere = {pid: replace(origin, folder="/gone", subset="other") for pid, origin in origins.items()}
    assert find_conflicts(dataset, dataset.performances, elsewhere) == []
    path = dataset.files["P_3"]["hpcp"]
    path.write_bytes(path.read_bytes() + b" ")
    (conflict,) = find_conflicts(dataset, dataset.performances, elsewhere)
    assert (conflict.pid, conflict.reason) == (
        "P_3",
        "is in the index with another hpcp file, da-tacos_toy_subset_hpcp/W_2_hpcp/P_3_hpcp.h5 of /gone",
    )
    nothing_known = {pid: origin for pid, origin in origins.items() if pid != "P_1"}
    assert find_conflicts(dataset, dataset.performances, nothing_known)[0].reason.endswith(
        "nobody noted from which file"
    )
