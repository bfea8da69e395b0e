"""Corrections of the works of an index, in Python and as commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from commands import Commands
from melodies import COUNT, publish_melodies
from published import made_up_calibration, publish

from covsearch.api import Index
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.workspace import Workspace

ALARMS = 0.05


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Five melodies in three versions, P_16 the same recording as P_1, and P_15 listed with the first melody."""
    return publish_melodies(tmp_path)


@pytest.fixture
def index(workspace: Workspace) -> Index:
    return Index(workspace)


def groups(index: Index) -> dict[str, list[str]]:
    return {group.name: [m.performance.pid for m in group.members] for group in index.groups(ALARMS)}


FOUND = {
    "P_1": ["P_1", "P_2", "P_3", "P_16"],
    **{f"P_{n}": [f"P_{n}", f"P_{n + 1}", f"P_{n + 2}"] for n in (4, 7, 10, 13)},
}


def works(index: Index) -> dict[str, str | None]:
    return {f"P_{n}": index[f"P_{n}"].wid for n in range(1, COUNT + 1)}


def test_one_id_accepts_the_group_that_it_is_found_in(index: Index) -> None:
    assert groups(index) == FOUND
    said = index.corrections.accept("P_2", alarms=ALARMS)
    assert (said.number, said.kind, said.together) == (1, "accept", (("P_1", "P_2", "P_3", "P_16"),))
    found = index.groups(ALARMS)
    assert [group.accepted for group in found] == [True, False, False, False, False]
    assert found[0].why.startswith("accepted; 6 of 6 pairs linked")
    assert index["P_16"].wid == "W_1"
    assert index.versions("W_1") == ["P_1", "P_2", "P_3", "P_15", "P_16"]
    assert groups(index) == FOUND


def test_accepted_ones_are_one_group_whatever_the_music_says(index: Index) -> None:
    index.corrections.accept("P_1", "P_7")
    found = groups(index)
    assert {"P_1", "P_7"} <= set(found["P_1"])
    assert index.query("P_1", top=COUNT)[0].performance is not None
    listed = {m.pid: m.listed for m in index.query("P_1", top=COUNT)}
    assert [listed[pid] for pid in ("P_2", "P_7", "P_8", "P_4")] == [True, True, True, False]
    assert index.compare("P_1", "P_9").listed is True


def test_a_split_pair_is_never_in_one_group(index: Index) -> None:
    index.corrections.split("P_4", "P_5")
    found = groups(index)
    assert not any({"P_4", "P_5"} <= set(members) for members in found.values())
    assert index.compare("P_4", "P_5").listed is False
    listed = {m.pid: m.listed for m in index.query("P_4", top=COUNT)}
    assert (listed["P_5"], listed["P_6"]) == (False, True)


def test_one_id_is_split_from_its_group(index: Index) -> None:
    said = index.corrections.split("P_16", alarms=ALARMS)
    assert said.apart == ((("P_16",), ("P_1", "P_2", "P_3")),)
    assert groups(index)["P_1"] == ["P_1", "P_2", "P_3"]
    assert index["P_16"].wid == "work of P_16"
    assert index.query("P_1", top=COUNT).matches[0].same_recording
    with pytest.raises(NotFoundError, match="P_16 is in no group and no work with others"):
        index.corrections.split("P_16", alarms=ALARMS)


def test_one_that_is_in_no_group_is_split_from_its_work(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), 4, calibration=made_up_calibration())
    index = Index(Workspace(tmp_path))
    assert index.corrections.split("P_2").apart == ((("P_2",), ("P_1", "P_3")),)
    assert index.versions("W_1") == ["P_1", "P_3"]
    with pytest.raises(NotFoundError, match="P_4 is in no group"):
        index.corrections.accept("P_4")


def test_several_are_split_from_others_and_not_from_each_other(index: Index) -> None:
    index.corrections.split("P_15", others=["P_1", "P_2", "P_3"])
    assert index["P_15"].wid == "work of P_15"
    index.corrections.accept("P_15", "P_13")
    assert index["P_15"].wid == "W_5"
    agreement = index.groups(ALARMS).agreement
    assert (agreement.agreed, agreement.not_found, agreement.not_listed) == (15, (), ())


def test_groups_are_merged_whole(index: Index) -> None:
    said = index.corrections.merge("P_5", "P_16", alarms=ALARMS)
    assert set(said.together[0]) == {*FOUND["P_1"], *FOUND["P_4"]}
    assert set(groups(index)["P_1"]) == {*FOUND["P_1"], *FOUND["P_4"]}
    with pytest.raises(UsageError, match="P_5 twice"):
        index.corrections.merge("P_5", "P_5")


def test_counts_follow(index: Index) -> None:
    before = index.stats()
    index.corrections.accept("P_1", "P_4")
    after = index.stats()
    assert (before.works, after.works) == ({2: 1, 3: 3, 4: 1}, {2: 1, 3: 2, 7: 1})
    assert after.to_dict()["works"] == 4
    assert after.collections == {"generated": (COUNT, 4)}
    assert index.find("song 1")[0].versions == 7


