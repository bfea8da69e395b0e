"""Queries by files: the same answers as by id, at the rate that is declared or said, with the index's own model."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from collection import write_collection
from published import reseal
from untrained import write_model

from covsearch.api import Index
from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.errors import ArtefactError, UsageError
from covsearch.indexing import build_index
from covsearch.search import open_searcher
from covsearch.workspace import Workspace


@pytest.fixture(scope="module", params=["hpcp", "hpcp+crema"])
def embedded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A real build with an untrained network, and its dataset."""
    folder = tmp_path_factory.mktemp("embedded")
    model = write_model(folder / "model", features=FeatureConfig(request.param, 120))
    root = write_collection(folder / "data", works=4, features=request.param.split("+"), frames=4000, frame_rate=None)
    build_index(root, model, Workspace(folder / "home"))
    return Workspace(folder / "home"), root


def files_of(root: Path) -> list[Path]:
    return list(open_dataset(root).files["P_5"].values())


def test_files_are_cut_into_windows_as_the_index_was(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", features=FeatureConfig("hpcp", 2000, rate=2.5), branch="invariant")
    root, workspace = write_collection(tmp_path / "data", works=3, frames=500), Workspace(tmp_path / "home")
    build_index(root, model, workspace, frame_rate=2.5, windows=True)
    first, *others = Index(workspace).query(files_of(root), frame_rate=2.5, rerank="windows")
    assert first.passage is not None
    assert (first.pid, first.passage.a) == ("P_5", first.passage.b)
    assert first.similarity == pytest.approx(1, abs=1e-5)
    similar = {m.pid: m.similarity for m in Index(workspace).query("P_5", rerank="windows")}
    assert {m.pid: m.similarity for m in others} == pytest.approx(similar, abs=1e-5)


def test_a_comparison_reads_a_file_at_the_rate_of_a_query_or_not_at_all(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", features=FeatureConfig("hpcp", 2000, rate=2.5), branch="invariant")
    root = write_collection(tmp_path / "data", works=3, frames=500, frame_rate=None)
    build_index(root, model, Workspace(tmp_path / "home"), frame_rate=2.5)
    index, (file,) = Index(Workspace(tmp_path / "home")), files_of(root)
    for ask in (index.query, lambda path: index.compare(path, "P_5")):
        with pytest.raises(UsageError, match=r"no frame rate is declared, and the index has files of 2\.50"):
            ask(file)
    file.parents[1].joinpath("covsearch.toml").write_text("frame_rate = 2.5\n")
    other = index.query(file)[1]
    assert index.compare(file, other.pid).distance == pytest.approx(other.distance, abs=1e-5)


def test_files_rank_as_the_id_but_know_no_covers(embedded: tuple[Workspace, Path]) -> None:
    workspace, root = embedded
    files = files_of(root)[::-1]
    found = Index(workspace).query(files, top=12)
    assert (found.query, found.files) == (None, tuple(map(str, files)))
    assert {match.listed for match in found} == {None}
    p = {match.pid: match.head_p for match in found if match.pid != "P_5"}
    assert p == pytest.approx({match.pid: match.head_p for match in Index(workspace).query("P_5", top=11)}, abs=1e-5)
    assert len(p) == 11


def test_one_file_may_hold_every_feature(embedded: tuple[Workspace, Path], tmp_path: Path) -> None:
    workspace, root = embedded
    with h5py.File(tmp_path / "P_5.h5", "w") as single:
        for feature, path in open_dataset(root).files["P_5"].items():
            with h5py.File(path) as source:
                source.copy(feature, single)
    index = Index(workspace)
    assert index.query(tmp_path / "P_5.h5").matches == index.query(files_of(root)).matches


def test_a_file_is_read_at_the_frame_rate_that_is_declared_or_said_and_at_no_other(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", features=FeatureConfig("hpcp", 400, rate=5.0), alpha="positive")
    root = write_collection(tmp_path / "data", works=4, frames=1000, frame_rate=None)
    workspace = Workspace(tmp_path / "home")
    build_index(root, model, workspace, frame_rate=20)
    assert open_searcher(workspace).generation.manifest.frame_rate == 20
    index, files = Index(workspace), files_of(root)
    unsaid = r"no frame rate is declared, and the index has files of 20\.00 frames/s: say --frame-rate"
    with pytest.raises(UsageError, match=unsaid):
        index.query(files)
    (root / "covsearch.toml").write_text("frame_rate = 20\n")
    (same,), (other,) = (index.query(files, top=1, frame_rate=rate) for rate in (None, 10.0))
    assert index.query(files).frame_rate == 20
    assert same.pid == "P_5"
    assert same.distance == pytest.approx(0, abs=1e-6)
    assert abs(other.distance) > 1e-4


def test_a_model_that_is_not_the_index_s_own_is_refused(embedded: tuple[Workspace, Path], tmp_path: Path) -> None:
    """Weights of the same size, so that only the fingerprint can tell; then other features in the manifest."""
    workspace, root = embedded
    manifest = open_searcher(workspace).generation.manifest
    built, own = manifest.features, workspace.index / "gen-0001" / "model" / "model.safetensors"
    assert built is not None
    before, other = own.read_bytes(), "cens" if built.width == 12 else built.features  # another width is refused before
    weights = (write_model(tmp_path / "other", seed=1, features=built) / "model.safetensors").read_bytes()
    said = [
        (r"index was built with model cnn-.*run `covsearch build-index`", built, weights),
        (
            r"built with FeatureConfig.*frames=121.*the model in it sees .*build-index`",
            FeatureConfig(other, 121),
            before,
        ),
    ]
    for message, features, content in said:
        own.write_bytes(content)
        reseal(workspace, features=features)
        try:
            with pytest.raises(ArtefactError, match=message):
                Index(workspace).query(files_of(root))
        finally:
            own.write_bytes(before)
            reseal(workspace, features=built)
