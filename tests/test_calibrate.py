"""From a checkpoint to its calibration: what is fitted on, what is only judged, what is written where."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from collection import melody, write_collection, write_feature
from untrained import write_untrained

import covsearch
from covsearch.calibrate import COLUMNS, CalibrationReport, calibrate, card_note, draw_reliability
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.splits import read_split, write_split
from covsearch.embedding import embed_files
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.evaluate.calibration import fit_calibration
from covsearch.index.calibration import CALIBRATION, read_calibration
from covsearch.index.generation import open_generation
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.workspace import Workspace

TEST = ("W_1", "W_4", "W_6", "W_8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_collection(tmp_path / "toy", works=12)


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """Weights that are all positive: untrained, and yet versions lie nearer to each other than strangers."""
    return write_untrained(tmp_path / "checkpoint", root, test=TEST, alpha="positive")


def run(folder: Path, root: Path, **options: object) -> CalibrationReport:
    return calibrate(folder, root, Workspace(root.parent / "home"), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, CalibrationReport]:
    """A checkpoint, its collection, and what calibrating it reported; for tests that change none."""
    place = tmp_path_factory.mktemp("calibrated")
    root = write_collection(place / "toy", works=12)
    folder = write_untrained(place / "checkpoint", root, test=TEST, alpha="positive")
    return folder, root, run(folder, root)


def test_the_fit_is_of_all_pairs_of_the_validation_works(done: tuple[Path, Path, CalibrationReport]) -> None:
    folder, root, report = done
    checkpoint, dataset = load_checkpoint(folder), open_dataset(root, ("hpcp",))
    works = set(read_split(folder / "split.json").validation)
    pids = [pid for pid, performance in dataset.performances.items() if performance.wid in works]
    vectors = [embed_files(checkpoint, dataset.files[pid], 86.13).astype(np.float64) for pid in pids]
    pairs = [(a, b) for a in range(len(pids)) for b in range(a + 1, len(pids))]
    score = [float((vectors[a] - vectors[b]) ** 2 @ checkpoint.alpha + checkpoint.beta) for a, b in pairs]
    wid = [dataset.performances[pid].wid for pid in pids]
    label = [int(wid[a] != wid[b]) for a, b in pairs]
    fitted, calibration = fit_calibration(score, label), report.calibration
    assert calibration.slope == pytest.approx(fitted.slope, rel=1e-3)
    assert calibration.intercept == pytest.approx(fitted.intercept, rel=1e-3)
    assert calibration.temperature == pytest.approx(fitted.temperature, rel=1e-3)
    assert calibration.threshold == pytest.approx(fitted.threshold, rel=1e-3)
    assert (calibration.works, calibration.performances) == (len(works), len(pids))
    assert (calibration.covers, calibration.non_covers) == (label.count(0), label.count(1))
    assert (calibration.model, calibration.subset) == (checkpoint.fingerprint, "toy")
    assert read_calibration(folder, checkpoint.fingerprint) == calibration


def test_test_works_have_no_part_in_it(folder: Path, root: Path) -> None:
    """Other music under the names of the test works: another judgement, the same calibration to the byte."""
    first = run(folder, root)
    written = (folder / CALIBRATION).read_bytes()
    for pid, performance in open_dataset(root, ("hpcp",)).performances.items():
        if performance.wid in TEST:
            write_feature(root, "toy", "hpcp", performance.wid, pid, melody(1000 + int(pid[2:])))
    second = run(folder, root)
    assert (folder / CALIBRATION).read_bytes() == written
    assert first.parts[0].to_dict() == second.parts[0].to_dict()
    assert first.parts[1].to_dict() != second.parts[1].to_dict()


def test_the_test_list_is_judged(done: tuple[Path, Path, CalibrationReport]) -> None:
    folder, _, report = done
    validation, test = report.parts
    with (folder / "pairs.csv").open() as f:
        assert test.pairs == sum(row["part"] == "test" for row in csv.DictReader(f)) == 20
    assert (validation.name, test.name) == ("validation", "test")
    assert len(validation.row()) == len(COLUMNS)


def test_json_is_plain(done: tuple[Path, Path, CalibrationReport]) -> None:
    report = done[2]
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert values["calibration"]["slope"] == report.calibration.slope
    assert values["calibration"]["calibrated_threshold"] == report.calibration.calibrated_threshold
    assert [part["part"] for part in values["parts"]] == ["validation", "test"]
    assert values["parts"][1]["ece"]["after"]["ece"] == report.parts[1].score.after.ece


def test_the_same_seed_writes_the_same_file(folder: Path, root: Path) -> None:
    run(folder, root)
    first = (folder / CALIBRATION).read_bytes()
    run(folder, root)
    assert (folder / CALIBRATION).read_bytes() == first


def test_weights_stay_as_they_are_and_the_card_tells(folder: Path, root: Path) -> None:
    weights = (folder / "model.safetensors").read_bytes()
    card = "# mine\n\n- p near 0 means cover, p near 1 non-cover; 0.5 is not calibrated: do it.\n- Another limit.\n"
    (folder / "README.md").write_text(card)
    report = run(folder, root)
    assert (folder / "model.safetensors").read_bytes() == weights
    told = card_note(report.calibration, report.parts[1].score)
    once = card.replace("; 0.5 is not calibrated: do it.", f". {told}")
    assert (folder / "README.md").read_text() == once
    run(folder, root)
    assert (folder / "README.md").read_text() == once
    assert "On the test pairs: accuracy" in told
    assert "On the test pairs" not in card_note(report.calibration, None)


def test_a_leaky_model_is_calibrated_on_its_list(root: Path, tmp_path: Path) -> None:
    folder = write_untrained(tmp_path / "leaky", root, by="pairs", alpha="positive")
    report = run(folder, root)
    with (folder / "pairs.csv").open() as f:
        label = [row["label"] for row in csv.DictReader(f) if row["part"] == "validation"]
    calibration = report.calibration
    assert calibration.pairs == "validation list"
    assert (calibration.covers, calibration.non_covers) == (label.count("0"), label.count("1"))
    assert 0 < calibration.by_alignment.threshold < 1


def test_without_a_list_of_pairs_nothing_is_judged_but_the_fit(folder: Path, root: Path) -> None:
    (folder / "pairs.csv").unlink()
    assert [part.name for part in run(folder, root).parts] == ["validation"]


def test_another_collection_is_refused(folder: Path, root: Path, tmp_path: Path) -> None:
    other = write_collection(tmp_path / "other", works=3, subset="other")
    with pytest.raises(UsageError, match="was trained on toy, whose validation works calibrate it, not on other"):
        run(folder, other)
    assert not (folder / CALIBRATION).exists()


def test_a_checkpoint_that_does_not_say_what_it_was_trained_on_is_refused(folder: Path, root: Path) -> None:
    (folder / "split.json").unlink()
    with pytest.raises(NotFoundError, match=r"has no split\.json"):
        run(folder, root)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (0, "kept no works for validation"),
        (
            1,
            "8 pairs of covers and 8 of non-covers among the validation works, there are 3 pairs of covers and 0 of",
        ),
        (2, "a calibration needs at least 8 pairs .* there are 6 pairs of covers and 9 of non-covers: train on a coll"),
    ],
)
def test_too_few_validation_works_are_refused(folder: Path, root: Path, keep: int, message: str) -> None:
    split = read_split(folder / "split.json")
    write_split(folder / "split.json", replace(split, validation=split.validation[:keep]), subset="toy", by="works")
    with pytest.raises(UsageError, match=message):
        run(folder, root)
    assert not (folder / CALIBRATION).exists()


def test_a_model_that_turns_the_ranking_round_is_refused(folder: Path, root: Path) -> None:
    from safetensors.numpy import load, save

    path = folder / "model.safetensors"
    tensors = load(path.read_bytes())
    (folder / "config.toml").write_text((folder / "config.toml").read_text().replace('"positive"', '"signed"'))
    tensors["head.raw_alpha"] = -np.ones_like(tensors["head.raw_alpha"])
    path.write_bytes(save(tensors))
    with pytest.raises(ArtefactError, match="covers do not score below non-covers"):
        run(folder, root)
    assert not (folder / CALIBRATION).exists()


@pytest.mark.parametrize("name", ["why.svg", "figures"])
def test_the_diagram_is_drawn(done: tuple[Path, Path, CalibrationReport], tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
    (path,) = draw_reliability(done[2], tmp_path / name)
    assert path == (tmp_path / "figures" / "reliability.png" if name == "figures" else tmp_path / name)
    assert path.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")


def test_the_bundled_weights_come_with_their_own_calibration() -> None:
    checkpoint = load_checkpoint(bundled_checkpoint())
    calibration = read_calibration(checkpoint.folder, checkpoint.fingerprint)
    assert calibration is not None, "run `covsearch calibrate`"
    assert calibration.subset == "sample"
    assert f"cover below p = {calibration.threshold:.3f}" in (checkpoint.folder / "README.md").read_text()


def test_from_calibrating_to_a_calibrated_answer(folder: Path, root: Path, tmp_path: Path) -> None:
    """An index built before keeps answering as it did; one built after has calibrated probabilities, in that order."""
    index = covsearch.build(root, home=tmp_path / "index of it", model=folder)
    before = index.query("P_5")
    run(folder, root)
    assert index.query("P_5").to_dict() == before.to_dict()
    assert before.calibrated is False
    after = covsearch.build(root, home=tmp_path / "index of it", model=folder).query("P_5")
    assert (after.calibrated, after.generation) == (True, "gen-0002")
    assert [m.pid for m in index.query("P_5", rerank="head")] == [m.pid for m in before]
    likely = [m.cover_probability for m in after]
    assert likely == sorted(likely, key=lambda p: -1 if p is None else -p)
    generation = open_generation(Workspace(tmp_path / "index of it"))
    assert f"index/gen-0002/model/{CALIBRATION}" in generation.manifest.files
    (by_file,) = index.query(next(root.rglob("P_5_hpcp.h5")), top=1)
    assert by_file.same_recording is True
    assert by_file.cover_probability is not None
    assert 0 <= by_file.cover_probability <= 1
