"""``covsearch eval-pairs``, ``eval-retrieval``, ``eval-detection`` and ``calibrate``: tables, JSON, figures, notes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from collection import write_collection
from commands import Commands
from published import made_up_calibration
from untrained import write_untrained

from covsearch.index.calibration import CALIBRATION, read_calibration, write_calibration
from covsearch.models import bundled_checkpoint, load_checkpoint

TEST = ("W_1", "W_4", "W_6", "W_8")
FIGURES = {
    "eval-pairs": ("cnn-*_roc.png", "cnn-*_probabilities.png"),
    "eval-retrieval": ("ranks.png", "recall.png"),
    "eval-detection": ("reliability.png", "sizes.png"),
    "calibrate": ("reliability.png",),
}


@pytest.fixture
def judged(songs: Path, tmp_path: Path) -> list[object]:
    """Options that name a collection and an untrained model with held-out works in it."""
    return ["--dataset", songs, "--model", write_untrained(tmp_path / "checkpoint", songs, test=TEST)]


@pytest.fixture
def fitted(tmp_path: Path) -> list[object]:
    """The same of a model that can be calibrated."""
    root = write_collection(tmp_path / "twelve", works=12)
    folder = write_untrained(tmp_path / "positive", root, test=TEST[:3], alpha="positive")
    return ["--dataset", root, "--model", folder]


def shown(ci: list[float]) -> str:
    return f"[{ci[0]:.3f}, {ci[1]:.3f}]"


def test_pairs_table_on_stdout_and_notes_on_stderr(judged: list[object], tmp_path: Path, command: Commands) -> None:
    result = command(tmp_path, "eval-pairs", *judged)
    assert result.code == 0
    for text in ("toy, held-out works", "10 covers, 10 non-covers", "mean chroma", "random", "1,000 resamplings"):
        assert text in result.out
    assert "training saw no performance of these works" in result.err
    assert "training saw" not in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert "…" not in result.out


def test_a_narrow_table_of_pairs_keeps_names_and_intervals(
    judged: list[object], tmp_path: Path, command: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = command.out(tmp_path, "eval-pairs", *judged).splitlines()
    assert max(map(len, told)) <= 60
    assert {"mean", "random"} <= {line.split()[0] for line in told if line.strip()}
    assert "left out for want of width: difference [95 % CI]" in [line.strip() for line in told]
    assert any(line.split()[0] == "random" and line.rstrip().endswith("]") for line in told if line.strip())


def test_pairs_json_agrees_with_the_table_and_the_seed_moves_the_noise_only(
    judged: list[object], tmp_path: Path, command: Commands
) -> None:
    words = ("eval-pairs", *judged, "--pairs", "all")
    values, table = command.json(tmp_path, *words), command.out(tmp_path, *words)
    assert (values["pairs"], values["covers"], values["works"], values["performances"]) == (66, 12, 4, 12)
    assert [s["name"] for s in values["systems"]] == [values["model"], "mean chroma", "random"]
    for system in values["systems"]:
        assert f"{system['auc']:.3f} {shown(system['ci'])}" in table
    assert values["notes"][1] == "81.8% of these pairs are non-covers: calling every pair one would have that accuracy"
    other = command.json(tmp_path, *words, "--seed", "2")["systems"]
    same = [mine["auc"] == its["auc"] for mine, its in zip(values["systems"], other, strict=True)]
    assert same == [True, True, False]


def test_pairs_of_another_collection_are_zero_shot_and_of_a_leaky_model_leaky(
    judged: list[object], songs: Path, tmp_path: Path, command: Commands
) -> None:
    other = write_collection(tmp_path / "other", works=3, versions=2, subset="other")
    result = command(tmp_path, "eval-pairs", *judged, "--dataset", other)
    assert "other, zero-shot" in result.out
    assert "trained on toy, judged on other" in result.err
    leaky = write_untrained(tmp_path / "leaky", songs, by="pairs")
    assert "held-out pairs (leaky)" in command.out(tmp_path, "eval-pairs", *judged, "--model", leaky)


def test_several_models_have_a_row_each_and_a_json_list_and_take_no_figure_of_each_other(
    judged: list[object], songs: Path, tmp_path: Path, command: Commands
) -> None:
    other = write_untrained(tmp_path / "other", songs, test=TEST, seed=1)
    alone = [command.json(tmp_path, "eval-pairs", *judged[:2], "--model", one) for one in (judged[-1], other)]
    words = ("eval-pairs", *judged, "--model", other, "--model", other)  # the same weights count once
    assert command.json(tmp_path, *words) == alone
    names = [one["model"] for one in alone]
    table = command(tmp_path, *words, "--plot", tmp_path / "figures")
    rows = [line for line in table.out.splitlines() if line.split()[:1] and line.split()[0] in names]
    assert [row.split()[:3] for row in rows] == [
        [one["model"], f"{one['systems'][0]['accuracy']:.3f}", f"{one['systems'][0]['auc']:.3f}"] for one in alone
    ]
    assert table.out.count("mean chroma") == 2  # a row, and the caption
    assert "training saw no performance of these works" in table.err
    assert table.err.count("training saw") == 1
    assert f"{names[1]}: p is not calibrated" in table.err
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{names[0]}_{names[1]}_roc.png",
        *(f"{name}_probabilities.png" for name in names),
    }


def test_models_that_were_judged_on_different_pairs_are_told_apart(
    judged: list[object], songs: Path, tmp_path: Path, command: Commands
) -> None:
    fewer = write_untrained(tmp_path / "fewer", songs, test=TEST[:2], seed=1)
    told = command(tmp_path, "eval-pairs", *judged, "--model", fewer)
    assert told.code == 0
    names = [load_checkpoint(folder).fingerprint for folder in (judged[-1], fewer)]
    assert f"{names[0]}: toy, held-out works: 10 covers, 10 non-covers" in told.out
    assert f"{names[1]}: toy, held-out works: " in told.out
    firsts = [line.split()[0] for line in told.out.splitlines() if re.search(r" \d\.\d{3} \[", line)]
    assert firsts == [names[0], "mean", "random", names[1], "mean", "random"]
    assert "different pairs: their rows cannot be compared" in told.err


def test_retrieval_table_on_stdout_and_notes_on_stderr(judged: list[object], tmp_path: Path, command: Commands) -> None:
    result = command(tmp_path, "eval-retrieval", *judged, "--frame-rate", "2.7")
    assert "toy, held-out works: 12 queries in 12 performances of 4 works" in result.out
    for text in ("MAP [95 % CI]", "AUC", "MR1", "2D-FTM", "mean chroma", "random", "1,000 resamplings"):
        assert text in result.out
    assert "Qmax" not in result.out.split()
    assert re.search(r"CPU seconds a query \+ a track: cnn-\w+ \d\.\de-\d\d \+ \d\.\de-\d\d,", result.out)
    assert "queries and collection are these works alone" in result.err
    assert "these works alone" not in result.out
    assert max(map(len, result.out.splitlines())) <= 82
    assert "…" not in result.out
    text = " ".join(command.out(tmp_path, "eval-retrieval", "--help").split())
    assert "the fast ones: 2D-FTM, mean chroma, random" in text


def test_retrieval_json_agrees_with_the_table_and_names_what_was_asked_for(
    judged: list[object], songs: Path, tmp_path: Path, command: Commands
) -> None:
    some = ("eval-retrieval", *judged, "--baseline", "random", "--baseline", "mean chroma", "--align", "none")
    values, table = command.json(tmp_path, *some), command.out(tmp_path, *some)
    assert [s["name"] for s in values["systems"]] == [values["reference"], "random", "mean chroma"]
    for system in values["systems"]:
        assert f"{system['map']:.3f} {shown(system['map_ci'])}" in table
        assert f"{system['auc']:.3f}" in table
        assert system["cpu_seconds"]["query"] > 0
    other = write_untrained(tmp_path / "other", songs, test=("W_1", "W_4"), seed=1)
    table = command.out(tmp_path, *some[:-6], "--model", other, "--baseline", "random")
    names = [load_checkpoint(folder).fingerprint for folder in (tmp_path / "checkpoint", other)]
    assert [line.split()[0] for line in table.splitlines()[4:7]] == [*names, "random"]
    assert "6 queries in 6 performances of 2 works" in table


def test_detection_table_agrees_with_json(sample_home: Path, command: Commands) -> None:
    words = ("eval-detection", "--queries", "5", "--sizes", "1,own", "--seed", "2")
    table, values = command(sample_home, *words), command.json(sample_home, *words)
    name = load_checkpoint(bundled_checkpoint()).fingerprint
    heading = f"sample, held-out works, {name}: collections drawn from 262 performances of 126 works"
    assert heading in table.out
    assert [size["performances"] for size in values["sizes"]] == [1, 261]
    rows = [line.split() for line in table.out.splitlines() if line.startswith((" 1 ", " 261 "))]
    for row, size in zip(rows, values["sizes"], strict=True):
        assert row[:2] == [str(size["performances"]), "5"]
        assert " ".join(row[2:5]) == f"{size['detected']['value']:.3f} {shown(size['detected']['ci'])}"
        assert row[-1] == f"{size['same_recording']['found']['value']:.3f}" == "1.000"
    assert values["bootstrap"]["seed"] == 2
    assert f"called a cover: probability above {values['threshold']:.3f}" in table.out
    assert "no distractors: at its own size" in table.err
    assert "…" not in table.out


@pytest.mark.parametrize("name", FIGURES)
def test_plot_draws_the_figures_and_without_matplotlib_stops_before_the_work(
    name: str, tmp_path: Path, command: Commands, request: pytest.FixtureRequest
) -> None:
    given: list[object] = request.getfixturevalue("fitted" if name == "calibrate" else "judged")
    if name == "eval-detection":
        calibrated = tmp_path / "checkpoint"
        write_calibration(calibrated, made_up_calibration(model=load_checkpoint(calibrated).fingerprint))
        given = [*given, "--queries", "5", "--sizes", "1,own"]
    words = (name, *given, "--plot", tmp_path / "figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib.figure", None)
        refused = command(tmp_path / "never", *words)
    assert refused.code == 1
    assert "pip install 'covsearch[plots]'" in refused.err
    assert not (tmp_path / "never").exists()
    result = command(tmp_path / "home", *words)
    for figure in FIGURES[name]:
        (path,) = (tmp_path / "figures").glob(figure)
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"drew {path}" in result.err


def test_calibrating_tells_what_it_wrote(fitted: list[object], tmp_path: Path, command: Commands) -> None:
    output, folder = command.out(tmp_path, "calibrate", *fitted), tmp_path / "positive"
    calibration = read_calibration(folder, load_checkpoint(folder).fingerprint)
    assert calibration is not None
    values = command.json(tmp_path, "calibrate", *fitted)
    assert values["calibration"]["threshold"] == calibration.threshold
    assert f"cover below p = {calibration.threshold:.4f}" in output
    for part in values["parts"]:
        row = next(line.split() for line in output.splitlines() if line.split()[:1] == [part["part"]])
        figures = [part["accuracy"], part["accuracy_calibrated"], part["ece"]["before"]["ece"]]
        assert row[1:5] == [f"{part['pairs']:,}", *(f"{value:.3f}" for value in figures)]
    assert f"cover from probability {calibration.by_alignment.threshold:.3f} on" in output
    assert max(map(len, output.splitlines())) <= 110


def test_model_show_and_eval_pairs_tell_of_it(fitted: list[object], tmp_path: Path, command: Commands) -> None:
    folder = fitted[-1]
    assert "p is not calibrated: run `covsearch calibrate" in command.out(tmp_path, "model", "show", folder)
    assert command.json(tmp_path, "model", "show", folder)["calibration"] is None
    plain = command(tmp_path, "eval-pairs", *fitted)
    assert "p is not calibrated: `covsearch calibrate --model " in plain.err
    assert command.json(tmp_path, "eval-pairs", *fitted)["calibration"] is None
    values = command.json(tmp_path, "calibrate", *fitted)
    threshold, test = values["calibration"]["threshold"], values["parts"][1]
    assert f"cover below p = {threshold:.4f}" in command.out(tmp_path, "model", "show", folder)
    assert command.json(tmp_path, "model", "show", folder)["calibration"]["threshold"] == threshold
    answer = command.json(tmp_path, "eval-pairs", *fitted)
    told = answer["calibration"]
    assert told["threshold"] == threshold
    assert told["ece"]["before"]["ece"] == pytest.approx(test["ece"]["before"]["ece"])
    assert told["accuracy"] == pytest.approx(test["accuracy_calibrated"])  # the list is balanced
    usual = answer["systems"][0]["accuracy"]
    line = command.out(tmp_path, "eval-pairs", *fitted).splitlines()[1].rstrip()
    errors = f"ECE {told['ece']['before']['ece']:.3f}, calibrated {told['ece']['after']['ece']:.3f}"
    assert line == f"accuracy {usual:.3f} at 0.5, {told['accuracy']:.3f} at the calibrated {threshold:.3f}; {errors}"
    of_all = command.json(tmp_path, "eval-pairs", *fitted, "--pairs", "all")["calibration"]
    assert {"accuracy", "accuracy_at_even_odds", "accuracy_calibrated_at_even_odds"} <= set(of_all)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("build-index", ('model = "cnn-', 'model = "cnn-f'), "the weights beside it are cnn-"),
        ("eval-pairs", ("slope", "slipe"), "expected a calibration"),
        ("model", ("slope", "slipe"), "run `covsearch calibrate` again"),
    ],
)
def test_a_calibration_that_does_not_belong_is_exit_4(
    name: str, damage: tuple[str, str], message: str, judged: list[object], tmp_path: Path, command: Commands
) -> None:
    folder = tmp_path / "checkpoint"
    write_calibration(folder, made_up_calibration(model=load_checkpoint(folder).fingerprint))
    path = folder / CALIBRATION
    path.write_text(path.read_text().replace(*damage))
    came = command(tmp_path, name, *(["show", folder] if name == "model" else judged))
    assert (came.code, came.out) == (4, "")
    assert message in came.err
