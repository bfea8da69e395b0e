from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch
from click.testing import CliRunner
from collection import write_collection
from published import FINGERPRINT, made_up_calibration, publish, reseal

from covsearch import outside
from covsearch.cli import cli, main
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.performance import Performance
from covsearch.indexing import build_index
from covsearch.models import Siamese, save_checkpoint
from covsearch.plots import clock
from covsearch.ranking.chance import Chance
from covsearch.search import Searcher, open_searcher
from covsearch.workspace import Workspace

JUDGED = ("Probability", "Cover", "Listed")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    publish(workspace)
    return workspace


def stdout(workspace: Workspace, *arguments: str) -> str:
    """What a command that succeeds prints, line ends as they are."""
    result = CliRunner().invoke(cli, ["--home", str(workspace.home), *arguments], catch_exceptions=False)
    return result.stdout_bytes.decode()


@pytest.fixture
def failure(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Exit code and stderr of a command that fails, the command line's error handling included."""

    def run(workspace: Workspace, *arguments: str) -> tuple[int | str | None, str]:
        monkeypatch.setattr(sys, "argv", ["covsearch", "--home", str(workspace.home), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert out == ""
        return ended.value.code, err

    return run


def as_json(performance: Performance) -> Any:
    """A performance as the commands print it."""
    values = json.loads(json.dumps(asdict(performance)))
    del values["collection"]  # what is printed has it in `pid`, where that alone is not clear
    return {"musicbrainz": values.pop("matches"), **values}


def test_the_table_has_the_query_above_and_ranked_matches_below(workspace: Workspace) -> None:
    lines = stdout(workspace, "query", "P_22", "--top", "39").splitlines()
    result = open_searcher(workspace).query("P_22", 39)
    q = result.query
    assert q is not None
    assert lines[0] == f"P_22 (W_8) · {q.title} · {q.artist} · {q.year} · work: {q.work_title} by {q.work_artist}"
    assert lines[2].split() == ["Rank", "PID", "WID", "Title", "Artist", "Year", *JUDGED, "Distance"]
    for line, match in zip(lines[4:43], result.matches, strict=True):
        p = match.performance
        year = [] if p.year is None else [str(p.year)]
        marks = ["✓"] * (match.predicted + (p.wid == "W_8"))
        judged = [f"{match.cover_probability:.4f}", *marks, f"{match.distance:z.3f}"]
        identity = [str(match.rank), p.pid, p.wid, *p.title.split(), *p.artist.split()]
        assert line.split() == [*identity, *year, *judged]
    assert "Cover ✓: predicted (=: the same recording) · Listed ✓: of the query's work" in lines[-2]
    assert (
        lines[-1].rstrip()
        == "the probability is not calibrated: run `covsearch calibrate`, then `covsearch build-index`"
    )


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("calibrated"))
    publish(workspace, windows=True, calibration=made_up_calibration())
    return workspace


def test_calibrated_p_is_in_table_json_and_csv(calibrated: Workspace) -> None:
    options = ("query", "P_22", "--top", "39")
    result = open_searcher(calibrated).query("P_22", 39)
    lines = stdout(calibrated, *options).splitlines()
    answer = json.loads(stdout(calibrated, *options, "--json"))
    rows = list(csv.DictReader(io.StringIO(stdout(calibrated, *options, "--csv"), newline="")))
    begin = next(k for k, line in enumerate(lines) if line.split()[:1] == ["Rank"])
    assert lines[begin].split()[-4:] == [*JUDGED, "Distance"]
    for line, printed, row, match in zip(lines[begin + 2 :], answer["matches"], rows, result.matches, strict=False):
        assert f" {match.cover_probability:.4f} " in line
        said = (match.cover_probability, match.predicted)
        assert (printed["cover_probability"], printed["predicted"]) == said
        assert (float(row["cover_probability"]), row["predicted"] == "true") == said
    assert len(answer["matches"]) == len(rows) == 39
    assert answer["found"] == result.found
    settings = {"rerank": "align", "candidates": 1000, "calibrated": True, "threshold": 0.6}
    assert {name: answer["settings"][name] for name in settings} == settings
    assert lines[-1].rstrip() == "probability of a cover among the 39 performances searched · cover above 0.600"


@pytest.mark.parametrize("found", [False, True])
def test_the_answer_is_said_above_the_likeliest(tmp_path: Path, found: bool) -> None:
    chance = Chance(offset=-3.7, own=-1.0, slope=1.0, bias=20.0 if found else -20.0, threshold=0.6)
    publish(Workspace(tmp_path), calibration=made_up_calibration(by_alignment=chance))
    lines = stdout(Workspace(tmp_path), "query", "P_22", "--top", "3").splitlines()
    result = open_searcher(Workspace(tmp_path)).query("P_22", 3)
    best = result.matches[0]
    assert (result.found, best.predicted) == (found, found)
    likely = f"has a cover probability of {best.cover_probability:.1%}."
    assert lines[1] == f"{'Cover' if found else 'No cover'} found: the likeliest, {best.pid}, {likely}"
    assert lines[5].split()[:2] == ["1", best.pid]  # the nearest are shown all the same


def test_windows_and_calibration_stand_side_by_side(calibrated: Workspace) -> None:
    lines = stdout(calibrated, "query", "P_22", "--rerank", "windows", "--top", "3").splitlines()
    assert lines[3].split()[-7:] == [*JUDGED, "Similarity", "Query", "↔", "match"]
    assert "ordered by similarity of windows" in lines[-3]


def test_json_has_query_matches_and_settings(workspace: Workspace) -> None:
    answer = json.loads(stdout(workspace, "query", "P_22", "--top", "3", "--json"))
    result = open_searcher(workspace).query("P_22", 3)
    assert result.query is not None
    assert answer["query"] == as_json(result.query)
    settings = {"rerank": "head", "candidates": None, "threshold": 0.5, "searched": 39, "frame_rate": None}
    settings |= {"calibrated": False}
    assert answer["found"] == result.found
    assert answer["settings"] == {**settings, "generation": "gen-0001", "model": FINGERPRINT}
    for printed, match in zip(answer["matches"], result.matches, strict=True):
        judgement = {"rank": match.rank, "head_p": match.head_p, "distance": match.distance, "listed": match.listed}
        judgement |= {"cover_probability": match.cover_probability, "predicted": match.predicted}
        judgement |= {"same_recording": match.same_recording}
        assert printed == {**as_json(match.performance), **judgement}


def test_csv_reads_back_value_for_value(workspace: Workspace) -> None:
    output = stdout(workspace, "query", "P_22", "--top", "39", "--csv")
    assert output.count("\r\n") == 40
    rows = list(csv.DictReader(io.StringIO(output, newline="")))
    for row, match in zip(rows, open_searcher(workspace).query("P_22", 39).matches, strict=True):
        p = match.performance
        identity = [p.pid, p.wid, p.title, p.artist, "" if p.year is None else str(p.year)]
        assert [row[name] for name in ("pid", "wid", "title", "artist", "year")] == identity
        assert (int(row["rank"]), float(row["head_p"]), float(row["distance"])) == (
            match.rank,
            match.head_p,
            match.distance,
        )
        assert (row["predicted"], row["listed"]) == (str(match.predicted).lower(), str(match.listed).lower())


def test_titles_with_commas_quotes_and_line_breaks_survive_csv(tmp_path: Path) -> None:
    titles = ["query", 'a, "b"\r\nc', "é,;\t", "plain"]
    publish(Workspace(tmp_path), count=4, titles=titles)
    output = stdout(Workspace(tmp_path), "query", "P_1", "--csv")
    assert {row["title"] for row in csv.DictReader(io.StringIO(output, newline=""))} == set(titles[1:])


def test_markup_and_terminal_commands_in_titles_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    titles = ["query \x1b[2J", "[bold red]hot[/]", "\x1b]0;owned\x07 title", ":smile: x"]
    publish(Workspace(tmp_path), count=4, titles=titles)
    output = stdout(Workspace(tmp_path), "query", "P_1")
    assert not {"\x1b", "\x07"} & set(output)
    for shown in ("query �[2J", "[bold red]hot[/]", "�]0;owned� title", ":smile: x"):
        assert shown in output


def test_long_titles_are_shortened_and_numbers_stay_whole(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), count=4, titles=[f"{i} {'a very long title indeed ' * 8}" for i in range(4)])
    lines = stdout(Workspace(tmp_path), "query", "P_1").splitlines()
    for line, match in zip(lines[-6:-3], open_searcher(Workspace(tmp_path)).query("P_1").matches, strict=True):
        assert len(line) <= 110
        assert "…" in line
        assert {match.performance.pid, f"{match.cover_probability:.4f}", f"{match.distance:z.3f}"} < set(line.split())


@pytest.fixture(scope="module")
def with_windows(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("windows"))
    publish(workspace, windows=True)
    return workspace


def test_windows_tell_similarity_and_where_in_table_json_and_csv(with_windows: Workspace) -> None:
    options = ("query", "P_22", "--rerank", "windows", "--top", "4", "--candidates", "20")
    result = open_searcher(with_windows, windows=True).query("P_22", 4, 20, rerank="windows")
    lines = stdout(with_windows, *options).splitlines()
    assert lines[2].split()[-6:] == ["Cover", "Listed", "Similarity", "Query", "↔", "match"]
    answer = json.loads(stdout(with_windows, *options, "--json"))
    rows = list(csv.DictReader(io.StringIO(stdout(with_windows, *options, "--csv"), newline="")))
    settings = {"rerank": "windows", "candidates": 20}
    assert {name: answer["settings"][name] for name in settings} == settings
    for line, printed, row, match in zip(lines[4:8], answer["matches"], rows, result.matches, strict=True):
        passage = match.passage
        assert passage is not None
        where = [f"{match.similarity:.3f}", clock(passage.a), "↔", clock(passage.b)]
        assert line.split()[-4:] == where
        expected = {"similarity": match.similarity, "query_start": passage.a, "match_start": passage.b}
        assert {name: printed[name] for name in expected} == expected
        assert {name: float(row[name]) for name in expected} == expected
        assert (printed["pid"], float(row["head_p"])) == (match.performance.pid, match.head_p)
    assert "ordered by similarity of windows" in lines[-3]


def test_an_index_without_windows_is_exit_3_and_names_the_option(workspace: Workspace, failure: Any) -> None:
    code, err = failure(workspace, "query", "P_22", "--rerank", "windows")
    assert (code, err) == (
        3,
        "Error: the index (gen-0001) has no windows: run `covsearch build-index --windows`\n",
    )


def test_a_query_by_file_is_cut_into_windows_as_the_index_was(tmp_path: Path) -> None:
    config = ModelConfig(branch="invariant", features=FeatureConfig("hpcp", 2000, rate=2.5))
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "model", Siamese(config).eval(), config)
    root, workspace = write_collection(tmp_path / "data", works=3, frames=500), Workspace(tmp_path / "home")
    build_index(root, tmp_path / "model", workspace, frame_rate=2.5, windows=True)
    file = str(open_dataset(root).files["P_5"]["hpcp"])
    arguments = ("--file", file, "--frame-rate", "2.5", "--rerank", "windows", "--json")
    answer = json.loads(stdout(workspace, "query", *arguments))
    first, *others = answer["matches"]
    assert (first["pid"], first["query_start"], first["match_start"]) == (
        "P_5",
        first["match_start"],
        first["match_start"],
    )
    assert first["similarity"] == pytest.approx(1, abs=1e-5)
    by_id = open_searcher(workspace, windows=True).query("P_5", rerank="windows").matches
    similar = {m.performance.pid: m.similarity for m in by_id}
    assert {m["pid"]: m["similarity"] for m in others} == pytest.approx(similar, abs=1e-5)


