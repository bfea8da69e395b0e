"""A small workspace of two generations whose files are alike in size, and every way of damaging one of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.config import EMBEDDING_DIM, ModelConfig, fingerprint, from_toml
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.dataset.performance import Performance
from covsearch.features.windows import Cuts, WindowRecipe
from covsearch.index import parts
from covsearch.index.calibration import read_calibration, write_calibration
from covsearch.index.chroma import Chroma
from covsearch.index.generation import CURRENT, MANIFEST, MODEL_FILES, read_model, stored_paths
from covsearch.index.head import Head
from covsearch.index.verified import STAMP
from covsearch.index.windows import Windows
from covsearch.indexing import publish
from covsearch.workspace import Workspace

OLD, NEW = "gen-0001", "gen-0002"
COUNT, VERSIONS, PARTS = 60, 3, 3  # performances, performances a work, windows a performance
MODEL = Path(__file__).resolve().parents[2] / "covsearch" / "models" / "bundled" / "invariant"
POINTER = f"index/{CURRENT}"
TRUNCATE, FLIP, SWAP, EMPTY, DELETE = "truncate", "flip a bit", "swap", "empty", "delete"
KINDS = (TRUNCATE, FLIP, SWAP, EMPTY, DELETE)


@dataclass(frozen=True)
class Mutation:
    """One way of damaging one file.

    Attributes
    ----------
    path : str
        From the workspace.
    kind : str
        One of :data:`KINDS`.
    data : bytes or None
        What the file holds afterwards; None where it is deleted.
    in_place : bool
        Write into the file instead of putting another one in its place; its mtime is set back either way.
    """

    path: str
    kind: str
    data: bytes | None
    in_place: bool

    def apply(self, home: Path) -> None:
        """Damage the file below `home`."""
        path = home / self.path
        if self.data is None:
            path.unlink()
            return
        before = path.stat()
        target = path if self.in_place else path.with_name(".damaged")
        target.write_bytes(self.data)
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
        target.replace(path)


def build_two(home: Path, seed: int) -> tuple[Workspace, bytes]:
    """Publish :data:`OLD` and then :data:`NEW`, which differ in every file and in hardly any size.

    Returns
    -------
    Workspace
    bytes
        What ``CURRENT`` held in between.
    """
    workspace = Workspace(home)
    _publish(workspace, home / "model-1", 1, np.random.default_rng((seed, 1)))
    old_current = (workspace.index / CURRENT).read_bytes()
    _publish(workspace, home / "model-2", 2, np.random.default_rng((seed, 2)))
    return workspace, old_current


def _publish(workspace: Workspace, model: Path, number: int, rng: np.random.Generator) -> None:
    weights, text = ((MODEL / name).read_bytes() for name in MODEL_FILES)
    model.mkdir(parents=True)
    weights = weights[:-1] + bytes([weights[-1] ^ number])
    changed = text.decode().replace("frames = 2048", f"frames = 204{number}")
    (model / MODEL_FILES[0]).write_bytes(weights)
    (model / MODEL_FILES[1]).write_text(changed)
    own = fingerprint(changed, weights)
    calibration = read_calibration(MODEL, bundled_fingerprint())
    if calibration is None:
        raise FileNotFoundError(f"{MODEL} is not calibrated: run `covsearch calibrate`")
    write_calibration(model, replace(calibration, model=own, slope=calibration.slope + number / 8))
    performances = _performances(number)
    cuts = Cuts(
        np.arange(0, PARTS * COUNT + 1, PARTS), np.tile(number * np.arange(PARTS) * 1.0, COUNT), WindowRecipe(3.0)
    )
    publish(
        workspace,
        list(performances),
        _unit_vectors(rng, COUNT),
        Head(rng.normal(0.5, 1.0, EMBEDDING_DIM).astype(np.float32), float(rng.normal())),
        performances,
        model_files=read_model(model, own),
        fingerprint=own,
        features=from_toml(changed, model=ModelConfig)["model"].features,
        subset="generated",
        frame_rate=DATACOS_RATE,
        parts={"chroma": _chroma(rng), "windows": Windows(_unit_vectors(rng, PARTS * COUNT), cuts)},
    )


def _chroma(rng: np.random.Generator) -> Chroma:
    first = np.arange(0, 30 * COUNT + 1, 30)
    frames = rng.integers(0, 256, (30 * COUNT, 12), dtype=np.uint8)
    return Chroma(frames, first, rng.uniform(2.6, 2.8, COUNT))


def bundled_fingerprint() -> str:
    """Of the bundled model."""
    weights, text = ((MODEL / name).read_bytes() for name in MODEL_FILES)
    return fingerprint(text.decode(), weights)


def _performances(number: int) -> dict[str, Performance]:
    names = range(1000 * number + 1, 1000 * number + COUNT + 1)
    made = {}
    for row, name in enumerate(names):
        work = 1000 * number + row // VERSIONS
        title, artist = f"Title {name} {'abcdefghij'[row % 10] * 20}", f"Singer {name}"
        made[f"P_{name}"] = Performance(
            f"P_{name}", f"W_{work}", title, artist, f"Song {work}", "Writer", 1950 + number
        )
    return made


def _unit_vectors(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    vectors = rng.standard_normal((count, EMBEDDING_DIM))
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def artefacts() -> list[str]:
    """Every file that an answer may come from, by its path from the workspace."""
    return [POINTER, f"index/{NEW}/{MANIFEST}", *stored_paths(NEW, parts.OURS, calibrated=True)]


def mutations(
    workspace: Workspace, old_current: bytes, flips: int, cuts: int, rng: np.random.Generator
) -> Iterator[Mutation]:
    """Every artefact, damaged in every way.

    Parameters
    ----------
    workspace : Workspace
        Of :func:`build_two`.
    old_current : bytes
        What ``CURRENT`` held when :data:`OLD` was published.
    flips, cuts : int
        How many bits are flipped in every file, and to how many lengths it is cut, at random.
    rng : Generator
    """
    for path in artefacts():
        data = (workspace.home / path).read_bytes()
        other = old_current if path == POINTER else (workspace.home / path.replace(NEW, OLD)).read_bytes()
        for kind, damaged in _damages(data, other, flips, cuts, rng):
            yield Mutation(path, kind, damaged, bool(rng.integers(2)))


def stamp_mutations(stamp: bytes, flips: int, rng: np.random.Generator) -> Iterator[Mutation]:
    """The same of what an open remembers, which no answer comes from."""
    for kind, damaged in _damages(stamp, stamp[::-1], flips, flips, rng):
        yield Mutation(f"index/{STAMP}", kind, damaged, bool(rng.integers(2)))


def _damages(
    data: bytes, other: bytes, flips: int, cuts: int, rng: np.random.Generator
) -> Iterator[tuple[str, bytes | None]]:
    for length in rng.choice(np.arange(1, len(data)), min(cuts, len(data) - 1), replace=False).tolist():
        yield TRUNCATE, data[:length]
    for bit in rng.choice(8 * len(data), min(flips, 8 * len(data)), replace=False).tolist():
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        yield FLIP, bytes(damaged)
    if other == data:
        raise ValueError("the two generations must differ in every file")
    yield SWAP, other
    yield EMPTY, b""
    yield DELETE, None


Restore = Callable[[], None]


def keep(workspace: Workspace) -> Restore:
    """Remember all artefacts; the returned function puts back what changed."""
    kept = {path: (workspace.home / path).read_bytes() for path in artefacts()}

    def restore() -> None:
        for path, data in kept.items():
            file = workspace.home / path
            if not file.is_file() or file.read_bytes() != data:
                file.write_bytes(data)

    return restore
