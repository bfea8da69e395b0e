"""Callers use what :mod:`covsearch.store.protocols` promises, and nothing else that the local back end has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from collection import write_collection
from published import made_up_calibration

import covsearch
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.index.calibration import write_calibration
from covsearch.models import Siamese, load_checkpoint, save_checkpoint
from covsearch.store import local
from covsearch.store.protocols import (
    Blobs,
    Catalogue,
    ChromaBlobs,
    Contents,
    Facts,
    Opened,
    Publisher,
    SegmentBlobs,
    State,
    VectorStore,
)
from covsearch.workspace import Workspace

LOCAL = local.LocalStore


class Only:
    """What `protocol` has of `inner`; asked for anything else, it fails."""

    def __init__(self, protocol: type, inner: Any) -> None:
        self._protocol, self._inner = protocol, inner

    def __getattr__(self, name: str) -> Any:
        promised = {name for base in self._protocol.__mro__ for name in vars(base) if not name.startswith("_")}
        assert name in promised, f"{self._protocol.__name__} promises no {name}"
        value = getattr(self._inner, name)
        return Only(Facts, value) if name == "manifest" else value

    def __len__(self) -> int:
        return len(self._inner)


def narrowed(opened: Opened) -> Opened:
    parts: dict[str, Any] = {
        name: Only({"chroma": ChromaBlobs, "segments": SegmentBlobs}.get(name, Blobs), part)
        for name, part in opened.parts.items()
    }
    state, vectors, catalogue = Only(State, opened.state), Only(VectorStore, opened.vectors), opened.catalogue
    return Opened(state, vectors, Only(Catalogue, catalogue), parts)  # type: ignore[arg-type]


class NarrowStore:
    """The local back end, of which only the protocols can be seen."""

    def __init__(self, workspace: Workspace) -> None:
        self._store = Only(Publisher, LOCAL(workspace))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, work: Callable[[Opened], Any], parts: Iterable[str] | None = ()) -> Any:
        return self._store.read(lambda opened: work(narrowed(opened)), parts)

    def open_checked(self) -> Opened:
        return narrowed(self._store.open_checked())

    def catalogue(self) -> Any:
        return Only(Catalogue, self._store.catalogue())

    def publish(self, contents: Contents, base: Any = None) -> Any:
        assert all(isinstance(content, bytes) for content in contents.model_files.values())
        assert base is None or isinstance(base, Only)
        return Only(State, self._store.publish(contents, base))

    def writing(self, *, beside: bool = False) -> AbstractContextManager[None]:
        held: AbstractContextManager[None] = self._store.writing(beside=beside)
        return held


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LocalStore", NarrowStore)


def test_an_index_of_ours_is_used_through_the_protocols_alone(tmp_path: Path) -> None:
    config = ModelConfig(alpha="positive", features=FeatureConfig("hpcp", 2000, rate=SLOW_RATE))
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "model", Siamese(config).eval(), config)
    own = load_checkpoint(tmp_path / "model").fingerprint
    write_calibration(tmp_path / "model", made_up_calibration(model=own))
    toy = write_collection(tmp_path / "toy", works=3)
    other = write_collection(tmp_path / "other", works=1, versions=2, subset="other", frames=300)
    index = covsearch.build(toy, home=tmp_path / "home", model=tmp_path / "model", windows=True)
    file = open_dataset(toy).files["P_2"]["hpcp"]
    for rerank in ("align", "head", "windows"):
        assert len(index.query("P_1", rerank=rerank)) == 8
        assert index.query(file, rerank=rerank)[0].pid == "P_2"
    assert index.query_vector(np.eye(1, 128, dtype=np.float32)[0], model=own, top=3)[2].rank == 3
    assert index.compare("P_1", "P_2").listed
    assert index.find("song 1")[0].versions == 3
    assert index.add(other).added == ("other:P_1", "other:P_2")
    assert index.remove("other:P_1").performances == len(index) == 10
    assert (index["toy:P_2"].title, "P_99" in index) == ("Song 1, version 2", False)
    assert index.stats().to_dict()["windows"] >= 10


def test_foreign_vectors_are_used_through_the_protocols_alone(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 2, 8))
    for name, some in (("mine", slice(0, 4)), ("more", slice(4, 6))):
        np.savez(tmp_path / f"{name}.npz", vectors=vectors[some], ids=[f"track {n}" for n in range(6)[some]])
    index = covsearch.build(vectors=tmp_path / "mine.npz", home=tmp_path / "home")
    assert index.add(vectors=tmp_path / "more.npz").added == ("track 4", "track 5")
    assert index.remove("track 0").performances == 5
    assert len(index.query("track 1", top=9)) == 4
    assert index.stats().to_dict()["segments"] == 10


def test_what_is_not_promised_is_seen_to_be_used() -> None:
    with pytest.raises(AssertionError, match="State promises no model_folder"):
        _ = Only(State, object()).model_folder
