"""A generation: everything one build made. Readers follow ``index/CURRENT`` once and see one of them, whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from covsearch.errors import ArtefactError, NoIndexError
from covsearch.index.calibration import CALIBRATION, Calibration, read_calibration
from covsearch.index.collection_calibration import CollectionCalibration, read_collection_calibration
from covsearch.index.manifest import MAX_BYTES, MEND, Manifest, parse_manifest
from covsearch.index.parts import NEEDED, PARTS
from covsearch.index.verified import check_files
from covsearch.workspace import Workspace, check_folder

NAME = re.compile(r"gen-[0-9]{4,9}")
_LINE = re.compile(rb"(gen-[0-9]{4,9}) ([0-9a-f]{64})\n")  # to the byte: no other text of CURRENT is one
CURRENT = "CURRENT"
MANIFEST = "manifest.json"
MODEL_FILES = ("model.safetensors", "config.toml")
OWN_FILES = {
    "model/model.safetensors": "weights of the model that made the vectors, for queries by file",
    "model/config.toml": "the model's configuration",
    **{PARTS[name].file: PARTS[name].holds for name in NEEDED},
}
"""What foreign vectors come without."""
FILES = {
    "index.faiss": "FAISS IndexFlatIP over the D + 1 numbers `[v, Σ α v²]` of every performance; of more than 300,000 "
    "an IndexPQFastScan of them, 4 bits for every two numbers",
    "ids.json": "the PIDs as a JSON array, as `collection:PID` where a PID alone is not clear, in natural order: "
    "number i is row i of the other files",
    "embeddings.safetensors": "`vectors`, float32 (N, D), rows of unit length, D = 128 of models of ours; of several "
    "segments their mean direction",
    "head.safetensors": "`alpha`, float32 (D,), and `beta`, float64 (1,)",
    **OWN_FILES,
}
CALIBRATED = f"model/{CALIBRATION}"
OPTIONAL = {
    CALIBRATED: "only of a calibrated model: what p is worth, as `covsearch calibrate` wrote it; of foreign vectors "
    "what the cosine is worth, fitted on the collection's own works",
    **{kind.file: f"only by `build-index {kind.option}`: {kind.holds}" for kind in PARTS.values() if kind.option},
}


@dataclass(frozen=True)
class Generation:
    """A published generation.

    Attributes
    ----------
    workspace : Workspace
    name : str
        ``gen-0001``.
    manifest : Manifest
    """

    workspace: Workspace
    name: str
    manifest: Manifest

    @property
    def folder(self) -> Path:
        """Arrays, ids, manifest and model."""
        return self.workspace.index / self.name

    @property
    def model_folder(self) -> Path:
        """The model's checkpoint, as it was when the generation was built."""
        return self.folder / "model"

    def model_files(self) -> dict[str, bytes]:
        """The model as it was when the generation was built; empty of foreign vectors."""
        if self.manifest.foreign:
            return {}
        return read_model(self.model_folder, self.manifest.model)

    @property
    def calibrated(self) -> bool:
        """Whether the model was calibrated when the generation was built."""
        return lists_calibration(self.name, self.manifest)

    def calibration(self) -> Calibration | CollectionCalibration | None:
        """The calibration of the model, or of foreign vectors; None where there is none.

        Raises
        ------
        ArtefactError
            When it is damaged, or another model's.
        """
        if not self.calibrated:
            return None
        if self.manifest.foreign:
            return read_collection_calibration(self.model_folder, self.manifest.model)
        return read_calibration(self.model_folder, self.manifest.model, MEND)

    @property
    def database(self) -> Path:
        """The metadata."""
        return self.workspace.db / f"{self.name}.sqlite3"


def read_model(folder: Path, model: str) -> dict[str, bytes]:
    """What a store keeps of the checkpoint in `folder`: weights, configuration and, if there is one, the calibration.

    Parameters
    ----------
    folder : Path
    model : str
        Its fingerprint.

    Returns
    -------
    dict
        Name of a file -> its bytes.

    Raises
    ------
    ArtefactError
        When the calibration is damaged, or another model's.
    """
    calibrated = read_calibration(folder, model) is not None
    return {name: (folder / name).read_bytes() for name in (*MODEL_FILES, *([CALIBRATION] if calibrated else []))}


