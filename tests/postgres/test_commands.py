"""Commands, the page and folders of audio, on an index in a database."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
from published import made_up_calibration, publish

import covsearch
from covsearch.copying import copy_index
from covsearch.workspace import Workspace
from tests.collections.music import write_music
from tests.postgres.test_failures import ran


def test_commands_answer_as_on_files(workspace: Workspace, tmp_path: Path) -> None:
    files = Workspace(tmp_path / "files")
    publish(files, calibration=made_up_calibration())
    copy_index(files, workspace, tmp_path / "cache")
    for words in (["query", "P_1", "--csv"], ["find", "love", "--json"], ["compare", "P_1", "P_2", "--json"]):
        expected, by_option = ran(files, *words), ran(workspace, *words, "--store", str(workspace.store))
        assert expected.returncode == 0, expected.stderr
        assert (by_option.returncode, by_option.stdout) == (0, expected.stdout), by_option.stderr
    removed = ran(workspace, "remove", "P_1", store=workspace.store)
    assert removed.stdout == "Removed 1 performance: P_1.\ngen-0002 holds 39 performances of 14 works.\n"
    accepted = ran(workspace, "groups", "--store", str(workspace.store), "accept", "P_2", "P_30")
    assert accepted.returncode == 0, accepted.stderr
    assert set(covsearch.open(workspace.home, store=workspace.store).versions("W_1")) == {
        "P_2",
        "P_3",
        "P_28",
        "P_29",
        "P_30",
    }


def test_a_copy_of_the_command_line_goes_there_and_back(workspace: Workspace, tmp_path: Path) -> None:
    files, back = Workspace(tmp_path / "files"), Workspace(tmp_path / "back")
    publish(files)
    there = ran(files, "copy", "--to", str(workspace.store))
    assert there.returncode == 0, there.stderr
    assert there.stdout.startswith("Copied 40 performances of 14 works, in ")
    assert ran(files, "copy", "--from", str(workspace.store), "--to", str(back.home)).returncode == 0
    answers = [ran(place, "query", "P_1", "--csv").stdout for place in (files, back)]
    assert answers[0] == answers[1] != ""


def test_a_folder_of_audio_is_built_and_updated(workspace: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    music = write_music(tmp_path / "Music")
    index = covsearch.build(music, home=workspace.home, store=workspace.store)
    assert len(index) == 3
    first = index.query("Album/two.flac", top=2)[0]
    assert (first.pid, first.same_recording) == ("Album/two again.wav", True)
    shutil.move(music / "one.mp3", music / "other name.mp3")
    report = index.update(music)
    assert (report.added, report.removed, report.unchanged) == (("other name.mp3",), ("one.mp3",), 2)
    assert len(index) == 3
    assert index.audio("other name.mp3") == (music / "other name.mp3").resolve()
    assert index.verify().current.problems == ()


def test_the_page_serves_it_and_sees_what_others_publish(workspace: Workspace) -> None:
    pytest.importorskip("fastapi", reason="needs the extra 'web'")
    from tests.web.conftest import serving

    publish(workspace, calibration=made_up_calibration())
    with serving(workspace) as client:
        assert answered(client, "P_1") == {f"P_{n}" for n in range(2, 41)}
        publish(workspace, 20, calibration=made_up_calibration())
        assert answered(client, "P_1") == {f"P_{n}" for n in range(2, 21)}
        assert client.get("/readyz").status_code == 200


def answered(client: httpx.Client, id_: str) -> set[str]:
    found = client.get("/api/query", params={"id": id_, "top": 100}).raise_for_status().json()
    return {match["pid"] for match in found["matches"]}