def test_undo_takes_everything_back(index: Index) -> None:
    before = works(index), index.stats().to_dict(), groups(index)
    index.corrections.accept("P_1", "P_4")
    index.corrections.split("P_7", "P_8")
    assert [c.sentence for c in index.corrections] == [
        "P_1 and P_4 are versions of one work",
        "P_7 is no version of P_8",
    ]
    assert index.corrections.undo().number == 2
    assert index.corrections.undo().sentence == "P_1 and P_4 are versions of one work"
    assert (works(index), index.stats().to_dict(), groups(index)) == before
    assert list(index.corrections) == []
    with pytest.raises(NotFoundError, match="no correction to take back"):
        index.corrections.undo()


def test_a_contradiction_is_refused_and_nothing_is_kept_of_it(index: Index) -> None:
    index.corrections.accept("P_1", "P_2")
    index.corrections.accept("P_2", "P_3")
    with pytest.raises(UsageError, match=r"“P_3 is no version of P_1” contradicts correction 1, .* correction 2, "):
        index.corrections.split("P_3", "P_1")
    assert len(index.corrections) == 2


def test_who_is_not_in_the_index_is_not_corrected(index: Index) -> None:
    for wrong in (lambda: index.corrections.accept("P_1", "P_99"), lambda: index.corrections.split("P_99")):
        with pytest.raises(NotFoundError, match="no performance P_99"):
            wrong()
    with pytest.raises(UsageError, match="expected the ids"):
        index.corrections.accept()
    assert len(index.corrections) == 0


def test_another_process_is_heard_and_nothing_is_opened_again(workspace: Workspace) -> None:
    here, there = Index(workspace), Index(workspace)
    here.query("P_1")
    vectors = here._searcher().collection
    there.corrections.accept("P_1", "P_4")
    assert {m.pid: m.listed for m in here.query("P_1", top=COUNT)}["P_4"] is True
    assert here._searcher().collection is vectors
    there.corrections.undo()
    assert {m.pid: m.listed for m in here.query("P_1", top=COUNT)}["P_4"] is False


def test_corrections_survive_what_removes_a_performance(index: Index) -> None:
    index.corrections.accept("P_4", "P_7")
    index.corrections.accept("P_7", "P_10")
    index.remove("P_7")
    assert index.corrections.ignored == ("generated:P_7",)
    assert [index[f"P_{n}"].wid for n in (4, 8, 10)] == ["W_2", "W_3", "W_2"]
    assert index.corrections[1].sentence == "generated:P_7 and P_10 are versions of one work"
    assert index.groups(ALARMS).ignored == ("generated:P_7",)


def test_a_damaged_document_is_said_and_costs_no_silence(index: Index, workspace: Workspace) -> None:
    index.corrections.accept("P_1", "P_4")
    path = workspace.db / "corrections.jsonl"
    path.write_text(path.read_text()[:-5])
    for ask in (lambda: index.query("P_1"), lambda: index.find("love"), lambda: Index(workspace).query("P_1")):
        with pytest.raises(ArtefactError, match=r"corrections\.jsonl: line 1 .* correct it, or remove it"):
            ask()
    with pytest.raises(ArtefactError):
        index.corrections.accept("P_1", "P_5")
    path.unlink()
    assert index["P_4"].wid == "W_2"


@pytest.mark.parametrize("count", [1, 2, 87])
def test_sizes(tmp_path: Path, count: int) -> None:
    publish(Workspace(tmp_path), count, calibration=made_up_calibration())
    index = Index(Workspace(tmp_path))
    every = [f"P_{n}" for n in range(1, count + 1)]
    if count == 1:
        with pytest.raises(NotFoundError, match="in no group"):
            index.corrections.accept("P_1")
        return
    index.corrections.split(*every)
    assert index.stats().works == {1: count}
    index.corrections.undo()
    index.corrections.accept(*every)
    assert index.stats().works == {count: 1}
    assert all(m.listed for m in index.query("P_1", top=count))
    assert [len(group.members) for group in index.groups()] == [count]


