"""``covsearch stats``: performances whose work is not known are not said to be of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Commands
from published import make_chroma, make_performances, model_folder, publish_made, random_head, unit_vectors

from covsearch.workspace import Workspace


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (0, "performances 9 of unknown works"),
        (4, "performances 4 of 2 works, 1 with one performance only; of 5 the work is unknown"),
        (9, "performances 9 of 3 works, 0 with one performance only"),
    ],
)
def test_works_are_counted_of_those_that_have_one(tmp_path: Path, command: Commands, known: int, said: str) -> None:
    rng, workspace = np.random.default_rng(0), Workspace(tmp_path)
    made = list(make_performances(rng, 9).values())
    performances = {p.pid: p if k < known else replace(p, wid=None) for k, p in enumerate(made)}
    parts = {"chroma": make_chroma(9)}
    model_folder(workspace.home / "models" / "made-up")
    publish_made(workspace, list(performances), unit_vectors(rng, 9), random_head(rng), performances, parts=parts)
    assert said in command.out(workspace, "stats").splitlines()