def test_the_help_says_how_matches_are_ordered(workspace: Workspace) -> None:
    text = " ".join(stdout(workspace, "query", "--help").split())
    assert "Head and alignment together order the matches." in text
    assert "covsearch query P_22 --top 10" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["query", "P_222"], 3, "no performance P_222 in the index: did you mean P_22 or"),
        (["query", ""], 3, "'' is no performance id: expected 1 to 255 characters, none of them a control character."),
        (["query"], 2, "expected a performance id (like P_22) or --file, one of the two"),
        (["query", "P_22", "--file", "x.h5"], 2, "expected a performance id (like P_22) or --file, one of the two"),
        (["query", "P_22", "--json", "--csv"], 2, "expected --json or --csv, not both"),
        (["query", "P_22", "--top", "0"], 2, "at least 1 match must be asked for, not 0"),
        (["query", "P_22", "--top", "x"], 2, "'x' is not a valid integer"),
        (["query", "P_22", "--candidates", "9"], 2, "candidates are what windows or alignment order; the head"),
        (["query", "--file", "no/such.h5"], 3, "no/such.h5: expected an HDF5 feature file, there is none"),
        (["find", "zzz"], 3, "no title or artist in the index has the words 'zzz'; try fewer of them"),
        (["find", "love", "--limit", "0"], 2, "at least 1 hit must be asked for, not 0"),
        (["find"], 2, "Missing argument 'WORDS...'"),
    ],
)
def test_every_failure_is_one_line_and_its_exit_code(
    workspace: Workspace, failure: Any, arguments: list[str], code: int, message: str
) -> None:
    came, err = failure(workspace, *arguments)
    assert came == code
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["query", "P_22"], ["find", "love"]])
def test_no_index_names_the_command(tmp_path: Path, failure: Any, arguments: list[str]) -> None:
    code, err = failure(Workspace(tmp_path), *arguments)
    assert (code, err) == (3, f"Error: no index in {tmp_path}: run `covsearch build-index` first\n")


