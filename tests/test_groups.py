"""Pairs of an index against a slow oracle, and the groups made of them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from melodies import COUNT, NAMES, calibrated, chroma, publish_melodies
from numpy.typing import NDArray
from published import (
    made_up_calibration,
    publish,
    unit_vectors,
)

from covsearch import links
from covsearch.api import Index
from covsearch.cli import cli
from covsearch.errors import UsageError
from covsearch.index.head import Head
from covsearch.links import Links, find_links
from covsearch.ranking.same_recording import same_recording
from covsearch.stages import BLOCK, COARSE_SPAN, SPAN, Scope, align_with
from covsearch.store import in_memory
from covsearch.workspace import Workspace


def scope(order: NDArray[np.int64] | None = None) -> Scope:
    rng = np.random.default_rng(0)
    vectors, head = unit_vectors(rng, COUNT), Head(np.full(128, 0.5, np.float32), 0.1)
    rows = np.arange(COUNT) if order is None else order
    names = [NAMES[row] for row in rows.tolist()]
    return Scope(in_memory(names, vectors[rows], head), chroma().take(rows.tolist()), None, calibrated())


def by_pair(found: Links) -> dict[tuple[int, int], tuple[float, bool]]:
    return {
        (int(a), int(b)): (float(above), bool(same))
        for a, b, above, same in zip(found.a, found.b, found.above, found.same, strict=True)
    }


def slowly(searched: Scope) -> dict[tuple[int, int], tuple[float, bool]]:
    """Every pair from the definition; of a collection this small the level is the calibration's."""
    calibration, head, heard = calibrated(), searched.collection.head, chroma()
    level = calibration.by_alignment.level(np.empty(0), COUNT - 1)
    found = {}
    for a in range(COUNT):
        for b in range(a + 1, COUNT):
            one, other = heard.track(a), heard.track(b)
            score = head.scores(searched.collection.take([a])[0], searched.collection.take([b]))
            above = calibration.coarse.ratio(score, align_with(one, [other], BLOCK, COARSE_SPAN))[0] - level
            same = False
            if above >= 0:
                above = calibration.fine.ratio(score, align_with(one, [other], 1, SPAN))[0] - level
                same = same_recording(one, other)
            found[a, b] = (above, same)
    return found


def test_pairs_equal_the_oracle() -> None:
    searched = scope()
    found, expected = by_pair(find_links(searched, 0.05)), slowly(searched)
    assert found.keys() == expected.keys()
    for pair, (above, same) in expected.items():
        assert found[pair][0] == pytest.approx(above, abs=1e-9), pair
        assert found[pair][1] == same, pair
    assert [pair for pair, (_, same) in expected.items() if same] == [(0, COUNT - 1)]


def test_evidence_is_1_where_chance_passes_in_the_share_asked_for() -> None:
    found = find_links(scope(), 0.01)
    chance = calibrated().by_alignment
    usual = ~found.same
    assert found.evidence[usual] == pytest.approx(found.above[usual] / chance.above(0.01))
    assert np.isinf(found.evidence[found.same]).all()
    z = chance.slope * found.above + chance.bias
    assert found.probability == pytest.approx(np.where(found.same, 1, 1 / (1 + np.exp(-z))))


def test_the_order_of_rows_changes_nothing() -> None:
    order = np.random.default_rng(1).permutation(COUNT)
    turned = {
        tuple(sorted((int(order[a]), int(order[b])))): values
        for (a, b), values in by_pair(find_links(scope(order), 0.05)).items()
    }
    for pair, (above, same) in by_pair(find_links(scope(), 0.05)).items():
        assert turned[pair] == (pytest.approx(above, abs=1e-9), same)


def test_of_few_neighbours_what_links_hold_together_is_aligned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = by_pair(find_links(scope(), 0.05))
    monkeypatch.setattr(links, "NEAREST", 6)
    found = by_pair(find_links(scope(), 0.05))
    monkeypatch.setattr(links, "LARGEST", 0)
    without = by_pair(find_links(scope(), 0.05))
    assert without.keys() < found.keys() < whole.keys()
    assert all(whole[pair] == (pytest.approx(above, abs=1e-9), same) for pair, (above, same) in found.items())


def test_less_false_alarms_ask_for_more() -> None:
    chance = calibrated().by_alignment
    at = chance.above(0.05)
    assert 1 / (1 + np.exp(-(chance.slope * at + chance.bias))) == pytest.approx(chance.threshold)
    assert chance.above(0.01) - at == pytest.approx(np.log(5))


@pytest.mark.parametrize("alarms", [0.0, -0.1, 1e-300, 0.00009, 0.06, float("nan"), float("inf")])
def test_other_shares_are_refused(alarms: float) -> None:
    with pytest.raises(UsageError, match=r"at least 0\.0001 and at most 0\.05, not"):
        find_links(scope(), alarms)


