"""``covsearch query``: what it prints of strangers' titles, as CSV, and of files; ``test_said`` has the tables."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import h5py
import pytest
from cli.conftest import Commands, process, write_model
from collection import write_collection
from published import made_up_calibration, publish, reseal

from covsearch.config import FeatureConfig
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
    likely = f"has a cover probability of {best.cover_probability:.1%}."
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


def test_a_query_by_file_is_cut_into_windows_as_the_index_was(tmp_path: Path, command: Commands) -> None:
    model = write_model(tmp_path / "model", branch="invariant", features=FeatureConfig("hpcp", 2000, rate=2.5))
    root, workspace = write_collection(tmp_path / "data", works=3, frames=500), Workspace(tmp_path / "home")
    build_index(root, model, workspace, frame_rate=2.5, windows=True)
    file = open_dataset(root).files["P_5"]["hpcp"]
    answer = command.json(workspace, "query", "--file", file, "--frame-rate", "2.5", "--rerank", "windows")
    first, *others = answer["matches"]
    assert (first["pid"], first["query_start"]) == ("P_5", first["match_start"])
    assert first["similarity"] == pytest.approx(1, abs=1e-5)
    by_id = open_searcher(workspace, windows=True).query("P_5", rerank="windows").matches
    similar = {m.performance.pid: m.similarity for m in by_id}
    assert {m["pid"]: m["similarity"] for m in others} == pytest.approx(similar, abs=1e-5)


@pytest.fixture(scope="module", params=["hpcp", "hpcp+crema"])
def embedded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A real build with an untrained network, and its dataset."""
    folder = tmp_path_factory.mktemp("embedded")
    model = write_model(folder / "model", features=FeatureConfig(request.param, 120))
    root = write_collection(folder / "data", works=4, features=request.param.split("+"), frames=4000, frame_rate=None)
    build_index(root, model, Workspace(folder / "home"))
    return Workspace(folder / "home"), root


def files_of(root: Path, *, backwards: bool = False) -> list[str]:
    """The options that name the files of P_5."""
    paths = [str(path) for path in open_dataset(root).files["P_5"].values()]
    return [word for path in (reversed(paths) if backwards else paths) for word in ("--file", path)]


def test_a_query_by_files_ranks_as_the_query_by_id_but_knows_no_covers(
    embedded: tuple[Workspace, Path], command: Commands
) -> None:
    workspace, root = embedded
    options = files_of(root, backwards=True)
    answer = command.json(workspace, "query", *options, "--top", "12")
    by_id = open_searcher(workspace).query("P_5", 11).matches
    others = [match for match in answer["matches"] if match["pid"] != "P_5"]
    assert answer["query"] == {"files": options[1::2]}
    assert len(answer["matches"]) == 12
    assert {match["listed"] for match in answer["matches"]} == {None}
    p = {match["pid"]: match["head_p"] for match in others}
    assert p == pytest.approx({match.performance.pid: match.head_p for match in by_id}, abs=1e-5)
    table = command.out(workspace, "query", *options, "--top", "3").splitlines()
    assert table[0] == f"{' + '.join(Path(path).name for path in options[1::2])} · read at 86.13 frames/s"
    shown = "".join(table[4:7])
    predicted = sum(match["predicted"] for match in answer["matches"][:3])
    assert shown.count("✓") + shown.count("=") == predicted  # no row is marked as listed


def test_one_file_may_hold_every_feature(embedded: tuple[Workspace, Path], tmp_path: Path, command: Commands) -> None:
    workspace, root = embedded
    with h5py.File(tmp_path / "P_5.h5", "w") as single:
        for feature, path in open_dataset(root).files["P_5"].items():
            with h5py.File(path) as source:
                source.copy(feature, single)
    together = command.json(workspace, "query", "--file", tmp_path / "P_5.h5")
    assert together["matches"] == command.json(workspace, "query", *files_of(root))["matches"]


def test_a_file_is_read_at_the_frame_rate_that_is_declared_or_said_and_at_no_other(
    tmp_path: Path, command: Commands
) -> None:
    model = write_model(tmp_path / "model", alpha="positive", features=FeatureConfig("hpcp", 400, rate=5.0))
    root = write_collection(tmp_path / "data", works=4, frames=1000, frame_rate=None)
    workspace = Workspace(tmp_path / "home")
    build_index(root, model, workspace, frame_rate=20)
    assert open_searcher(workspace).generation.manifest.frame_rate == 20
    file = ("query", *files_of(root), "--top", "1")
    came = command(workspace, *file)
    assert came.code == 2
    assert "no frame rate is declared, and the index has files of 20.00 frames/s: say --frame-rate" in came.err
    (root / "covsearch.toml").write_text("frame_rate = 20\n")
    (same,), (other,) = (command.json(workspace, *file, *more)["matches"] for more in ((), ("--frame-rate", "10")))
    assert "P_5_hpcp.h5 · read at 20.00 frames/s" in command.out(workspace, *file)
    assert same["pid"] == "P_5"
    assert same["distance"] == pytest.approx(0, abs=1e-6)
    assert abs(other["distance"]) > 1e-4


def test_files_and_models_that_do_not_fit_are_refused(
    embedded: tuple[Workspace, Path], tmp_path: Path, command: Commands
) -> None:
    """Weights of the same size, so that only the fingerprint can tell."""
    workspace, root = embedded
    generation = open_searcher(workspace).generation
    built, own = generation.manifest.features, generation.folder / "model" / "model.safetensors"
    assert built is not None
    (tmp_path / "junk.h5").write_bytes(b"junk")
    came = command(workspace, "query", "--file", tmp_path / "junk.h5")
    assert came.code == 4
    assert f"the index's model needs hpcp; {tmp_path / 'junk.h5'}: " in came.err
    came = command(workspace, "query", *files_of(root), "--frame-rate", "0")
    assert (came.code, "must be a positive number of frames a second, not 0.0" in came.err) == (2, True)
    before, other = own.read_bytes(), "cens" if built.width == 12 else built.features  # another width is refused before
    weights = write_model(tmp_path / "other", features=built, alpha="positive") / "model.safetensors"
    said = {
        "index was built with model cnn-": ({"features": built}, weights.read_bytes()),
        f"the model in it sees {built}: run `covsearch build-index`": ({"features": FeatureConfig(other, 121)}, before),
    }
    for message, (changes, content) in said.items():
        own.write_bytes(content)
        reseal(workspace, **changes)
        try:
            came = command(workspace, "query", *files_of(root))
        finally:
            own.write_bytes(before)
            reseal(workspace, features=built)
        assert came.code == 4
        assert message in came.err
        assert "run `covsearch build-index`" in came.err