def test_a_lost_current_is_named(tmp_path: Path, failure: Any) -> None:
    publish(Workspace(tmp_path))
    current = tmp_path / "index" / "CURRENT"
    current.unlink()
    code, err = failure(Workspace(tmp_path), "query", "P_22")
    assert code == 3
    assert f"{current} is missing beside gen-0001: run `covsearch build-index` first" in err


@pytest.mark.parametrize("name", ["index/gen-0001/head.safetensors", "db/gen-0001.sqlite3", "index/CURRENT"])
def test_a_damaged_index_is_exit_4_and_names_the_file(tmp_path: Path, failure: Any, name: str) -> None:
    publish(Workspace(tmp_path))
    (tmp_path / name).write_bytes(b"damaged")
    code, err = failure(Workspace(tmp_path), "query", "P_22")
    assert code == 4
    assert str(tmp_path / name) in err
    assert "run `covsearch build-index`" in err


def test_find_lists_titles_with_the_number_of_versions(workspace: Workspace) -> None:
    lines = stdout(workspace, "find", "bjork").splitlines()
    assert lines[1].split() == ["PID", "WID", "Title", "Artist", "Year", "Versions"]
    hits = open_searcher(workspace).catalogue.find("bjork")
    assert len(hits) == 3
    for line, hit in zip(lines[3:6], hits, strict=True):
        p = hit.performance
        year = [] if p.year is None else [str(p.year)]
        assert line.split() == [p.pid, p.wid, *p.title.split(), *p.artist.split(), *year, str(hit.versions)]


