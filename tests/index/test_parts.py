"""The registry of parts: what is entered there is published, opened, verified and updated, named nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from published import make_chroma, make_performances, publish_made, random_head, unit_vectors

from covsearch.config import FeatureConfig
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.index.generation import Generation, open_generation
from covsearch.index.manifest import Manifest
from covsearch.index.part import Packed, Part
from covsearch.index.parts import NEEDED, PARTS, Kind, read_part, read_parts
from covsearch.update import remove_performances
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class Unit:
    """What the lengths are counted in: seconds each."""

    seconds: float


@dataclass(frozen=True, eq=False)
class Lengths(Part):
    """A part that no other file of the package knows of: one number a performance."""

    values: NDArray[np.float64]
    unit: Unit

    def __len__(self) -> int:
        return len(self.values)

    def __add__(self, other: Lengths) -> Lengths:
        return Lengths(np.concatenate([self.values, other.values]), self.unit)

    def take(self, rows: Sequence[int]) -> Lengths:
        return Lengths(self.values[list(rows)], self.unit)

    @property
    def settings(self) -> Unit:
        return self.unit

    def save(self, path: Path) -> None:
        path.write_bytes(self.values.tobytes())

    @classmethod
    def load(cls, path: Path, manifest: Manifest) -> Lengths:
        return cls(np.fromfile(path), manifest.parts["lengths"])

    def blob(self, row: int) -> bytes:
        return self.values[row : row + 1].tobytes()

    @classmethod
    def of_blobs(cls, blobs: Sequence[bytes], manifest: Manifest) -> Lengths:
        return cls(np.frombuffer(b"".join(blobs)), manifest.parts["lengths"])

    def check(self, names: Sequence[str]) -> None:
        for name, value in zip(names, self.values.tolist(), strict=True):
            if not value > 0:
                raise ArtefactError(f"{name} has a length of {value}")

    @classmethod
    def settings_for(cls, features: FeatureConfig, frame_rate: float, like: Unit | None) -> Unit:
        return like or Unit(1 / frame_rate)

    @classmethod
    def make(cls, packed: Packed, settings: Unit) -> Lengths:
        return cls(packed.store.lengths.astype(np.float64), settings)


def lengths(generation: Generation) -> list[float]:
    found = read_part(generation, "lengths")
    assert isinstance(found, Lengths)
    return found.values.tolist()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An index of P_1 to P_6, whose lengths are 1 to 6."""
    assert isinstance(PARTS, dict)
    home = next(name for name, module in sys.modules.items() if getattr(module, "Lengths", None) is Lengths)
    entry = Kind(f"{home}:Lengths", "lengths.f64", "lengths", "lengths above 0", Unit, "--lengths")
    monkeypatch.setitem(PARTS, "lengths", entry)
    rng = np.random.default_rng(0)
    order = rng.permutation(6)
    publish_made(
        Workspace(tmp_path),
        [f"P_{number + 1}" for number in order],
        unit_vectors(rng, 6),
        random_head(rng),
        make_performances(rng, 6),
        parts={"chroma": make_chroma(6), "lengths": Lengths(order + 1.0, Unit(0.25))},
    )
    return Workspace(tmp_path)


def test_a_new_part_is_published_read_and_listed(workspace: Workspace) -> None:
    generation = open_generation(workspace)
    assert lengths(generation) == [1, 2, 3, 4, 5, 6]
    assert list(read_parts(generation)) == ["chroma", "lengths"]
    assert generation.manifest.parts["lengths"] == Unit(0.25)
    assert "index/gen-0001/lengths.f64" in generation.manifest.files


def test_a_new_part_goes_through_an_update(workspace: Workspace) -> None:
    remove_performances(workspace, ["P_2", "P_5"])
    generation = open_generation(workspace)
    assert (generation.name, lengths(generation)) == ("gen-0002", [1, 3, 4, 6])
    assert generation.manifest.parts["lengths"] == Unit(0.25)


def test_a_new_part_is_verified_and_its_option_mends_it(workspace: Workspace) -> None:
    found = verify_workspace(workspace)
    assert found.current.problems == ()
    assert "lengths above 0" in [check.what for check in found.current.checks]
    path = workspace.index / "gen-0001" / "lengths.f64"
    path.write_bytes(bytes(48))
    found = verify_workspace(workspace)
    assert "lengths.f64: was changed since it was built" in found.current.problems[0]
    assert found.mend == ("covsearch build-index --lengths",)


def test_a_part_that_the_index_has_not_names_what_makes_it(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"\(gen-0001\) has no windows: run `covsearch build-index --windows`"):
        read_part(open_generation(workspace), "windows")


def test_every_entry_names_its_class_and_a_file_of_its_own() -> None:
    assert [kind.part.__name__ for kind in PARTS.values()] == ["Chroma", "Windows", "Segments"]
    assert all(issubclass(kind.part, Part) for kind in PARTS.values())
    assert len({kind.file for kind in PARTS.values()}) == len(PARTS)
    assert NEEDED == ("chroma",)
