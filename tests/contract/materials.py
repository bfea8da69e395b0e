"""What the contract publishes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from published import FINGERPRINT, make_chroma, make_performances, make_windows, model_files, random_head, unit_vectors

from covsearch.config import FeatureConfig
from covsearch.dataset.ids import natural_key
from covsearch.dataset.names import names_of
from covsearch.dataset.origin import Origin, OriginFile
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.index.head import Head
from covsearch.store import store_of
from covsearch.store.protocols import Contents
from covsearch.workspace import Workspace

ODD = (
    Performance("P_1", "W_1", "Señorita", "Björk", "Señorita", "Writer", 1999, True, "artist-1", (), "Début", "one"),
    Performance("P_2", "W_1", "Another señorita", "Singer", "Señorita", "Writer", collection="one"),
    Performance("P_10", "W: 2", 'Say "OR" NOT', "100% *", "", "", 0, False, None, collection="one"),
    Performance(
        "P_1", "W_1", "Blue train", "Singer", "Train", "", matches=(MusicBrainzMatch("mb-1"),), collection="two"
    ),
    Performance("one:P_2", None, "Found on a tape", collection="two"),
    Performance("tape/side A 10", None, matches=(MusicBrainzMatch("b", 5), MusicBrainzMatch("a")), collection="two"),
    Performance("tape/side A 2", None, collection="two"),
    Performance("曲 №7; DROP TABLE", "作品", "", "😀", collection="two"),
)
NAMES = ("P_2", "P_10", "one:P_1", "two:P_1", "two:one:P_2", "tape/side A 2", "tape/side A 10", "曲 №7; DROP TABLE")
"""What an index calls these; an id alone where that is clear."""


def contents(
    folder: Path,
    performances: Sequence[Performance] = ODD,
    seed: int = 0,
    *,
    vectors: NDArray[np.float32] | None = None,
    head: Head | None = None,
    windows: bool = False,
) -> Contents:
    """Contents of `performances`, in natural order; what is not given is drawn by `seed`."""
    rng = np.random.default_rng(seed)
    called = dict(zip(names_of(performances), performances, strict=True))
    names = sorted(called, key=natural_key)
    count = len(names)
    origin = Origin("/songs", "one", 10.0, {"hpcp": OriginFile("a/b.h5", "0" * 64)})
    parts: dict[str, Any] = {"chroma": make_chroma(count, seed)}
    return Contents(
        names=names,
        performances=[called[name] for name in names],
        vectors=unit_vectors(rng, count) if vectors is None else vectors,
        parts=parts | ({"windows": make_windows(rng, count)} if windows else {}),
        origins={names[0]: origin},
        head=head or random_head(rng),
        model_files=model_files(folder / "model"),
        model=FINGERPRINT,
        features=FeatureConfig(),
        subset="one",
        frame_rate=10.0,
        source=None,
    )


def many(count: int, title: str = "") -> list[Performance]:
    """`count` performances of one collection, all with the same title if there is one."""
    made = make_performances(np.random.default_rng(0), count).values()
    return [replace(p, title=title or p.title, collection="one") for p in made]


class Torn(Exception):
    """What happens in the middle of publishing."""


class TornList(list[Any]):
    """Half of the values, and then something happens."""

    def __iter__(self) -> Iterator[Any]:
        values = [self[i] for i in range(len(self))]
        yield from values[: len(values) // 2]
        self.happen()

    def happen(self) -> None:
        raise Torn


class DeadlyList(TornList):
    """Half of the values, and then the process is killed."""

    def happen(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class TornMapping(Mapping[str, Any]):
    """A mapping that says how many values it has, and gives none."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._count = len(values)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, name: str) -> Any:
        raise Torn

    def __iter__(self) -> Iterator[str]:
        raise Torn


def publish(workspace: Workspace, made: Contents) -> str:
    """Make `made` current, as the only writer; the name of the state."""
    store = store_of(workspace)
    with store.writing():
        return store.publish(made).name


def publish_and_die(workspace: Workspace, folder: Path) -> None:
    """For a process of its own: be killed in the middle of publishing."""
    made = contents(folder, seed=1)
    publish(workspace, replace(made, performances=DeadlyList(made.performances)))
