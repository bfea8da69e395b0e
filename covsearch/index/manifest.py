"""What a generation says of itself: which files it has, of what size and content, made from what, and how."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from covsearch.config import FeatureConfig
from covsearch.counting import comma_list
from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.errors import ArtefactError, UsageError
from covsearch.features.windows import WindowRecipe
from covsearch.index.parts import NEEDED, PARTS

FORMAT = 3  # raised whenever an older reader would misread what a newer builder wrote
MEND = "run `covsearch build-index`"
MAX_BYTES = 2**20


@dataclass(frozen=True)
class StoredFile:
    """Size in bytes and SHA-256 (hexadecimal) of one file."""

    size: int
    sha256: str


_NULLABLE = ("source",)
_NULL_IF_FOREIGN = ("features", "frame_rate")
FIELDS = {
    "format": "version of this layout; a reader refuses any other",
    "covsearch": "version of covsearch that built the generation",
    "created": "time of the build, UTC, ISO 8601",
    "subset": "subset of the dataset that the index was built from, as its folders name it",
    "count": "number of performances",
    "works": "number of works among them",
    "dim": "length of a vector",
    "model": "fingerprint of the model that made the vectors; of foreign vectors the name of their file",
    "features": "what the model sees: which features, at which frame rate, how many frames at most, in which key; null "
    "of foreign vectors, whose model is not known",
    "frame_rate": "frames a second of the files that the index was built from, and, unless another rate is named, of "
    "those that it is queried with; the database has those of added performances; null of foreign vectors",
    "recipe": "kind of the FAISS index; of FastScan also the mean squared `error` of its codes when they were learned",
    "parts": "what is held of every performance beside its vector, and how it was made: `chroma`; and `windows`, where "
    "there are some, with their `length` and `hop` in frames at `rate` frames a second; of foreign vectors "
    "`segments` or nothing",
    "source": "folder of the dataset, or file of foreign vectors, that the index was built from; null for the bundled "
    "sample; the database has those of added performances",
    "files": "size and SHA-256 of every file, by its path from the workspace",
}


@dataclass(frozen=True)
class Manifest:
    """``manifest.json``; what each field means is told in :data:`FIELDS`."""

    format: int
    covsearch: str
    created: str
    subset: str
    count: int
    works: int
    dim: int
    model: str
    features: FeatureConfig | None
    frame_rate: float | None
    recipe: Mapping[str, Any]
    parts: Mapping[str, Any]
    source: str | None
    files: Mapping[str, StoredFile]

    @property
    def foreign(self) -> bool:
        """Whether the vectors are of a model that is not ours: then nothing here can hear a file."""
        return self.features is None

    def heard(self) -> tuple[FeatureConfig, float]:
        """What the model sees, and frames/s of the files that the index was built from.

        Raises
        ------
        UsageError
            For foreign vectors: what they were made of is not known.
        """
        if self.features is None or self.frame_rate is None:
            raise UsageError(
                f"the index has foreign vectors ({self.model}) and no model that could hear a file: ask by an id, or "
                "in Python by a vector (Index.query_vector); to add tracks, `covsearch add --vectors FILE`"
            )
        return self.features, self.frame_rate

    @property
    def windows(self) -> WindowRecipe | None:
        """How performances are cut into windows; None without windows."""
        return self.parts.get("windows")

    def to_json(self) -> str:
        """JSON text that :func:`parse_manifest` reads back to an equal object."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def digest(path: Path) -> StoredFile:
    """Size and SHA-256 of the file at `path`."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return StoredFile(file.tell(), sha256)


def parse_manifest(text: str) -> Manifest:
    """Read a manifest and check the type of every field.

    Raises
    ------
    ArtefactError
        When `text` is no manifest, or one of another format.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ArtefactError(f"manifest is not JSON: {e}; {MEND}") from e
    if not isinstance(values, dict):
        raise ArtefactError(f"manifest must be a JSON object, not {type(values).__name__}; {MEND}")
    if values.get("format") != FORMAT:
        came = values.get("format")
        raise ArtefactError(f"index has format {came!r}, this covsearch reads format {FORMAT}: {MEND}")
    try:
        return _build(values)
    except (KeyError, TypeError, UsageError) as e:
        raise ArtefactError(f"manifest cannot be read: {type(e).__name__} {e}; {MEND}") from e


def _build(values: dict[str, Any]) -> Manifest:
    if sorted(values) != sorted(FIELDS):
        raise TypeError(f"fields {comma_list(map(repr, sorted(values)))}, expected {comma_list(sorted(FIELDS))}")
    foreign = all(values[name] is None for name in _NULL_IF_FOREIGN)
    nullable = (*_NULLABLE, *(_NULL_IF_FOREIGN if foreign else ()))
    kinds: dict[str, type] = dict.fromkeys(("format", "count", "works", "dim"), int)
    kinds |= {"frame_rate": float, "features": dict, "recipe": dict, "parts": dict, "files": dict}
    for name, value in values.items():
        if not (value is None and name in nullable):
            _expect(name, value, kinds.get(name, str))
    if not foreign:
        check_frame_rate(values["frame_rate"])
    built = {
        "features": None if foreign else FeatureConfig(**values["features"]),
        "parts": _parts(values["parts"], foreign),
        "files": _files(values["files"]),
    }
    return Manifest(**{**values, **built})


def _parts(values: dict[str, Any], foreign: bool) -> dict[str, Any]:
    known, needed = [name for name, kind in PARTS.items() if kind.foreign == foreign], () if foreign else NEEDED
    if not set(needed) <= set(values) <= set(known):
        expected = f", expected {' and '.join(needed)}" if needed else ""
        named = comma_list(map(repr, sorted(values)))
        raise TypeError(f"parts {named}{expected}, known are {comma_list(sorted(known))}")
    return {name: _settings(name, said) for name, said in values.items()}


def _settings(part: str, values: Any) -> Any:
    _expect(part, values, dict)
    kind = PARTS[part].settings
    for name, of in get_type_hints(kind).items():
        _expect(f"{part}: {name}", values[name], of)
    return kind(**values)


def _files(values: dict[str, Any]) -> dict[str, StoredFile]:
    files = {}
    for path, file in values.items():
        _expect(path, file, dict)
        _expect(f"{path}: size", file["size"], int)
        _expect(f"{path}: sha256", file["sha256"], str)
        files[path] = StoredFile(**file)
    return files


def _expect(name: str, value: Any, kind: type) -> None:
    if type(value) is not kind:  # isinstance would let true pass for 1
        raise TypeError(f"{name} must be {kind.__name__}, not {value!r}")