def test_find_joins_its_words_and_prints_json(workspace: Workspace) -> None:
    answer = json.loads(stdout(workspace, "find", "song", "8", "writ", "--limit", "2", "--json"))
    assert (answer["text"], answer["limit"]) == ("song 8 writ", 2)
    expected = open_searcher(workspace).catalogue.find("song 8 writ", 2)
    assert len(expected) == 2
    assert answer["hits"] == [{**as_json(hit.performance), "versions": hit.versions} for hit in expected]


@pytest.fixture(scope="module", params=["hpcp", "hpcp+crema"])
def embedded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A real build with an untrained network, and its dataset."""
    folder = tmp_path_factory.mktemp("embedded")
    config = ModelConfig(features=FeatureConfig(request.param, 120))
    torch.manual_seed(0)
    save_checkpoint(folder / "model", Siamese(config).eval(), config)
    root = write_collection(folder / "data", works=4, features=request.param.split("+"), frames=4000, frame_rate=None)
    workspace = Workspace(folder / "home")
    build_index(root, folder / "model", workspace)
    return workspace, root


def test_a_query_by_files_ranks_as_the_query_by_id_but_knows_no_covers(embedded: tuple[Workspace, Path]) -> None:
    workspace, root = embedded
    files = [str(path) for path in open_dataset(root).files["P_5"].values()]
    options = [word for path in reversed(files) for word in ("--file", path)]
    answer = json.loads(stdout(workspace, "query", *options, "--top", "12", "--json"))
    by_id = open_searcher(workspace).query("P_5", 11).matches
    others = [match for match in answer["matches"] if match["pid"] != "P_5"]
    assert answer["query"] == {"files": list(reversed(files))}
    assert len(answer["matches"]) == 12
    assert {match["listed"] for match in answer["matches"]} == {None}
    p = {match["pid"]: match["head_p"] for match in others}
    assert p == pytest.approx({match.performance.pid: match.head_p for match in by_id}, abs=1e-5)
    table = stdout(workspace, "query", *options, "--top", "3")
    predicted = sum(match["predicted"] for match in answer["matches"][:3])
    named = " + ".join(Path(path).name for path in reversed(files))
    assert table.splitlines()[0] == f"{named} · read at 86.13 frames/s"
    shown = "".join(table.splitlines()[4:7])
    assert shown.count("✓") + shown.count("=") == predicted  # no row is marked as listed


def test_a_query_by_file_that_builds_overtake_is_answered_from_the_newer_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two builds end after the vectors were read and before the model is."""
    root = write_collection(tmp_path / "data", works=2)
    config = ModelConfig(features=FeatureConfig("hpcp", 120))
    save_checkpoint(tmp_path / "model", Siamese(config).eval(), config)
    workspace = Workspace(tmp_path / "home")
    build_index(root, tmp_path / "model", workspace)
    asked: list[str] = []
    original = outside._embed

    def overtaken(searcher: Searcher, *rest: Any) -> Any:
        asked.append(searcher.generation.name)
        if len(asked) == 1:
            build_index(root, tmp_path / "model", workspace)
            build_index(root, tmp_path / "model", workspace)
        return original(searcher, *rest)

    monkeypatch.setattr(outside, "_embed", overtaken)
    file = str(open_dataset(root).files["P_5"]["hpcp"])
    answer = json.loads(stdout(workspace, "query", "--file", file, "--json"))
    assert asked == ["gen-0001", "gen-0003"]
    assert answer["settings"]["generation"] == "gen-0003"