def test_an_edited_table_is_read(index: Index, workspace: Workspace, command: Commands, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    command.out(workspace, "groups", "--alarms", ALARMS, "--csv", path)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    for row in rows:
        if row["pid"] == "P_16":
            row["group"] = ""
        if row["group"] == "P_7":
            row["group"] = "P_4"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    said = command.json(workspace, "groups", "read", path)
    assert said["together"][1] == ["P_4", "P_5", "P_6", "P_7", "P_8", "P_9"]
    assert said["apart"] == [[["P_1", "P_2", "P_3"], ["P_16"]]]
    assert groups(index)["P_4"] == ["P_4", "P_5", "P_6", "P_7", "P_8", "P_9"]
    assert groups(index)["P_1"] == ["P_1", "P_2", "P_3"]
    assert index.corrections.undo().kind == "table"
    assert groups(index) == FOUND


def test_a_table_as_it_was_written_accepts_all_groups(index: Index, command: Commands, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    command.out(index.workspace, "groups", "--alarms", ALARMS, "--csv", path)
    index.corrections.read(path)
    assert all(group.accepted for group in index.groups(ALARMS))
    assert groups(index) == FOUND


def test_commands_say_what_was_said(workspace: Workspace, command: Commands) -> None:
    assert command.out(workspace, "groups", "corrections") == "no corrections\n"
    said = command.out(workspace, "groups", "accept", "P_1", "P_4")
    assert said == "Correction 1: P_1 and P_4 are versions of one work\n"
    assert command.out(workspace, "groups", "split", "P_7", "--from", "P_8", "--from", "P_9") == (
        "Correction 2: P_7 is no version of P_8 or P_9\n"
    )
    merged = command.json(workspace, "groups", "merge", "P_10", "P_13", "--alarms", ALARMS)
    assert merged["sentence"] == "P_10, P_11, P_12, P_13, P_14 and P_15 are versions of one work"
    refused = command(workspace, "groups", "split", "P_4", "P_1")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "Error: “P_4 is no version of P_1” contradicts correction 1, “P_1 and P_4 are versions of one work”: "
        "take one back first, with `covsearch groups undo 1`\n"
    )
    assert command(workspace, "groups", "accept", "P_99", "P_1").code == 3
    assert command.out(workspace, "groups", "undo") == (
        "Taken back: correction 3: P_10, P_11, P_12, P_13, P_14 and P_15 are versions of one work\n"
    )
    assert command(workspace, "groups", "undo", "3").code == 3
    assert command.json(workspace, "groups", "undo", "1")["correction"] == 1
    (only,) = command.json(workspace, "groups", "corrections")["corrections"]
    assert (only["correction"], only["sentence"]) == (2, "P_7 is no version of P_8 or P_9")
    assert command.out(workspace, "groups", "corrections").endswith("  P_7 is no version of P_8 or P_9\n")


def test_commands_say_who_is_not_there(workspace: Workspace, command: Commands) -> None:
    command.out(workspace, "groups", "accept", "P_1", "P_4")
    command.out(workspace, "remove", "P_4")
    line = "1 performance of corrections is not in the index, kept and ignored: generated:P_4\n"
    assert command(workspace, "groups", "corrections").err == line
    assert line in command(workspace, "groups", "--alarms", ALARMS).err
    assert command.json(workspace, "groups", "--alarms", ALARMS)["ignored"] == ["generated:P_4"]


def test_an_accepted_group_says_so(workspace: Workspace, command: Commands) -> None:
    command.out(workspace, "groups", "accept", "P_4", "--alarms", ALARMS)
    shown = command.out(workspace, "groups", "--alarms", ALARMS).splitlines()
    (row,) = [line for line in shown if line.startswith(" P_4 ")]
    assert row.rstrip().endswith("accepted")
    told = command.json(workspace, "groups", "--alarms", ALARMS)["groups"]
    assert [group["accepted"] for group in told] == [False, True, False, False, False]
    assert json.dumps(told)


def test_without_an_index_nothing_is_corrected(tmp_path: Path, command: Commands) -> None:
    for words in (("accept", "P_1", "P_2"), ("split", "P_1", "P_2"), ("undo",), ("corrections",)):
        ran = command(tmp_path, "groups", *words)
        assert (ran.code, "no index" in ran.err) == (3, True)
    assert list(tmp_path.iterdir()) == []


def test_a_table_names_every_id_that_the_index_has_not(workspace: Workspace, command: Commands, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("group,pid\nx,P_1\nx,P_99\ny,a song.mp3\n", encoding="utf-8")
    ran = command(workspace, "groups", "read", path)
    assert (ran.code, ran.out) == (3, "")
    assert "2 performances not in the index: P_99, 'a song.mp3'. Look them up with `covsearch find TITLE`" in ran.err
    path.write_text("group,pid\nx,P_99\n", encoding="utf-8")  # a table that says nothing, of an unknown performance
    ran = command(workspace, "groups", "read", path)
    assert (ran.code, "no performance P_99 in the index" in ran.err) == (3, True)
    path.write_text("group,pid\n" + "".join(f"x,P_{n}\n" for n in range(90, 102)), encoding="utf-8")
    ran = command(workspace, "groups", "read", path)
    assert "12 performances not in the index: P_90, " in ran.err
    assert "P_99 and 2 more. Look" in ran.err
    assert command.out(workspace, "groups", "corrections") == "no corrections\n"


@pytest.mark.parametrize("alarms", ["1e-300", "0", "0.06"])
def test_a_share_of_false_alarms_that_nothing_shows_is_refused(
    workspace: Workspace, command: Commands, alarms: str
) -> None:
    ran = command(workspace, "groups", "--alarms", alarms)
    assert (ran.code, ran.out) == (2, "")
    assert "the share of false alarms must be at least 0.0001 and at most 0.05, not" in ran.err
