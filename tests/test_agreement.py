"""Files whose checksums are right and that do not belong together, as a faulty build would leave them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
import safetensors.numpy
from published import WEIGHTS, config_text, made_up_calibration, publish, reseal

from covsearch.config import FeatureConfig
from covsearch.errors import ArtefactError
from covsearch.index.calibration import write_calibration
from covsearch.index.generation import Generation, open_generation
from covsearch.store.local.agreement import agreements
from covsearch.workspace import Workspace


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    return publish(Workspace(tmp_path), windows=True, calibration=made_up_calibration())


def arrays(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = {key: value.copy() for key, value in safetensors.numpy.load_file(path).items()}
    change(values)
    path.write_bytes(safetensors.numpy.save(values))


def sql(generation: Generation, *statements: str) -> None:
    connection = sqlite3.connect(generation.database)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def longer_vector(g: Generation) -> None:
    arrays(g.folder / "embeddings.safetensors", lambda v: v["vectors"].__setitem__(3, 2 * v["vectors"][3]))


def other_vector(g: Generation) -> None:
    arrays(g.folder / "embeddings.safetensors", lambda v: v["vectors"].__setitem__(3, v["vectors"][4]))


def other_head(g: Generation) -> None:
    arrays(g.folder / "head.safetensors", lambda v: v["alpha"].__setitem__(5, 7.0))


def other_row(g: Generation) -> None:
    index = faiss.read_index(str(g.folder / "index.faiss"))
    rows = np.empty((index.ntotal, index.d), np.float32)
    index.reconstruct_n(0, index.ntotal, rows)
    rows[6, 128] += 0.01
    index.reset()
    index.add(rows)
    faiss.write_index(index, str(g.folder / "index.faiss"))


def pids(change: Callable[[list[str]], object]) -> Callable[[Generation], None]:
    def apply(g: Generation) -> None:
        values = json.loads((g.folder / "ids.json").read_text())
        change(values)
        (g.folder / "ids.json").write_text(json.dumps(values))

    return apply


def renamed(values: list[str]) -> None:
    values[-1] = "P_77"


def strange(values: list[str]) -> None:
    values[-1] = "P_40\n"


def reversed_rows(g: Generation) -> None:
    sql(g, "UPDATE performances SET pid = 'x' WHERE id = 3", "UPDATE performances SET pid = 'P_4' WHERE id = 4")


def window(key: str, place: int, value: float) -> Callable[[Generation], None]:
    return lambda g: arrays(g.folder / "windows.safetensors", lambda v: v[key].__setitem__(place, value))


def backwards(g: Generation) -> None:
    def change(values: dict[str, Any]) -> None:
        several = int(np.flatnonzero(np.diff(values["first"]) > 1)[0])
        values["start"][values["first"][several] + 1] = 0.0

    arrays(g.folder / "windows.safetensors", change)


def weights(g: Generation) -> None:
    (g.model_folder / "model.safetensors").write_bytes(WEIGHTS.upper())


def no_configuration(g: Generation) -> None:
    (g.model_folder / "config.toml").write_bytes(b"\xff\xfe")


def calibration(g: Generation) -> None:
    write_calibration(g.model_folder, made_up_calibration(model="cnn-99999999"))


CASES: dict[str, tuple[Callable[[Generation], None], str]] = {
    "vector of length 2": (longer_vector, r"embeddings\.safetensors: P_4: vector must be finite and of length 1"),
    "another vector": (other_vector, r"index\.faiss: row 3 is not \[v, Σ α v²\]"),
    "another head": (other_head, r"index\.faiss: row 0 is not"),
    "another FAISS row": (other_row, r"index\.faiss: row 6 is not"),
    "PIDs out of order": (pids(list.reverse), r"ids\.json: PIDs are not in natural order"),
    "another PID": (pids(renamed), r"sqlite3: expected P_77 in row 39, found P_40 in row 39"),
    "a control character in a PID": (pids(strange), r"ids\.json: 'P_40\\n' is no performance id"),
    "a performance less": (
        lambda g: sql(
            g,
            "DELETE FROM musicbrainz_matches WHERE performance_id = 39",
            "DELETE FROM performances WHERE id = 39",
        ),
        r"sqlite3: expected P_40 in row 39, found no more rows",
    ),
    "a performance renamed": (
        lambda g: sql(g, "UPDATE performances SET pid = 'P_99' WHERE id = 7"),
        r"sqlite3: expected P_8 in row 7, found P_99 in row 7",
    ),
    "a performance of another work": (
        lambda g: sql(g, "UPDATE performances SET wid = 'W_1' WHERE wid = 'W_2'"),
        "sqlite3: expected 14 works, found 13",
    ),
    "a work that is not there": (
        lambda g: sql(g, "DELETE FROM works WHERE wid = 'W_2'"),
        "sqlite3: row 3 of performances belongs to no row of works",
    ),
    "a first window that begins later": (
        window("start", 0, 5.0),
        r"windows\.safetensors: the windows of a performance",
    ),
    "a window that begins before the one before": (backwards, r"windows\.safetensors: the windows of a performance"),
    "a window of length 5": (
        lambda g: arrays(g.folder / "windows.safetensors", lambda v: v["vectors"].__setitem__(0, 5 * v["vectors"][0])),
        r"windows\.safetensors: a window of P_1: vector must be finite",
    ),
    "other weights": (weights, r"model: index was built with model cnn-\w+, the model in it is cnn-"),
    "another's calibration": (calibration, r"calibration\.toml: is of model cnn-99999999, the weights beside it are"),
    "no configuration": (no_configuration, r"model: config\.toml: "),
}


def test_what_a_build_writes_agrees(generation: Generation) -> None:
    assert len(list(agreements(generation))) == 6


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_belong_together_is_named(generation: Generation, case: str) -> None:
    change, message = CASES[case]
    change(generation)
    reseal(generation.workspace)
    with pytest.raises(ArtefactError, match=message) as caught:
        list(agreements(open_generation(generation.workspace)))
    assert "run `covsearch build-index" in str(caught.value)
    assert str(caught.value).count("run `covsearch build-index") == 1


def test_other_features_than_the_models_are_named(generation: Generation) -> None:
    other = replace(generation.manifest, features=FeatureConfig("crema", 100))
    with pytest.raises(
        ArtefactError, match=r"features='crema', frames=100.*, the model in it sees .*'hpcp', frames=2000"
    ):
        list(agreements(replace(generation, manifest=other)))


def test_a_configuration_with_more_than_the_model_agrees(generation: Generation) -> None:
    """What a training wrote beside the model does not rename it."""
    (generation.model_folder / "config.toml").write_text(config_text(FeatureConfig()) + "\n[train]\nseed = 3\n")
    reseal(generation.workspace)
    assert len(list(agreements(open_generation(generation.workspace)))) == 6


def test_rounding_of_the_last_number_is_allowed(generation: Generation) -> None:
    index = faiss.read_index(str(generation.folder / "index.faiss"))
    rows = np.empty((index.ntotal, index.d), np.float32)
    index.reconstruct_n(0, index.ntotal, rows)
    rows[:, 128] = np.nextafter(rows[:, 128], np.float32(9))
    index.reset()
    index.add(rows)
    faiss.write_index(index, str(generation.folder / "index.faiss"))
    assert len(list(agreements(generation))) == 6
