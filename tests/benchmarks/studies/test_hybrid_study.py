"""The study of the hybrid: its numbers against scipy or by hand, its collection, one small study from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collection import write_collection as write_toy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from songs import make_song

from benchmarks import provenance, readme_table
from benchmarks.studies.hybrid_study import __main__ as study
from benchmarks.studies.hybrid_study import summary
from benchmarks.studies.hybrid_study.report import answer, markdown
from benchmarks.studies.hybrid_study.runs import CNN, VARIANTS, Material, accuracy, best_threshold, configured
from benchmarks.studies.hybrid_study.summary import detectable, paired, power, roughness, spread, summarise
from benchmarks.studies.hybrid_study.synthetic import Recipe, choose_songs, draw_keys, write_collection
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.hdf5 import read_chroma
from covsearch.errors import ArtefactError, UsageError
from covsearch.features.frames import align_pitch_origin
from covsearch.models import Siamese
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.sources import SongCollection

values = st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=3, max_size=8)


@given(values)
def test_spread_is_scipys_t_interval(found: list[float]) -> None:
    if np.std(found) < 1e-6:
        return
    got = spread(found)
    low, high = stats.t.interval(0.95, len(found) - 1, loc=np.mean(found), scale=stats.sem(found))
    assert (got["mean"], got["low"], got["high"]) == pytest.approx((np.mean(found), low, high))
    assert got["std"] == pytest.approx(np.std(found, ddof=1))


def test_one_seed_has_no_spread() -> None:
    assert spread([0.7]) == {"mean": 0.7, "std": 0.0, "low": 0.7, "high": 0.7}


def test_paired_p_is_that_of_the_paired_t_test() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 6))
    got = paired(a - b)
    assert got["p"] == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert got["p_wilcoxon"] == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert (got["low"] > 0 or got["high"] < 0) == (got["p"] < 0.05)
    same = paired(np.zeros(4))
    assert (same["p"], same["detectable"]) == (1.0, 0.0)


def test_power_is_the_level_without_an_effect_and_scipys_where_that_is_a_number() -> None:
    for n in (2, 3, 5, 12):
        assert power(0.0, n) == pytest.approx(0.05, abs=1e-6)
    critical, shift = stats.t.ppf(0.975, 9), 0.8 * 10**0.5
    expected = stats.nct.sf(critical, 9, shift) + stats.nct.cdf(-critical, 9, shift)
    assert power(0.8, 10) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_what_is_called_detectable_is_found_four_times_in_five(n: int) -> None:
    rng = np.random.default_rng(n)
    drawn = rng.normal(detectable(0.02, n), 0.02, size=(20_000, n))
    found = float(np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05))
    assert found == pytest.approx(0.8, abs=0.012)  # four standard errors


@given(st.lists(st.floats(0, 1), min_size=8, max_size=20), st.floats(-1, 1), st.floats(-1, 1))
def test_roughness_knows_no_trend(curve: list[float], slope: float, level: float) -> None:
    line = level + slope * np.arange(len(curve))
    assert roughness(line.tolist()) == pytest.approx(0, abs=1e-9)
    assert roughness((np.array(curve) + line).tolist()) == pytest.approx(roughness(curve), abs=1e-9)


def test_roughness_of_a_zigzag_and_of_the_first_epochs() -> None:
    zigzag = [0.6, 0.7] * 8
    assert roughness(zigzag) == pytest.approx(0.2)  # every bend is twice a step
    assert roughness([5.0, -5.0, 5.0, *zigzag[3:]]) == roughness(zigzag)  # the first three epochs do not count


@given(st.integers(0, 10**6), st.integers(2, 30))
def test_no_other_threshold_is_right_more_often(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    label = np.concatenate([[0, 1], rng.integers(0, 2, n)])
    scores = np.round(rng.normal(label, 1.0), 1)  # some tie
    got = accuracy(scores, label, best_threshold(scores, label))
    best = max(accuracy(scores, label, t) for t in [-np.inf, np.inf, *scores.tolist(), *(scores + 0.05).tolist()])
    assert got == pytest.approx(best)


@given(st.floats(1 / 12, 1))
@settings(max_examples=8)
def test_so_many_pairs_are_in_one_key(same_key: float) -> None:
    rng = np.random.default_rng(5)
    keys = np.array([draw_keys(2, same_key, rng) for _ in range(8000)])
    assert keys.min() >= 0
    assert keys.max() < 12
    assert np.mean(keys[:, 0] == keys[:, 1]) == pytest.approx(same_key, abs=0.025)


RECIPE = Recipe(("toy",), works=3, versions=2, frames=40)
SONGS = [make_song(seed) for seed in range(5)]


def test_the_collection_is_what_was_synthesised(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "made", SONGS[:3], RECIPE)
    dataset = open_dataset(root, ["hpcp"], strict=True, frame_rate=SLOW_RATE)
    assert {wid: len(pids) for wid, pids in dataset.works.items()} == {"W_1": 2, "W_2": 2, "W_3": 2}
    rng = np.random.default_rng([RECIPE.seed, 1, 1])
    keys = draw_keys(2, RECIPE.same_key, rng)
    batch, lengths = CoverMaker(SONGS[:3]).make([1, 1], rng, hardness=0.9, frames=40, semitones=keys)
    for pid, frames, length in zip(("P_3", "P_4"), batch, lengths.tolist(), strict=True):
        stored = align_pitch_origin(read_chroma(dataset.files[pid]["hpcp"], "hpcp"), "hpcp")
        np.testing.assert_allclose(stored, frames[:length], atol=0.5 / 255 + 1e-6)


def test_a_collection_is_written_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "made"

    def killed(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_collection(root, SONGS[:3], RECIPE, killed)
    assert not root.exists()
    write_collection(root, SONGS[:3], RECIPE)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.h5")}
    assert len(before) == 6
    write_collection(root, SONGS[:3], RECIPE)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*.h5")} == before
    with pytest.raises(ArtefactError, match="was made by the recipe"):
        write_collection(root, SONGS[:3], Recipe(("toy",), works=3, versions=2, frames=40, seed=1))


def test_the_first_songs_are_used_up_before_others() -> None:
    sources = [SongCollection("a", CoverMaker(SONGS[:2])), SongCollection("b", CoverMaker(SONGS[2:]))]
    names = [song.name for song in choose_songs(sources, 4, seed=0)]
    assert names[:2] == ["song 0", "song 1"]
    assert len(set(names)) == 4
    assert names == [song.name for song in choose_songs(sources, 4, seed=0)]
    with pytest.raises(UsageError, match="there are 5 songs"):
        choose_songs(sources, 6, seed=0)


def test_recipes_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="not 1 of 13"):
        Recipe(("toy",), works=1)
    with pytest.raises(UsageError, match=r"1/12 to all"):
        Recipe(("toy",), same_key=0.01)


def test_variants_are_the_reports_preset_and_differ_in_the_branch_alone(toy: Path, tmp_path: Path) -> None:
    material = Material(open_dataset(toy, ["hpcp"]), None, 320, tmp_path)
    found = {v: configured(v, 3, material, 20) for v in VARIANTS}
    _, training = found[CNN]
    assert (training.epochs, training.learning_rate, training.loss) == (20, 5e-4, "pairs")
    assert (training.train_pairs, training.validation_pairs, training.test_pairs) == (3000, 1000, 1000)
    assert all(t == training for _, t in found.values())
    assert all(c.pooling == "unmasked" and c.features.frames == 320 for c, _ in found.values())
    sizes = {v: sum(p.numel() for p in Siamese(c).parameters()) for v, (c, _) in found.items()}
    assert sizes["hybrid, residual"] == sizes["hybrid, q = 7"]
    assert sizes["hybrid, q = 7"] - sizes[CNN] == 7 * 2 + 7 * 128 + 128  # angles of two layers, and the way back
    assert sizes["hybrid, q = 6"] - sizes[CNN] == 128 * 64 + 64 + 6 * 2 + 6 * 128 + 128


def fake_run(variant: str, seed: int, auc: float) -> dict[str, Any]:
    label, works = [0, 0, 1, 1], ["W_1", "W_2", "W_1", "W_2"]
    others = ["W_1", "W_2", "W_2", "W_3"]
    test = {"auc": auc, "accuracy": 0.6, "threshold": 0.1, "accuracy_calibrated": 0.65, "label": label}
    test |= {"scores": [0.1, 0.4, 0.3, 0.9], "work_a": works, "work_b": others}
    history = [{"epoch": k, "loss": 0.6, "accuracy": 0.5 + 0.01 * (k % 2), "train_loss": 0.6} for k in range(1, 9)]
    run = {"collection": "toy", "variant": variant, "seed": seed, "pairs": {"train": 6}, "parameters": 10}
    run |= {"train_cpu_seconds": 2.0, "embed_cpu_ms": 0.5, "history": history, "best_epoch": 2}
    return {**run, "test": test, "real": {"auc": auc - 0.1, "map": 0.2}}


def fake_runs(difference: float) -> list[dict[str, Any]]:
    runs = [fake_run(CNN, seed, 0.7 + 0.01 * seed) for seed in range(4)]
    noise = (0.001, -0.001, 0.002, -0.002)
    return runs + [fake_run("bottleneck", s, 0.7 + 0.01 * s + difference + noise[s]) for s in range(4)]


def test_differences_are_paired_within_seeds() -> None:
    found = summarise(fake_runs(-0.05))["toy"]
    difference = found["differences"]["bottleneck"]
    assert difference["auc"]["mean"] == pytest.approx(-0.05)
    assert difference["auc"]["std"] == pytest.approx(np.std([0.001, -0.001, 0.002, -0.002], ddof=1))
    assert difference["within_seed"][0]["low"] == 0.0 == difference["within_seed"][0]["high"]  # the same scores
    assert found["models"][CNN]["auc"]["mean"] == pytest.approx(0.715)
    assert found["models"][CNN]["real_auc"]["mean"] == pytest.approx(0.615)
    assert found["models"][CNN]["accuracy_roughness"]["mean"] == pytest.approx(0.02)
    text = answer(found)
    assert "worse than the CNN in AUC: bottleneck (-0.050, p = 0.000)" in text
    assert "no model can be told from the CNN" in answer(summarise(fake_runs(0.0))["toy"])


def test_without_out_the_tables_are_results(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = write_toy(tmp_path / "toy", works=4, versions=2, frames=30)
    monkeypatch.setattr(study, "WORK", tmp_path / "work")
    monkeypatch.setattr(study, "run", lambda v, s, m, **_: fake_run(v, s, 0.6 + 0.01 * s))
    start(monkeypatch, "--dataset", str(toy), "--seeds", "1")
    assert {path.name for path in results.iterdir()} == {"hybrid_study.json", "hybrid_study.md"}
    assert len(study.finished(tmp_path / "work")) == len(VARIANTS)


def test_two_seeds_tell_no_interval_and_three_no_difference_beyond_all_auc() -> None:
    found = summarise([run for run in fake_runs(0.3) if run["seed"] < 2])["toy"]
    table = markdown({"frames": 256, "collections": {"toy": found}})
    assert "| bottleneck | 2 | 1.005 ± 0.006 | " in table
    assert "| bottleneck | +0.300 |  |  |  | 0 above, 0 below of 2 |" in table
    assert answer(found) == "So few seeds cannot tell any model from the CNN: at least 3 are needed."
    three = summarise([run for run in fake_runs(0.3) if run["seed"] < 3])["toy"]
    assert "+0.301 [+0.297, +0.304]" in markdown({"frames": 256, "collections": {"toy": three}})
    three["differences"]["bottleneck"]["auc"]["detectable"] = 5.1
    assert answer(three).endswith("No true difference would have been found with probability 0.8 in every comparison.")


def test_runs_of_other_pairs_are_not_compared() -> None:
    runs = fake_runs(0.0)
    runs[-1]["test"]["work_b"] = ["W_1", "W_2", "W_3", "W_3"]
    with pytest.raises(ValueError, match="seed 3: bottleneck and cnn were not asked the same pairs"):
        summarise(runs)


def start(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["hybrid_study", *arguments])
    study.main()


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "results"
    for module in (provenance, study, readme_table):
        monkeypatch.setattr(module, "RESULTS", folder)
    monkeypatch.setattr(study, "REAL", write_toy(tmp_path / "real", works=4, versions=2, frames=60, subset="real"))
    return folder


def test_a_small_study(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "REPLICATES", 20)
    toy = write_toy(tmp_path / "toy", works=10, versions=2, frames=60)
    out = tmp_path / "out"
    arguments = ["--dataset", str(toy), "--frames", "256", "--epochs", "6", "--seeds", "2", "--out", str(out)]
    start(monkeypatch, *arguments)
    runs = study.finished(out)
    assert {(r["variant"], r["seed"]) for r in runs} == {(v, s) for v in VARIANTS for s in (0, 1)}
    for run in runs:
        test, pairs = run["test"], run["pairs"]
        assert len(run["history"]) == 6
        assert len(test["label"]) == len(test["scores"]) == pairs["test"]
        assert 2 * sum(test["label"]) == pairs["test"]
        twin = next(r for r in runs if r["variant"] == CNN and r["seed"] == run["seed"])
        assert [test[k] for k in ("label", "work_a", "work_b")] == [
            twin["test"][k] for k in ("label", "work_a", "work_b")
        ]
        assert 0 <= run["real"]["auc"] <= 1
    again = {path: path.read_bytes() for path in out.glob("run-*.json")}
    start(monkeypatch, *arguments)
    assert {path: path.read_bytes() for path in out.glob("run-*.json")} == again
    assert not results.exists(), "with --out it writes only there"
    written = json.loads((out / "hybrid_study.json").read_text())
    assert (written["frames"], written["epochs"]) == (256, 6)
    assert set(written["collections"]["toy"]["differences"]) == set(VARIANTS) - {CNN}
    table = (out / "hybrid_study.md").read_text()
    assert table == markdown(written)
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert not any("[" in row for row in rows), "two seeds have no interval worth telling"
    assert len({(k, row.count("|")) for k, row in enumerate(rows)}) == len(rows) == 2 + 5 + 2 + 4
    assert {row.count("|") for row in rows[:7]} == {rows[0].count("|")}
    assert {row.count("|") for row in rows[7:]} == {rows[7].count("|")}
    assert "at least 3 are needed" in table
    monkeypatch.setattr(readme_table, "RESULTS", out)
    readme = readme_table.study_table("toy").splitlines()
    assert [line.split(" | ")[0] for line in readme[2:]] == [f"| {v}" for v in VARIANTS]
    assert {line.count("|") for line in readme} == {8}


def test_a_killed_study_goes_on_at_the_run_it_was_in(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = write_toy(tmp_path / "toy", works=4, versions=2, frames=30)
    trained: list[tuple[str, int]] = []

    def run(variant: str, seed: int, material: Material, **_: Any) -> dict[str, Any]:
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((variant, seed))
        done = fake_run(variant, seed, 0.6 + 0.01 * len(trained))
        del done["collection"]
        return done

    monkeypatch.setattr(study, "run", run)
    arguments = ["--dataset", str(toy), "--seeds", "2", "--out", str(tmp_path / "out")]
    with pytest.raises(KeyboardInterrupt):
        start(monkeypatch, *arguments)
    assert trained == [(variant, 0) for variant in list(VARIANTS)[:3]]
    trained.clear()
    start(monkeypatch, *arguments, "--only", "residual")
    assert trained == [("hybrid, residual", 0), ("hybrid, residual", 1)]
    trained.clear()
    start(monkeypatch, *arguments, "--summarise")
    assert trained == []
    assert len(study.finished(tmp_path / "out")) == 5


def test_runs_of_another_length_are_not_mixed(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = write_toy(tmp_path / "toy", works=4, versions=2, frames=30)
    out = tmp_path / "out"
    arguments = ["--dataset", str(toy), "--out", str(out)]
    with pytest.raises(SystemExit, match="has no finished run"):
        start(monkeypatch, *arguments, "--summarise")
    monkeypatch.setattr(study, "run", lambda v, s, m, **_: fake_run(v, s, 0.6 + 0.01 * s))
    start(monkeypatch, *arguments, "--frames", "300")
    with pytest.raises(SystemExit, match="'frames': 300, 'epochs': 20"):
        start(monkeypatch, *arguments)
    start(monkeypatch, *arguments, "--summarise")
    assert json.loads((out / "hybrid_study.json").read_text())["frames"] == 300


def test_runs_that_were_not_judged_on_real_covers_are_done_again(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = write_toy(tmp_path / "toy", works=4, versions=2, frames=30)
    trained: list[bool] = []

    def run(variant: str, seed: int, material: Material, **_: Any) -> dict[str, Any]:
        trained.append(material.real is not None)
        done = fake_run(variant, seed, 0.6 + 0.01 * seed)
        return done if material.real else {**done, "real": None}

    monkeypatch.setattr(study, "run", run)
    arguments = ["--dataset", str(toy), "--seeds", "2", "--only", "cnn", "--out", str(tmp_path / "out")]
    start(monkeypatch, *arguments, "--real", str(tmp_path / "nowhere"))
    assert "nowhere is not there: no model is judged on real covers" in capsys.readouterr().err
    start(monkeypatch, *arguments, "--real", str(tmp_path / "nowhere"))
    assert trained == [False, False]
    for _ in range(2):
        start(monkeypatch, *arguments)
    assert trained == [False, False, True, True]


def test_too_few_frames_for_the_cnn_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        start(monkeypatch, "--out", str(tmp_path), "--frames", "128")
    assert ended.value.code == 2
    assert "--frames: expected at least 256, which the report's CNN needs, got '128'" in capsys.readouterr().err


def test_seeds_by_number_or_by_name() -> None:
    assert study.wanted_seeds("3") == [0, 1, 2]
    assert study.wanted_seeds("0,3") == [0, 3]
