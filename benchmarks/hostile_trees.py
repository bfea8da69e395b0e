"""Da-TACOS folders that a stranger could send: one well-formed, and one for every way to be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.hostile import chroma, write_file
from benchmarks.hostile_hdf5 import BROKEN_FILES

CLIQUES = {"W_14": ("P_15", "P_22"), "W_2": ("P_3",)}


@dataclass(frozen=True)
class BrokenTree:
    """How to make a folder, the exit code it must end with, and what the message must match."""

    build: Callable[[Path], None]
    exit_code: int
    message: str


def feature_file(root: Path, pid: str, wid: str, feature: str = "hpcp", subset: str = "benchmark") -> Path:
    """Where the per-feature layout keeps a file."""
    return root / f"da-tacos_{subset}_subset_{feature}" / f"{wid}_{feature}" / f"{pid}_{feature}.h5"


def metadata_file(root: Path, subset: str = "benchmark") -> Path:
    """Where a subset's metadata is."""
    return root / "da-tacos_metadata" / f"da-tacos_{subset}_subset_metadata.json"


def records() -> dict[str, Any]:
    """Metadata of the well-formed folder."""
    return {
        wid: {
            pid: {"perf_title": f"Song {pid}", "work_id": wid, "perf_id": pid, "release_year": "1961"} for pid in pids
        }
        for wid, pids in CLIQUES.items()
    }


def write_tree(root: Path) -> None:
    """Two works, three performances, HPCP and metadata: nothing wrong with it."""
    for wid, pids in CLIQUES.items():
        for seed, pid in enumerate(pids):
            write_file(feature_file(root, pid, wid), {"hpcp": chroma(200, seed)}, pid, wid)
    _write_metadata(root, json.dumps(records()))


def _write_metadata(root: Path, text: str) -> None:
    metadata_file(root).parent.mkdir(parents=True, exist_ok=True)
    metadata_file(root).write_text(text, encoding="utf-8")


def _with_file(build: Callable[[Path], None]) -> Callable[[Path], None]:
    def made(root: Path) -> None:
        write_tree(root)
        feature_file(root, "P_15", "W_14").unlink()
        build(feature_file(root, "P_15", "W_14"))

    return made


def _with_json(text: str) -> Callable[[Path], None]:
    def made(root: Path) -> None:
        write_tree(root)
        _write_metadata(root, text)

    return made


def _with_change(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def made(root: Path) -> None:
        write_tree(root)
        change(root)

    return made


def _second_work(root: Path) -> None:
    write_file(feature_file(root, "P_15", "W_99"), {"hpcp": chroma(50)}, "P_15", "W_99")


def _other_subset(root: Path) -> None:
    write_file(feature_file(root, "P_9", "W_9", subset="coveranalysis"), {"hpcp": chroma(50)}, "P_9", "W_9")


def _link_out(root: Path) -> None:
    feature_file(root, "P_15", "W_14").unlink()
    feature_file(root, "P_15", "W_14").symlink_to("/etc/passwd")


def _trees_of_files() -> dict[str, BrokenTree]:
    """A sound folder with one broken feature file in it; what names alone tell has its own words."""
    by_name = {
        "nothing there": "W_14/P_15: has no feature file",
        "a device": "is a symbolic link out of the dataset: not followed",
    }
    return {
        f"file: {kind}": BrokenTree(_with_file(build), 4, by_name.get(kind, reason))
        for kind, (build, reason) in BROKEN_FILES.items()
    }


_JSON: dict[str, tuple[str, str]] = {
    "cut off": (json.dumps(records())[:100], "not Da-TACOS metadata: Unterminated string|Expecting"),
    "nested 100,000 deep": ('{"W_1": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    "a list": ("[]", "the top level must be an object, not list"),
    "a key twice": ('{"W_14": {}, "W_14": {}}', "the key 'W_14' comes twice"),
    "a PID in two works": ('{"W_14": {"P_15": {}}, "W_2": {"P_15": {}}}', "P_15 is in W_14 and in W_2"),
    "a path as WID": ('{"../../etc": {}}', "expected a work like W_14, got '../../etc'"),
    "another work_id": ('{"W_14": {"P_15": {"work_id": "W_2"}}}', "W_14/P_15 has work_id 'W_2'"),
    "a number as title": ('{"W_14": {"P_15": {"perf_title": 7}}}', "perf_title of P_15 must be text, not int"),
    "half a surrogate": ('{"W_14": {"P_15": {"perf_title": "\\ud800"}}}', "half of a surrogate pair"),
    "terminal commands": ('{"W_14": {"P_15": {"perf_title": "\\u001b[2J"}}}', "has control characters"),
    "two million works": (
        "{" + ",".join(f'"W_{i}":{{}}' for i in range(2_000_000)) + "}",
        r"it has about 4,000,000 values",
    ),
}

BROKEN_TREES: dict[str, BrokenTree] = {
    **_trees_of_files(),
    **{f"metadata: {kind}": BrokenTree(_with_json(text), 4, message) for kind, (text, message) in _JSON.items()},
    "folder: not there": BrokenTree(lambda root: None, 3, "is not there; expected a Da-TACOS folder"),
    "folder: a file": BrokenTree(lambda root: root.touch(), 3, "is not a folder; expected a Da-TACOS folder"),
    "folder: empty": BrokenTree(lambda root: root.mkdir(), 3, "has no Da-TACOS feature folder; expected da-tacos_"),
    "folder: two subsets": BrokenTree(_with_change(_other_subset), 2, "choose one with --subset"),
    "folder: no metadata": BrokenTree(_with_change(lambda root: metadata_file(root).unlink()), 4, "no metadata JSON"),
    "folder: a record without file": BrokenTree(
        _with_change(lambda root: feature_file(root, "P_22", "W_14").unlink()), 4, "W_14/P_22: has no feature file"
    ),
    "folder: a file without record": BrokenTree(
        _with_change(lambda root: _write_metadata(root, '{"W_2": {"P_3": {}}}')), 4, "is not in the metadata JSON"
    ),
    "folder: a misnamed file": BrokenTree(
        _with_change(
            lambda root: feature_file(root, "P_22", "W_14").rename(root / "da-tacos_benchmark_subset_hpcp/P_22.h5")
        ),
        4,
        r"is misnamed; expected a folder W_<number>_hpcp",
    ),
    "folder: a performance in two works": BrokenTree(
        _with_change(_second_work), 4, "is in W_99, but the metadata JSON says W_14"
    ),
    "folder: a link to /etc/passwd": BrokenTree(
        _with_change(_link_out), 4, "is a symbolic link out of the dataset: not followed"
    ),
}
