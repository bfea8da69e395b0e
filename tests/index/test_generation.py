from __future__ import annotations

from pathlib import Path

import pytest
from published import FINGERPRINT, made_up_calibration, publish

from covsearch.config import FeatureConfig
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.index.generation import (
    CALIBRATED,
    CURRENT,
    FILES,
    OPTIONAL,
    files_of,
    open_generation,
    read_current,
    stored_paths,
)
from covsearch.index.manifest import digest
from covsearch.index.parts import NEEDED, OURS
from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    publish(workspace, windows=True, calibration=made_up_calibration())
    return workspace


STORED = stored_paths("gen-0001", OURS, calibrated=True)


def test_an_empty_workspace_names_the_command_that_fills_it(tmp_path: Path) -> None:
    assert read_current(Workspace(tmp_path)) is None
    with pytest.raises(NotFoundError, match=r"no index in .*: run `covsearch build-index` first"):
        open_generation(Workspace(tmp_path))


def test_the_manifest_tells_what_was_built(workspace: Workspace) -> None:
    generation = open_generation(workspace)
    manifest = generation.manifest
    assert (generation.name, manifest.count, manifest.works, manifest.dim) == ("gen-0001", 40, 14, 128)
    assert (manifest.model, manifest.features, manifest.subset) == (FINGERPRINT, FeatureConfig(), "generated")
    assert manifest.files == {path: digest(workspace.home / path) for path in STORED}


@pytest.mark.parametrize("calibrated", [False, True])
@pytest.mark.parametrize("windows", [False, True])
def test_nothing_but_the_listed_files_is_in_a_generation(tmp_path: Path, windows: bool, calibrated: bool) -> None:
    workspace = Workspace(tmp_path)
    generation = publish(workspace, windows=windows, calibration=made_up_calibration() if calibrated else None)
    parts = [*NEEDED, *(["windows"] if windows else [])]
    there = {str(path.relative_to(generation.folder)) for path in generation.folder.rglob("*") if path.is_file()}
    assert there == {*files_of(parts, calibrated=calibrated), "manifest.json"}
    optional = {"windows.safetensors": windows, "segments.safetensors": False, CALIBRATED: calibrated}
    assert set(OPTIONAL) == set(optional)
    assert there == {*FILES, *(name for name, wanted in optional.items() if wanted), "manifest.json"}
    assert [path.name for path in workspace.db.iterdir()] == ["gen-0001.sqlite3"]
    assert (generation.manifest.windows is not None, generation.calibrated) == (windows, calibrated)
    expected = stored_paths("gen-0001", parts, calibrated=calibrated)
    assert set(open_generation(workspace).manifest.files) == set(expected)


def test_a_manifest_that_says_windows_and_lists_none_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    manifest = publish(workspace).folder / "manifest.json"
    recipe = '"parts": {"windows": {"rate": 2.7, "length": 360, "hop": 90}, '
    changed = manifest.read_text().replace('"parts": {', recipe)
    assert changed != manifest.read_text()
    manifest.write_text(changed)
    (workspace.index / CURRENT).write_text(f"gen-0001 {digest(manifest).sha256}\n")
    with pytest.raises(ArtefactError, match="does not list gen-0001's files"):
        open_generation(workspace)


@pytest.mark.parametrize("path", [*STORED, "index/gen-0001/manifest.json"])
def test_a_missing_file_is_named(workspace: Workspace, path: str) -> None:
    (workspace.home / path).unlink()
    missing = rf"{path}: a file of the index is missing(, which CURRENT names)?; run `covsearch build-index`"
    with pytest.raises(ArtefactError, match=missing):
        open_generation(workspace)


@pytest.mark.parametrize("path", STORED)
@pytest.mark.parametrize("change", ["truncate", "append", "empty"])
def test_a_file_of_another_size_is_named(workspace: Workspace, path: str, change: str) -> None:
    file = workspace.home / path
    data = file.read_bytes()
    file.write_bytes({"truncate": data[:-1], "append": data + b"x", "empty": b""}[change])
    with pytest.raises(ArtefactError, match=rf"{path}: expected {len(data)} bytes, found {file.stat().st_size}"):
        open_generation(workspace)


def test_a_folder_in_place_of_a_file_is_refused(workspace: Workspace) -> None:
    file = workspace.index / "gen-0001" / "ids.json"
    file.unlink()
    file.mkdir()
    with pytest.raises(ArtefactError, match=r"ids\.json: a file of the index is missing"):
        open_generation(workspace)


def test_any_change_of_the_manifest_is_refused(workspace: Workspace) -> None:
    path = workspace.index / "gen-0001" / "manifest.json"
    path.write_text(path.read_text().replace('"count": 40', '"count": 41'))
    with pytest.raises(ArtefactError, match=r"gen-0001/manifest\.json: is not the manifest that CURRENT names"):
        open_generation(workspace)


def test_another_generations_manifest_is_refused(workspace: Workspace) -> None:
    first = workspace.index / "gen-0001" / "manifest.json"
    publish(workspace, seed=1)
    (workspace.index / "gen-0002" / "manifest.json").write_bytes(first.read_bytes())
    with pytest.raises(ArtefactError, match="is not the manifest that CURRENT names"):
        open_generation(workspace)
    (workspace.index / CURRENT).write_text(f"gen-0002 {digest(first).sha256}\n")
    with pytest.raises(ArtefactError, match="does not list gen-0002's files"):
        open_generation(workspace)


def test_a_huge_manifest_is_not_read(workspace: Workspace) -> None:
    path = workspace.index / "gen-0001" / "manifest.json"
    with path.open("ab") as file:
        file.truncate(10 * 2**30)  # sparse
    with pytest.raises(ArtefactError, match="expected at most 1048576 bytes, found 10737418240"):
        open_generation(workspace)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"gen-0001", b"../../etc abc", b"gen-0001/.. abc", b"gen-1 abc", b"\xff\xfe \x00", b"gen-0001 a b"),
        *(b"gen-0001 " + b"a" * 64, b"gen-0001 " + b"A" * 64 + b"\n", b"gen-0001 " + b"a" * 64 + b"\n\n"),
    ],
)
def test_a_current_that_names_no_generation_is_refused(workspace: Workspace, text: bytes) -> None:
    (workspace.index / CURRENT).write_bytes(text)
    with pytest.raises(ArtefactError, match=r"CURRENT: expected a generation's name and checksum; run `covsearch"):
        open_generation(workspace)
