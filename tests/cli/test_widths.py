"""What narrow terminals and terminals without colour show."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from collection import write_collection
from published import made_up_calibration, publish

from covsearch.cli import cli
from covsearch.workspace import Workspace

TITLE, ARTIST = "O Haupt voll Blut und Wunden", "Singer"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    publish(Workspace(home), titles=[TITLE] * 40, calibration=made_up_calibration())
    return home


def lines(width: int, *arguments: str | Path) -> list[str]:
    result = CliRunner().invoke(cli, [str(part) for part in arguments], env={"COLUMNS": str(width)})
    assert result.exit_code == 0, result.output
    shown = result.stdout.splitlines()
    assert max(map(len, shown)) <= width
    return shown


@pytest.mark.parametrize(
    ("width", "columns", "title"),
    [
        (110, "Rank PID WID Title Artist Year Probability Cover Listed Distance", TITLE),
        (80, "Rank PID Title Artist Year Probability Cover Listed", TITLE[:20]),
        (60, "Rank PID Title Artist Probability Cover", TITLE[:14]),
    ],
)
def test_titles_and_artists_outlive_distance_and_work(home: Path, width: int, columns: str, title: str) -> None:
    shown = lines(width, "--home", home, "query", "P_5", "--rerank", "head", "--top", "5")
    head = next(place for place, line in enumerate(shown) if line.split()[:1] == ["Rank"])
    assert shown[head].split() == columns.split()
    assert all(title in line and ARTIST in line for line in shown[head + 2 : head + 7])
    gone = [name for name in ("Distance", "WID", "Listed", "Year") if name not in columns]
    said = [line.strip() for line in shown if line.startswith("left out")]
    assert said == ([f"left out for want of width: {', '.join(gone)}"] if gone else [])
    assert ("Listed ✓: " in "\n".join(shown)) == ("Listed" in columns)


@pytest.mark.parametrize("width", [80, 60])
def test_find_shows_titles_and_artists(home: Path, width: int) -> None:
    shown = lines(width, "--home", home, "find", "haupt")
    assert sum(TITLE[:11] in line and ARTIST in line for line in shown) == 20


@pytest.mark.parametrize("width", [80, 60])
def test_lengths_fit(width: int) -> None:
    with tempfile.TemporaryDirectory() as folder:  # a short path: paths stay whole
        shown = lines(width, "dataset", "info", write_collection(Path(folder) / "toy"))
    rows = [line.split() for line in shown]
    assert ["feature", "files", "length", "in", "min", "median", "mean", "max"] in rows
    assert ["hpcp", "24", "frames", "240", "248", "248", "256"] in rows
    assert ["minutes", "1.49", "1.54", "1.54", "1.59"] in rows


def test_facts_go_on_below_themselves(home: Path) -> None:
    """Sides, a line between, and facts whose values begin at the twelfth character in every line."""
    shown = lines(60, "--home", home, "compare", "P_5", "P_6")
    facts = shown[next(place for place, line in enumerate(shown) if line.startswith("cover ")) :]
    assert facts[0].startswith("cover      0.")
    assert facts[1].startswith(" " * 11)
    assert [line[:11].strip() for line in facts if line[:1] != " "] == ["cover", "distance", "key", "together"]


@pytest.mark.parametrize("width", [80, 60])
def test_the_sizes_of_cliques_go_on_below_themselves(width: int) -> None:
    shown = lines(width, "dataset", "info")
    first = next(place for place, line in enumerate(shown) if line.startswith("clique sizes"))
    assert shown[first].startswith("clique sizes  1 (120 works), 2 (223 works), 3 (46 works)")
    assert shown[first + 1].startswith(" " * 14)
    assert shown[first + 1][14] != " "


def test_a_verdict_is_a_word_where_there_is_no_sign_for_it(home: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "covsearch", "--home", str(home), "query", "P_5", "--top", "39"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "Cover yes: predicted" in done.stdout
    cells = [line.split("|") for line in done.stdout.splitlines() if "P_4" in line or "P_6" in line]
    listed = [row[9].strip() for row in cells if row[3].strip() == "W_2"]
    assert listed
    assert set(listed) == {"yes"}


def test_stats_and_corrections_go_on_below_themselves(home: Path) -> None:
    shown = lines(60, "--home", home, "stats")
    model = next(place for place, line in enumerate(shown) if line.startswith("model "))
    assert shown[model + 1].startswith(" " * 13)
    said = lines(60, "--home", home, "groups", "split", *(f"P_{n}" for n in range(30, 40)))
    assert " ".join(map(str.strip, said)).endswith(
        "no two of P_30, P_31, P_32, P_33, P_34 and 5 more are versions of one work"
    )
    assert all(line.startswith("  ") for line in said[1:])
    lines(60, "--home", home, "groups", "undo")


def test_a_path_is_in_one_piece(tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "a-folder-whose-name-is-longer-than-any-terminal-that-people-use")
    result = CliRunner().invoke(cli, ["dataset", "info", str(folder)], env={"COLUMNS": "60"})
    assert result.stdout.splitlines()[:2] == ["folder", f"  {folder.resolve()}"]