def test_a_level_that_chance_passes_less_often_is_refused() -> None:
    with pytest.raises(UsageError, match="calibrate the model again"):
        replace(calibrated().by_alignment, threshold=0.001).above(0.05)


def test_what_cannot_be_aligned_is_refused() -> None:
    with pytest.raises(UsageError, match="foreign vectors"):
        find_links(replace(scope(), chroma=None), 0.05)
    with pytest.raises(UsageError, match="covsearch calibrate"):
        find_links(replace(scope(), calibration=None), 0.05)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return publish_melodies(tmp_path)


def test_groups_are_the_melodies_and_say_where_the_metadata_differ(workspace: Workspace) -> None:
    found = Index(workspace).groups(0.05)
    members = [[m.performance.pid for m in group.members] for group in found]
    assert members == [["P_1", "P_2", "P_3", "P_16"], *([f"P_{n + i}" for i in range(3)] for n in (4, 7, 10, 13))]
    first = found[0]
    assert (first.name, first.versions, first.listed) == ("P_1", 3, ("W_1",))
    assert [(m.kind, m.same_as) for m in first.members] == [("version", None)] * 3 + [("same recording", "P_1")]
    assert first.members[0].nearest == "P_16"
    assert first.members[0].cover_probability == 1
    assert found.agreement.agreed == 3 * 4 + 1
    assert found.agreement.not_found == (("P_1", "P_15"), ("P_2", "P_15"), ("P_3", "P_15"))
    assert found.agreement.not_listed == (("P_13", "P_15"), ("P_14", "P_15"))
    assert (found.grouped, found.performances, len(found[1:])) == (COUNT, COUNT, 4)


def test_the_command_prints_a_table_json_and_csv(workspace: Workspace, tmp_path: Path) -> None:
    run, path = CliRunner(), tmp_path / "groups.csv"
    ask = ["--home", str(workspace.home), "groups", "--alarms", "0.05"]
    result = run.invoke(cli, [*ask, "--csv", str(path)], catch_exceptions=False)
    shown = result.stdout
    assert result.stderr == f"wrote {path}\n"
    assert shown.startswith("5 groups of 16 among 16 performances, at 5.0% false alarms")
    assert "6 of 6       1.0000" in next(line for line in shown.splitlines() if line.startswith(" P_1 "))
    assert "pairs found, not listed: 2 (P_13 and P_15, P_14 and P_15)" in shown
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["group", "pid", "title", "artist", "cover_probability", "kind", "found"]
    assert [row["found"] for row in rows] == [row["group"] for row in rows]
    assert [row["pid"] for row in rows if row["group"] == "P_1"] == ["P_1", "P_2", "P_3", "P_16"]
    assert [row["kind"] for row in rows].count("same recording") == 1
    told = json.loads(run.invoke(cli, [*ask, "--json"], catch_exceptions=False).stdout)
    assert told == json.loads(json.dumps(Index(workspace).groups(0.05).to_dict()))
    assert told["groups"][0]["members"][3]["same_as"] == "P_1"


@pytest.mark.parametrize("count", [1, 2])
def test_an_index_of_one_or_two_strangers_has_no_groups(tmp_path: Path, count: int) -> None:
    publish(Workspace(tmp_path), count, calibration=made_up_calibration())
    found = Index(Workspace(tmp_path)).groups()
    assert (len(found), found.grouped, found.performances) == (0, 0, count)
    shown = CliRunner().invoke(cli, ["--home", str(tmp_path), "groups"], catch_exceptions=False).stdout
    told = {
        1: [
            "No group among 1 performance, at 1.0% false alarms",
            "the metadata list nothing to compare the groups with",
        ],
        2: [
            "No group among 2 performances, at 1.0% false alarms",
            "pairs listed and found: 0",
            "pairs listed, not found: 1 (P_1 and P_2)",
            "pairs found, not listed: 0",
        ],
    }
    assert shown.splitlines() == told[count]


@pytest.mark.parametrize(("width", "gone"), [(110, ""), (60, "Recordings, Listed")])
def test_a_narrow_table_of_groups_leaves_columns_out_and_no_group(workspace: Workspace, width: int, gone: str) -> None:
    ask = ["--home", str(workspace.home), "groups", "--alarms", "0.05"]
    lines = CliRunner().invoke(cli, ask, env={"COLUMNS": str(width)}, catch_exceptions=False).stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert [line.split()[0] for line in lines[4:9]] == ["P_1", "P_4", "P_7", "P_10", "P_13"]
    said = [line.strip() for line in lines if line.startswith("left out")]
    assert said == ([f"left out for want of width: {gone}"] if gone else [])
