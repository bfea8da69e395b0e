from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from collection import write_collection
from published import WEIGHTS, config_text, made_up_calibration, model_folder, publish, publish_dataset

from covsearch import api
from covsearch import compare as comparing
from covsearch.cli import cli, main
from covsearch.config import FeatureConfig, fingerprint
from covsearch.decision import word
from covsearch.index.calibration import write_calibration
from covsearch.plots import clock
from covsearch.ranking.chance import Chance
from covsearch.workspace import Workspace


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(tmp_path_factory.mktemp("data"), works=3)


@pytest.fixture(scope="module")
def workspace(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    publish_dataset(workspace, root, windows=True)
    return workspace


def run(workspace: Workspace, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(workspace.home), "compare", *arguments], catch_exceptions=False)


def test_it_says_how_likely_in_which_key_and_where(workspace: Workspace) -> None:
    result = run(workspace, "P_1", "P_3")
    found = comparing.compare(workspace, "P_1", "P_3")
    assert result.stderr == ""
    lines = [line.rstrip() for line in result.stdout.splitlines()]
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


@pytest.mark.parametrize("threshold", [0.001, 0.4, 0.999])
def test_compare_and_query_never_disagree_about_a_pair(tmp_path: Path, root: Path, threshold: float) -> None:
    own = fingerprint(config_text(FeatureConfig("hpcp", key="normalised")), WEIGHTS)
    chance = Chance(offset=-3.7, own=-1.0, slope=1.0, bias=-3.7, threshold=threshold)
    calibration = made_up_calibration(by_alignment=chance, model=own)
    write_calibration(model_folder(tmp_path / "models" / "made-up"), calibration)
    publish_dataset(Workspace(tmp_path), root, windows=True)
    index = api.open_index(tmp_path)
    for match in index.query("P_1", top=8):
        found = index.compare("P_1", match.pid)
        assert (found.cover_probability, found.predicted) == (match.cover_probability, match.predicted)
        assert (found.listed, found.head_p, found.distance) == (match.listed, match.head_p, match.distance)
    answer = json.loads(run(Workspace(tmp_path), "P_1", "P_4", "--json").stdout)
    found = index.compare("P_1", "P_4")
    assert (answer["cover_probability"], answer["predicted"]) == (found.cover_probability, found.predicted)
    line = run(Workspace(tmp_path), "P_1", "P_4").stdout.splitlines()[3].rstrip()
    side = "above" if found.predicted else "not above"
    told = f"cover      {found.cover_probability:.4f}, {side} {threshold:.3f}: "
    assert line == f"{told}{word(found.predicted)} (not listed as versions of one work)"


def test_json_has_everything_and_the_path_in_seconds(workspace: Workspace) -> None:
    answer = json.loads(run(workspace, "P_1", "P_4", "--json").stdout)
    found = comparing.compare(workspace, "P_1", "P_4")
    assert (answer["a"]["pid"], answer["b"]["title"], answer["listed"]) == ("P_1", "Song 2, version 1", False)
    assert (answer["head_p"], answer["predicted"], answer["distance"]) == (
        found.head_p,
        found.predicted,
        found.distance,
    )
    assert answer["cover_probability"] == found.cover_probability
    assert answer["semitones"] == found.alignment.semitones
    alignment, stretch = answer["alignment"], found.stretch
    assert stretch is not None
    assert (alignment["score"], alignment["chance"]) == (found.alignment.score, found.alignment.chance)
    assert alignment["stretch"] == {"a": list(stretch.a), "b": list(stretch.b)}
    assert alignment["path"] == found.path.tolist()
    passages = [{"a": p.a, "b": p.b, "cosine": p.cosine} for p in found.passages]
    assert answer["windows"] == {"similarity": found.similarity, "passages": passages}
    settings = {"threshold": 0.5, "frame_rates": list(found.rates), "generation": "gen-0001", "model": found.model}
    assert answer["settings"] == settings


def test_without_windows_a_note_says_how_to_get_them(root: Path, tmp_path: Path) -> None:
    publish_dataset(Workspace(tmp_path), root)
    result = run(Workspace(tmp_path), "P_1", "P_2", "--json")
    assert json.loads(result.stdout)["windows"] == {"similarity": None, "passages": []}
    assert "the index has no windows: `covsearch build-index --windows`" in result.stderr


@pytest.mark.parametrize(("option", "name"), [("why.svg", "why.svg"), ("figures", "figures/compare_P_1_P_2.png")])
def test_plot_takes_a_file_or_a_folder(workspace: Workspace, tmp_path: Path, option: str, name: str) -> None:
    result = run(workspace, "P_1", "P_2", "--plot", str(tmp_path / option))
    assert result.stderr == f"drew {tmp_path / name}\n"
    assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["P_1", "P_99"], 3, "no performance P_99 in the index: did you mean P_9"),
        (["p1", "P_1"], 2, "expected two performances, got P_1 twice"),
        (["P_1"], 2, "Missing argument 'B'"),
        (["P_1", "P_2", "--dataset", "no/such"], 2, "No such option '--dataset'"),
    ],
)
def test_every_failure_is_one_line_and_its_exit_code(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["covsearch", "--home", str(workspace.home), "compare", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (code, "")
    assert message in err


def test_no_index_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["covsearch", "--home", str(tmp_path), "compare", "P_1", "P_2"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert "run `covsearch build-index` first" in capsys.readouterr().err


def test_neither_the_network_nor_matplotlib_is_imported_for_the_answer(workspace: Workspace) -> None:
    code = (
        "import sys\n"
        "from covsearch.cli import main\n"
        "try: main()\n"
        "except SystemExit as e: assert not e.code\n"
        "heavy = {'torch', 'pennylane', 'sklearn', 'matplotlib', 'scipy.optimize'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, "--home", str(workspace.home), "compare", "P_1", "P_2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "together" in done.stdout


def test_damaged_chroma_is_exit_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    root = write_collection(tmp_path / "data", works=1)
    publish_dataset(Workspace(tmp_path / "home"), root)
    path = tmp_path / "home" / "index" / "gen-0001" / "chroma.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x99")
    monkeypatch.setattr(sys, "argv", ["covsearch", "--home", str(tmp_path / "home"), "compare", "P_1", "P_2"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 4
    assert "chroma.safetensors: was changed since it was built" in capsys.readouterr().err


def test_an_index_that_knows_no_files_compares_too(tmp_path: Path) -> None:
    publish(Workspace(tmp_path))
    assert "together" in run(Workspace(tmp_path), "P_1", "P_2").stdout