def files_of(parts: Iterable[str] = NEEDED, *, calibrated: bool = False, foreign: bool = False) -> list[str]:
    """The files in the folder of a generation with some parts, and perhaps a calibration, by their path from it."""
    optional = [PARTS[part].file for part in parts if part not in NEEDED]
    always = [file for file in FILES if not (foreign and file in OWN_FILES)]
    return [*always, *optional, *([CALIBRATED] if calibrated else [])]


def stored_paths(
    name: str, parts: Iterable[str] = NEEDED, *, calibrated: bool = False, foreign: bool = False
) -> list[str]:
    """The files of generation `name`, as the manifest names them: by their path from the workspace."""
    files = files_of(parts, calibrated=calibrated, foreign=foreign)
    return [*(f"index/{name}/{file}" for file in files), f"db/{name}.sqlite3"]


def lists_calibration(name: str, manifest: Manifest) -> bool:
    """Whether the calibration is among the files of generation `name`."""
    return f"index/{name}/{CALIBRATED}" in manifest.files


def expected_paths(name: str, manifest: Manifest) -> list[str]:
    """:func:`stored_paths` of generation `name`, as its manifest says that it was built."""
    calibrated = lists_calibration(name, manifest)
    return stored_paths(name, manifest.parts, calibrated=calibrated, foreign=manifest.foreign)


def read_current(workspace: Workspace) -> tuple[str, str] | None:
    """Name and manifest's SHA-256 of the generation to read; None when nothing was published yet.

    Raises
    ------
    ArtefactError
        When ``CURRENT`` holds anything but the one line that a build writes.
    """
    path = workspace.index / CURRENT
    if not path.is_file():
        return None
    with path.open("rb") as file:
        line = _LINE.fullmatch(file.read(200))
    if line is None:
        raise ArtefactError(f"{path}: expected a generation's name and checksum; {MEND}")
    return line[1].decode(), line[2].decode()


def follow_current(workspace: Workspace) -> tuple[str, str]:
    """As :func:`read_current`, and a NoIndexError where nothing was published."""
    current = read_current(workspace)
    if current is None:
        check_folder(workspace)
        left = sorted(path.name for path in workspace.index.glob("gen-*"))  # a first build died, or CURRENT was lost
        beside = f", {workspace.index / CURRENT} is missing beside {left[-1]}" if left else ""
        raise NoIndexError(f"no index in {workspace.home}{beside}: {MEND} first")
    return current


def open_generation(workspace: Workspace) -> Generation:
    """The generation that ``CURRENT`` names, all its files as its manifest says.

    Raises
    ------
    NotFoundError
        When nothing was built in this workspace.
    ArtefactError
        When a file is missing, has another size or content than the manifest says, or belongs to another build.
    """
    name, sha256 = follow_current(workspace)
    generation = read_generation(workspace, name, sha256)
    check_files(workspace, sha256, generation.manifest.files)
    return generation


def read_generation(workspace: Workspace, name: str, sha256: str | None) -> Generation:
    """Generation `name` by its manifest alone; its files are not looked at.

    Parameters
    ----------
    workspace : Workspace
    name : str
        ``gen-0001``.
    sha256 : str or None
        Of the manifest; None where nothing tells it, as of a generation that is not the current one.

    Raises
    ------
    ArtefactError
        When the manifest is missing, is another one, or does not list the files of `name`.
    """
    path = workspace.index / name / MANIFEST
    try:
        manifest = parse_manifest(_manifest_text(path, sha256))
    except ArtefactError as e:
        raise ArtefactError(f"{path}: {e}") from e
    if sorted(manifest.files) != sorted(expected_paths(name, manifest)):
        raise ArtefactError(f"{path}: does not list {name}'s files; {MEND}")
    return Generation(workspace, name, manifest)


def _manifest_text(path: Path, sha256: str | None) -> str:
    if not path.is_file():
        named = f", which {CURRENT} names" if sha256 else ""
        raise ArtefactError(f"a file of the index is missing{named}; {MEND}")
    if path.stat().st_size > MAX_BYTES:
        raise ArtefactError(f"expected at most {MAX_BYTES} bytes, found {path.stat().st_size}; {MEND}")
    data = path.read_bytes()
    if sha256 not in (None, hashlib.sha256(data).hexdigest()):
        raise ArtefactError(f"is not the manifest that {CURRENT} names; {MEND}")
    return data.decode("utf-8", "replace")
