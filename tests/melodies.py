"""An index of melodies in several versions, of which groups can be found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from collection import melody
from numpy.typing import NDArray
from published import (
    made_up_calibration,
    make_performances,
    model_folder,
    publish_made,
    random_head,
    unit_vectors,
)

from covsearch.dataset.frame_rate import DATACOS_RATE, SLOW_RATE
from covsearch.features.slow import quantised
from covsearch.index.calibration import Calibration, write_calibration
from covsearch.index.chroma import Chroma
from covsearch.workspace import Workspace

WORKS, VERSIONS = 5, 3
COUNT = WORKS * VERSIONS + 1
NAMES = [f"P_{n}" for n in range(1, COUNT + 1)]


def tracks() -> list[NDArray[np.float32]]:
    """Three versions of five melodies, in other keys and lengths, and the first one again."""
    made = []
    for work in range(WORKS):
        song = melody(work)
        made += [song, np.roll(song, 3, axis=1)[:210], np.roll(song, 7, axis=1)[25:]]
    return [*made, made[0]]


def chroma() -> Chroma:
    frames = [quantised(track) for track in tracks()]
    first = np.cumsum([0, *map(len, frames)], dtype=np.int64)
    return Chroma(np.concatenate(frames), first, np.full(COUNT, SLOW_RATE))


def calibrated() -> Calibration:
    """Of a head that says little."""
    made = made_up_calibration()
    return replace(made, coarse=replace(made.coarse, head=0.01), fine=replace(made.fine, head=0.01))


def publish_melodies(home: Path) -> Workspace:
    """The melodies as an index; the last performance of the last work is listed with the first work's."""
    made = Workspace(home)
    performances = make_performances(np.random.default_rng(0), COUNT)
    performances["P_15"] = replace(performances["P_15"], wid="W_1")
    performances["P_16"] = replace(performances["P_16"], wid=None)
    write_calibration(model_folder(home / "models" / "made-up"), calibrated())
    rng = np.random.default_rng(0)
    vectors, head = unit_vectors(rng, COUNT), random_head(rng, signed=False)
    publish_made(made, NAMES, vectors, head, performances, frame_rate=DATACOS_RATE, parts={"chroma": chroma()})
    return made
