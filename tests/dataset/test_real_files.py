"""The real files beside the project, value for value as plain h5py reads them."""

from __future__ import annotations

import gzip
import shutil
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.hdf5 import inspect_chroma, read_chroma
from covsearch.dataset.metadata import read_metadata
from covsearch.dataset.performance import MusicBrainzMatch
from covsearch.errors import FeatureFileError

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")

PID, WID = "P_547131", "W_163992"
REAL = {"hpcp": ("hpcp", (15227, 12)), "crema": ("crema", (12, 15226)), "cens": ("chroma_cens", (15227, 12))}


def real_file(feature: str) -> Path:
    folder = DATA / "datacos" / f"da-tacos_coveranalysis_subset_{feature}"
    return folder / f"{WID}_{feature}" / f"{PID}_{feature}.h5"


@pytest.mark.parametrize("feature", sorted(REAL))
def test_values_are_those_of_h5py(feature: str) -> None:
    name, shape = REAL[feature]
    with h5py.File(real_file(feature)) as file:
        stored = file[name][()]
    assert stored.shape == shape
    frames = read_chroma(real_file(feature), feature, pid=PID, wid=WID)
    np.testing.assert_array_equal(frames, (stored.T if shape[0] == 12 else stored).astype(np.float32))
    assert inspect_chroma(real_file(feature), feature, pid=PID, wid=WID) == len(frames) == max(shape)


def test_the_other_orientation_reads_equal(tmp_path: Path) -> None:
    """The benchmark subset has CREMA as (T, 12): the same values, turned and stored anew."""
    with h5py.File(real_file("crema")) as file, h5py.File(tmp_path / "a.h5", "w") as turned:
        turned.create_dataset("crema", data=file["crema"][()].T, shuffle=True, compression="gzip", compression_opts=9)
    np.testing.assert_array_equal(read_chroma(tmp_path / "a.h5", "crema"), read_chroma(real_file("crema"), "crema"))


def test_values_are_what_was_measured_on_this_file() -> None:
    hpcp = read_chroma(real_file("hpcp"), "hpcp")
    assert int((hpcp == 0).all(axis=1).sum()) == 181
    assert (round(float(hpcp.mean()), 2), round(float(hpcp.std()), 2)) == (0.38, 0.29)
    peaks = [np.argsort(-read_chroma(real_file(f), f).mean(axis=0))[:3].tolist() for f in ("hpcp", "crema")]
    assert peaks == [[3, 10, 7], [0, 7, 4]]  # bin 0 is A in HPCP and C in CREMA


@pytest.mark.parametrize(
    ("other", "there"),
    [("mfcc", "mfcc_htk"), ("key", "key_extractor"), ("madmom", "madmom_features"), ("tags", "tags")],
)
def test_files_without_chroma_say_what_they_have(other: str, there: str) -> None:
    with pytest.raises(FeatureFileError, match=rf"has no dataset 'hpcp'; it has '{there}'"):
        read_chroma(real_file(other), "hpcp", pid=PID, wid=WID)


def test_the_coveranalysis_folder_opens_beside_features_that_are_no_chroma(tmp_path: Path) -> None:
    shutil.copytree(DATA / "datacos", tmp_path / "datacos")
    metadata = tmp_path / "da-tacos_metadata" / "da-tacos_coveranalysis_subset_metadata.json"
    metadata.parent.mkdir()
    shutil.copy(DATA / "datacos" / "coveranalysis_metadata_sample.json", metadata)
    dataset = open_dataset(tmp_path, ("hpcp", "crema", "cens"), strict=True)
    performance = dataset.performances[PID]
    assert (dataset.subset, dataset.works) == ("coveranalysis", {WID: (PID,)})
    assert (performance.title, performance.artist, performance.year) == ("Trade Winds, Trade Winds", "Aki Aleong", 1961)
    assert performance.matches == (
        MusicBrainzMatch("4ce274b3-0979-4b39-b8a3-5ae1de388c4a", 175000),
        MusicBrainzMatch("7c10ba3b-6f1d-41ab-8b20-14b2567d384a", 177653),
    )


def test_the_benchmark_metadata(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(gzip.decompress((DATA / "datacos" / "benchmark_metadata.json.gz").read_bytes()))
    performances = read_metadata(tmp_path / "m.json").performances
    cliques = Counter(performance.wid for performance in performances.values())
    assert Counter(cliques.values()) == {13: 1000, 1: 2000}
    assert sum(performance.year is None for performance in performances.values()) == 112
    assert sum(performance.instrumental is True for performance in performances.values()) == 3243


def test_real_recordings_open_and_read() -> None:
    dataset = open_dataset(DATA / "covers80_dev", ("hpcp",), strict=True)
    assert (dataset.subset, len(dataset.performances), len(dataset.works)) == ("covers80_dev", 87, 43)
    for pid, files in dataset.files.items():
        frames = read_chroma(files["hpcp"], "hpcp", pid=pid, wid=dataset.performances[pid].wid)
        with h5py.File(files["hpcp"]) as file:
            np.testing.assert_array_equal(frames, file["hpcp"][()])
