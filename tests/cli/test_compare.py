"""``covsearch compare``: facts, decision, and pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from collection import melody, write_collection, write_feature
from commands import Commands
from published import publish, publish_dataset

from covsearch import compare as comparing
from covsearch.decision import word
from covsearch.plots import clock
from covsearch.workspace import Workspace


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(tmp_path_factory.mktemp("data"), works=3)


@pytest.fixture(scope="module")
def workspace(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    publish_dataset(workspace, root, windows=True)
    return workspace


def test_it_says_how_likely_in_which_key_and_where(workspace: Workspace, command: Commands) -> None:
    result = command(workspace, "compare", "P_1", "P_3")
    found = comparing.compare(workspace, "P_1", "P_3")
    assert (result.code, result.err) == (0, "")
    lines = [line.rstrip() for line in result.out.splitlines()]
    assert lines[0].startswith("P_1 (W_1) · Song 1, version 1 · Singer 1 · 1961 · work: Song 1 by Writer 1")
    assert lines[1].startswith("P_3 (W_1) · Song 1, version 3")
    first, *_ = found.passages
    side = "above" if found.predicted else "not above"
    likely = f"{found.cover_probability:.4f}, {side} 0.500: {word(found.predicted)}"
    assert lines[3:8] == [
        f"cover      {likely} (listed as versions of one work)",
        f"distance   {found.distance:z.3f}",
        "key        P_3 is 4 semitones higher",
        f"together   {found.together}",
        f"windows    {clock(first.a)} ↔ {clock(first.b)}: {first.cosine:.3f}, all in all {found.similarity:.3f}",
    ]
    assert len(lines) == 7 + len(found.passages)


def test_an_index_without_windows_and_files_compares_too_and_says_how_to_get_them(
    tmp_path: Path, command: Commands
) -> None:
    publish(Workspace(tmp_path))
    result = command(tmp_path, "compare", "P_1", "P_2")
    assert "together" in result.out
    assert "the index has no windows: `covsearch build-index --windows`" in result.err
    assert command.json(tmp_path, "compare", "P_1", "P_2")["windows"] == {"similarity": None, "passages": []}


@pytest.mark.parametrize(("option", "name"), [("why.svg", "why.svg"), ("figures", "figures/compare_P_1_P_2.png")])
def test_plot_takes_a_file_or_a_folder(
    workspace: Workspace, tmp_path: Path, option: str, name: str, command: Commands
) -> None:
    assert command(workspace, "compare", "P_1", "P_2", "--plot", tmp_path / option).err == f"drew {tmp_path / name}\n"
    assert (tmp_path / name).stat().st_size > 1000


def test_one_recording_twice_is_called_so(tmp_path: Path, command: Commands) -> None:
    once, again = (
        write_feature(tmp_path / name, "toy", "hpcp", "W_1", "P_1", melody(1, 240)) for name in ("once", "again")
    )
    lines = command(tmp_path, "compare", once, again).out.splitlines()
    cover = next(line for line in lines if line.startswith("cover "))
    assert ": the same recording (" in cover
    other = write_feature(tmp_path, "toy", "hpcp", "W_2", "P_2", melody(2, 240))
    assert "the same recording" not in command(tmp_path, "compare", once, other).out


def test_files_that_declare_no_frame_rate_are_told_theirs(tmp_path: Path, command: Commands) -> None:
    declared, silent = (
        [write_feature(tmp_path / name, "toy", "hpcp", "W_1", f"P_{k}", melody(k, 240), rate) for k in (1, 2)]
        for name, rate in (("declared", 4.0), ("silent", None))
    )
    refused = command(tmp_path, "compare", *silent)
    assert (refused.code, refused.out) == (2, "")
    assert "say the files' frame rate with --frame-rate" in refused.err
    told = command.json(tmp_path, "compare", *silent, "--frame-rate", "4")
    assert told == command.json(tmp_path, "compare", *declared)
    assert told["distance"] > 0


@pytest.mark.parametrize("rate", ["4", "-1"])
def test_a_frame_rate_of_what_is_in_the_index_is_refused(workspace: Workspace, rate: str, command: Commands) -> None:
    refused = command(workspace, "compare", "P_1", "P_3", "--frame-rate", rate)
    assert (refused.code, refused.out) == (2, "")
    said = {"4": "--frame-rate is of an HDF5 file: neither of the two is one", "-1": "frame rate must be a positive"}
    assert said[rate] in refused.err


@pytest.mark.parametrize("name", ["x.jpg", "x.PDF", "notes.txt"])
@pytest.mark.parametrize("words", [("compare", "P_1", "P_3"), ("calibrate",)])
def test_a_picture_of_another_kind_is_refused_and_makes_no_folder(
    tmp_path: Path, command: Commands, words: tuple[str, ...], name: str
) -> None:
    path = tmp_path / name
    if name == "notes.txt":
        path.write_text("mine")
    result = command(Workspace(tmp_path / "home"), *words, "--plot", str(path))
    assert result.code == 2
    assert f"expected a .png or .svg file or a folder, got {path}" in " ".join(result.err.split())
    assert not path.is_dir()
