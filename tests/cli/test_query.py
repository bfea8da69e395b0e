"""``covsearch query``: what it prints of strangers' titles, as CSV, and of files; ``test_said`` has the tables."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from cli.conftest import process
from collection import write_collection
from commands import Commands
from published import made_up_calibration, publish

from covsearch.dataset.datacos import open_dataset
from covsearch.indexing import build_index
from covsearch.ranking.chance import Chance
from covsearch.search import open_searcher
from covsearch.workspace import Workspace


@pytest.mark.parametrize("found", [False, True])
def test_the_answer_is_said_above_the_likeliest(tmp_path: Path, found: bool, command: Commands) -> None:
    chance = Chance(offset=-3.7, own=-1.0, slope=1.0, bias=20.0 if found else -20.0, threshold=0.6)
    publish(Workspace(tmp_path), calibration=made_up_calibration(by_alignment=chance))
    lines = command.out(tmp_path, "query", "P_22", "--top", "3").splitlines()
    result = open_searcher(Workspace(tmp_path)).query("P_22", 3)
    best = result.matches[0]
    assert (result.found, best.predicted) == (found, found)
    likely = f"has a cover probability of {'over 99.9%' if found else f'{best.cover_probability:.1%}'}."
    assert lines[1] == f"{'Cover' if found else 'No cover'} found: the likeliest, {best.pid}, {likely}"
    assert lines[5].split()[:2] == ["1", best.pid]  # the nearest are shown all the same


@pytest.mark.parametrize("home", ["plain", "calibrated"])
def test_csv_reads_back_value_for_value(home: str, command: Commands, request: pytest.FixtureRequest) -> None:
    workspace: Workspace = request.getfixturevalue(home)
    output = command.out(workspace, "query", "P_22", "--top", "39", "--csv")
    assert output.count("\r\n") == 40
    rows = list(csv.DictReader(io.StringIO(output, newline="")))
    for row, match in zip(rows, open_searcher(workspace).query("P_22", 39).matches, strict=True):
        p = match.performance
        identity = [p.pid, p.wid, p.title, p.artist, "" if p.year is None else str(p.year)]
        assert [row[name] for name in ("pid", "wid", "title", "artist", "year")] == identity
        for name in ("rank", "head_p", "distance", "cover_probability"):
            assert float(row[name]) == getattr(match, name)
        assert (row["predicted"], row["listed"]) == (str(match.predicted).lower(), str(match.listed).lower())


def test_titles_of_strangers_are_shown_and_not_obeyed(tmp_path: Path, command: Commands) -> None:
    titles = ["query \x1b[2J", "[bold red]hot[/]", "\x1b]0;owned\x07 title", ":smile: x", 'a, "b"\r\nc', "é,;\t"]
    publish(Workspace(tmp_path), count=6, titles=titles)
    output = command.out(tmp_path, "query", "P_1")
    assert not {"\x1b", "\x07"} & set(output)
    for shown in ("query �[2J", "[bold red]hot[/]", "�]0;owned� title", ":smile: x"):
        assert shown in output
    rows = csv.DictReader(io.StringIO(command.out(tmp_path, "query", "P_1", "--csv"), newline=""))
    assert {row["title"] for row in rows} == set(titles[1:])


def test_long_titles_are_shortened_and_numbers_stay_whole(tmp_path: Path, command: Commands) -> None:
    publish(Workspace(tmp_path), count=4, titles=[f"{i} {'a very long title indeed ' * 8}" for i in range(4)])
    lines = command.out(tmp_path, "query", "P_1").splitlines()
    for line, match in zip(lines[-6:-3], open_searcher(Workspace(tmp_path)).query("P_1").matches, strict=True):
        assert len(line) <= 110
        assert "…" in line
        assert {match.performance.pid, f"{match.cover_probability:.4f}", f"{match.distance:z.3f}"} < set(line.split())


def test_the_installed_command_answers_from_another_folder(plain: Workspace, tmp_path: Path) -> None:
    environment = {**os.environ, "COVSEARCH_HOME": str(plain.home)}
    done = process(plain, "query", "P_22", "--top", "1", "--csv", cwd=tmp_path, env=environment)
    best = open_searcher(plain).query("P_22", 1).matches[0]
    assert done.stdout.splitlines()[1].startswith(f"1,{best.performance.pid},{best.performance.wid},")


def test_a_query_by_files_says_which_and_at_what_rate_they_were_read(
    model: Path, tmp_path: Path, command: Commands
) -> None:
    root = write_collection(tmp_path / "data", works=4, frames=4000, frame_rate=None)
    build_index(root, model, Workspace(tmp_path / "home"))
    words = ("query", "--file", open_dataset(root).files["P_5"]["hpcp"])
    answer = command.json(tmp_path / "home", *words, "--top", "3")
    table = command.out(tmp_path / "home", *words, "--top", "3").splitlines()
    assert answer["query"] == {"files": [str(words[-1])]}
    assert table[0] == "P_5_hpcp.h5 · read at 86.13 frames/s"
    shown = "".join(table[4:7])
    predicted = sum(match["predicted"] for match in answer["matches"])
    assert shown.count("✓") + shown.count("=") == predicted  # no row is marked as listed
    came = command(tmp_path / "home", *words, "--frame-rate", "0")
    assert (came.code, "must be a positive number of frames a second, not 0.0" in came.err) == (2, True)
    (tmp_path / "junk.h5").write_bytes(b"junk")
    came = command(tmp_path / "home", "query", "--file", tmp_path / "junk.h5")
    assert came.code == 4
    assert f"the model needs hpcp; {tmp_path / 'junk.h5'}: " in came.err
