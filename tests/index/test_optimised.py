"""``python -O`` removes assert statements: what an index is checked for must be refused without them too.

Every case has checksums that fit, so that only the content can be refused.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest
import safetensors.numpy
from published import publish, reseal

from covsearch.config import EMBEDDING_DIM
from covsearch.index.head import load_head
from covsearch.workspace import Workspace

CODE = """
import sys
from pathlib import Path
from covsearch.search import open_searcher
from covsearch.workspace import Workspace
assert False, "not optimised"
searcher = open_searcher(Workspace(Path(sys.argv[1])), windows=True)
print([match.performance.pid for match in searcher.query("P_1", 5, rerank="windows").matches])
"""


def tensors(name: str, change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[Path], None]:
    """Changes the arrays of a safetensors file of a generation."""

    def apply(folder: Path) -> None:
        values = {key: value.copy() for key, value in safetensors.numpy.load_file(folder / name).items()}
        change(values)
        (folder / name).write_bytes(safetensors.numpy.save(values))

    return apply


def setting(name: str, key: str, place: tuple[int, ...], value: float) -> Callable[[Path], None]:
    def change(values: dict[str, np.ndarray]) -> None:
        values[key][place] = value

    return tensors(name, change)


def narrower(values: dict[str, np.ndarray]) -> None:
    values["vectors"] = np.ascontiguousarray(values["vectors"][:, :-1])


def longer(values: dict[str, np.ndarray]) -> None:
    values["alpha"] = np.append(values["alpha"], np.float32(1))


def other_index(dim: int, rows: int) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        index = faiss.IndexFlatIP(dim)
        index.add(np.ones((rows, dim), np.float32))
        faiss.write_index(index, str(folder / "index.faiss"))

    return apply


def ids(change: Callable[[list[str]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        pids = json.loads((folder / "ids.json").read_text())
        change(pids)
        (folder / "ids.json").write_text(json.dumps(pids))

    return apply


def double(pids: list[str]) -> None:
    pids[3] = pids[2]


CASES = {
    "NaN in a vector": (setting("embeddings.safetensors", "vectors", (3, 5), np.nan), "holds NaN or infinity"),
    "127 dimensions": (tensors("embeddings.safetensors", narrower), r"expected float32 \(40, 128\)"),
    "NaN in the head": (setting("head.safetensors", "alpha", (5,), np.nan), r"head\.safetensors: head: .* be finite"),
    "129 weights": (tensors("head.safetensors", longer), r"alpha must have shape \(128,\)"),
    "FAISS of 128": (other_index(EMBEDDING_DIM, 40), "expected 40 rows of 129 dimensions"),
    "FAISS of 39": (other_index(EMBEDDING_DIM + 1, 39), "expected 40 rows of 129 dimensions"),
    "a PID less": (ids(lambda pids: pids.pop()), "expected 40 different PIDs, found 39"),
    "a PID twice": (ids(double), "expected 40 different PIDs, found 39"),
    "NaN in a window": (setting("windows.safetensors", "vectors", (3, 5), np.inf), "holds NaN or infinity"),
    "chroma out of order": (setting("chroma.safetensors", "first", (1,), 0), r"chroma\.safetensors: offsets must rise"),
    "a rate of 0": (setting("chroma.safetensors", "rates", (1,), 0.0), "expected rates as positive numbers"),
    "windows out of order": (setting("windows.safetensors", "first", (1,), 0), "offsets must rise"),
}


def optimised(workspace: Workspace) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-O", "-c", CODE, str(workspace.home)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_sound_index_answers(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), windows=True)
    run = optimised(Workspace(tmp_path))
    assert run.returncode == 0, run.stderr
    assert len(json.loads(run.stdout.replace("'", '"'))) == 5


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_refused_without_asserts(tmp_path: Path, case: str) -> None:
    workspace = Workspace(tmp_path)
    break_it, message = CASES[case]
    break_it(publish(workspace, windows=True).folder)
    reseal(workspace)
    run = optimised(workspace)
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith("covsearch.errors.ArtefactError: ")
    assert re.search(message, last), last


def test_the_head_is_what_was_broken(tmp_path: Path) -> None:
    """The helper that breaks files changes what it says and nothing else."""
    folder = publish(Workspace(tmp_path)).folder
    before = load_head(folder / "head.safetensors")
    setting("head.safetensors", "alpha", (5,), 2.0)(folder)
    after = load_head(folder / "head.safetensors")
    assert np.flatnonzero(before.alpha != after.alpha).tolist() == [5]