def test_one_file_may_hold_every_feature(embedded: tuple[Workspace, Path], tmp_path: Path) -> None:
    workspace, root = embedded
    files = open_dataset(root).files["P_5"]
    with h5py.File(tmp_path / "P_5.h5", "w") as single:
        for feature, path in files.items():
            with h5py.File(path) as source:
                source.copy(feature, single)
    together = json.loads(stdout(workspace, "query", "--file", str(tmp_path / "P_5.h5"), "--json"))
    options = [word for path in files.values() for word in ("--file", str(path))]
    assert together["matches"] == json.loads(stdout(workspace, "query", *options, "--json"))["matches"]


def test_a_file_is_read_at_the_frame_rate_that_is_declared_or_said_and_at_no_other(
    tmp_path: Path, failure: Any
) -> None:
    config = ModelConfig(alpha="positive", features=FeatureConfig("hpcp", 400, rate=5.0))
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "model", Siamese(config).eval(), config)
    root = write_collection(tmp_path / "data", works=4, frames=1000, frame_rate=None)
    workspace = Workspace(tmp_path / "home")
    build_index(root, tmp_path / "model", workspace, frame_rate=20)
    assert open_searcher(workspace).generation.manifest.frame_rate == 20
    file = ("query", "--file", str(open_dataset(root).files["P_5"]["hpcp"]), "--top", "1", "--json")
    code, err = failure(workspace, *file)
    assert (code, "no frame rate is declared, and the index has files of 20.00 frames/s: say --frame-rate" in err) == (
        2,
        True,
    )
    (root / "covsearch.toml").write_text("frame_rate = 20\n")
    (same,), (other,) = (
        json.loads(stdout(workspace, *file, *more))["matches"] for more in ((), ("--frame-rate", "10"))
    )
    assert "P_5_hpcp.h5 · read at 20.00 frames/s" in stdout(workspace, *file[:-1])
    assert same["pid"] == "P_5"
    assert same["distance"] == pytest.approx(0, abs=1e-6)
    assert abs(other["distance"]) > 1e-4


def test_a_frame_rate_that_cannot_be_or_has_no_file_is_exit_2(embedded: tuple[Workspace, Path], failure: Any) -> None:
    workspace, root = embedded
    file = str(open_dataset(root).files["P_5"]["hpcp"])
    code, err = failure(workspace, "query", "--file", file, "--frame-rate", "0")
    assert (code, "must be a positive number of frames a second, not 0.0" in err) == (2, True)
    code, err = failure(workspace, "query", "P_5", "--frame-rate", "10")
    assert (code, "--frame-rate is of --file" in err) == (2, True)


def test_a_missing_feature_and_a_file_that_is_none_are_exit_4(
    embedded: tuple[Workspace, Path], tmp_path: Path, failure: Any
) -> None:
    workspace, _ = embedded
    (tmp_path / "junk.h5").write_bytes(b"junk")
    code, err = failure(workspace, "query", "--file", str(tmp_path / "junk.h5"))
    assert code == 4
    assert f"the index's model needs hpcp; {tmp_path / 'junk.h5'}: " in err


def test_a_model_that_is_not_the_index_own_is_exit_4(
    embedded: tuple[Workspace, Path], tmp_path: Path, failure: Any
) -> None:
    """Weights of the same size, so that only the fingerprint can tell."""
    workspace, root = embedded
    own = open_searcher(workspace).generation.model_folder / "model.safetensors"
    before = own.read_bytes()
    features = [str(path) for path in open_dataset(root).files["P_5"].values()]
    config = ModelConfig(features=open_searcher(workspace).generation.manifest.features)
    save_checkpoint(tmp_path / "other", Siamese(config).eval(), config)
    own.write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    reseal(workspace)
    try:
        code, err = failure(workspace, "query", *[word for path in features for word in ("--file", path)])
    finally:
        own.write_bytes(before)
        reseal(workspace)
    assert code == 4
    assert "index was built with model cnn-" in err
    assert "run `covsearch build-index`" in err


def test_a_model_that_sees_other_features_than_the_index_is_exit_4(
    embedded: tuple[Workspace, Path], failure: Any
) -> None:
    workspace, root = embedded
    built = open_searcher(workspace).generation.manifest.features
    files = [word for path in open_dataset(root).files["P_5"].values() for word in ("--file", str(path))]
    other = "cens" if built.width == 12 else built.features  # chroma of another width is refused before
    reseal(workspace, features=FeatureConfig(other, 121))
    try:
        code, err = failure(workspace, "query", *files)
    finally:
        reseal(workspace, features=built)
    assert code == 4
    assert f"index was built with FeatureConfig(features='{other}', frames=121" in err
    assert f"the model in it sees {built}: run `covsearch build-index`" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["query", "P_22"],
        ["query", "P_22", "--csv"],
        ["query", "P_22", "--rerank", "windows"],
        ["find", "love"],
        ["query", "--help"],
    ],
)
@pytest.mark.parametrize("name", ["with_windows", "calibrated"])
def test_what_needs_no_network_imports_none(name: str, arguments: list[str], request: pytest.FixtureRequest) -> None:
    home = request.getfixturevalue(name).home
    code = (
        "import sys\n"
        "from covsearch.cli import main\n"
        "try: main()\n"
        "except SystemExit as e: assert not e.code\n"
        "heavy = {'torch', 'pennylane', 'sklearn', 'h5py', 'matplotlib', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, "--home", str(home), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_installed_command_answers_from_another_folder(workspace: Workspace, tmp_path: Path) -> None:
    environment = {**os.environ, "COVSEARCH_HOME": str(workspace.home)}
    command = [sys.executable, "-m", "covsearch", "query", "P_22", "--top", "1", "--csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    best = open_searcher(workspace).query("P_22", 1).matches[0]
    assert done.stdout.splitlines()[1].startswith(f"1,{best.performance.pid},{best.performance.wid},")


def test_find_needs_no_arrays(with_windows: Workspace) -> None:
    code = (
        "import sys\n"
        "from covsearch.cli import main\n"
        "try: main()\n"
        "except SystemExit as e: assert not e.code\n"
        "assert 'numpy' not in sys.modules and 'faiss' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, "--home", str(with_windows.home), "find", "love"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
