"""Da-TACOS folders that a stranger could send: one well-formed, and one for every way to be wrong."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.documents import BROKEN_JSON, SOUND
from tests.hostile.files import chroma, write_file
from tests.hostile.hdf5 import BROKEN_FILES

LINK = "is a symbolic link out of the dataset: not followed"
CLIQUES = {"W_14": ("P_15", "P_22"), "W_2": ("P_3",)}


@dataclass(frozen=True)
class BrokenTree:
    """How to make a folder, the exit code and message that the command on it must end with, and the command.

    ``DIR`` in `command` stands for the folder.
    """

    build: Callable[[Path], None]
    exit_code: int
    message: str
    command: tuple[str, ...] = ("dataset", "info", "DIR", "--strict", "--check")


def feature_file(root: Path, pid: str, wid: str, feature: str = "hpcp", subset: str = "benchmark") -> Path:
    """Where the per-feature layout keeps a file."""
    return root / f"da-tacos_{subset}_subset_{feature}" / f"{wid}_{feature}" / f"{pid}_{feature}.h5"


def metadata_file(root: Path, subset: str = "benchmark") -> Path:
    """Where a subset's metadata is."""
    return root / "da-tacos_metadata" / f"da-tacos_{subset}_subset_metadata.json"


def write_tree(root: Path) -> None:
    """Two works, three performances, HPCP and metadata: nothing wrong with it."""
    for wid, pids in CLIQUES.items():
        for seed, pid in enumerate(pids):
            write_file(feature_file(root, pid, wid), {"hpcp": chroma(200, seed)}, pid, wid)
    _write_metadata(root, json.dumps(SOUND).encode())


def _write_metadata(root: Path, content: bytes) -> None:
    metadata_file(root).parent.mkdir(parents=True, exist_ok=True)
    metadata_file(root).write_bytes(content)


def _with_file(build: Callable[[Path], None]) -> Callable[[Path], None]:
    def made(root: Path) -> None:
        write_tree(root)
        feature_file(root, "P_15", "W_14").unlink()
        build(feature_file(root, "P_15", "W_14"))

    return made


def _with_json(content: Callable[[], bytes]) -> Callable[[Path], None]:
    def made(root: Path) -> None:
        write_tree(root)
        _write_metadata(root, content())

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


def _replaced(place: Callable[[Path], Path], target: str) -> Callable[[Path], None]:
    """A sound folder in which a file or folder has become a symbolic link."""

    def made(root: Path) -> None:
        write_tree(root)
        shutil.rmtree(place(root)) if place(root).is_dir() else place(root).unlink()
        place(root).symlink_to(target)

    return made


def _file(root: Path) -> Path:
    return feature_file(root, "P_15", "W_14")


def _moved_out(root: Path) -> None:
    """The work's folder is a link to a sound one beside the dataset."""
    shutil.copytree(_file(root).parent, root.with_name(f"{root.name}-else"), dirs_exist_ok=True)
    shutil.rmtree(_file(root).parent)
    _file(root).parent.symlink_to(root.with_name(f"{root.name}-else"))


def _metadata_as(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def made(root: Path) -> None:
        write_tree(root)
        metadata_file(root).unlink()
        make(metadata_file(root))

    return made


def _trees_of_files() -> dict[str, BrokenTree]:
    """A sound folder with one broken feature file in it; what names alone tell has its own words."""
    by_name = {
        "nothing there": "W_14/P_15: has no feature file",
        "a device": "is a symbolic link out of the dataset: not followed",
        "a socket": "is not a regular file",
    }
    return {
        f"file: {kind}": BrokenTree(_with_file(build), 4, by_name.get(kind, reason))
        for kind, (build, reason) in BROKEN_FILES.items()
    }


BROKEN_TREES: dict[str, BrokenTree] = {
    **_trees_of_files(),
    **{f"metadata: {kind}": BrokenTree(_with_json(text), 4, message) for kind, (text, message) in BROKEN_JSON.items()},
    "folder: not there": BrokenTree(lambda root: None, 3, "is not there; expected a Da-TACOS folder"),
    "folder: a file": BrokenTree(lambda root: root.touch(), 3, "is not a folder; expected a Da-TACOS folder"),
    "folder: empty": BrokenTree(lambda root: root.mkdir(), 3, "has no Da-TACOS feature folder; expected da-tacos_"),
    "folder: two subsets": BrokenTree(_with_change(_other_subset), 2, "choose one with --subset"),
    "folder: no metadata": BrokenTree(_with_change(lambda root: metadata_file(root).unlink()), 4, "no metadata JSON"),
    "folder: a record without file": BrokenTree(
        _with_change(lambda root: feature_file(root, "P_22", "W_14").unlink()), 4, "W_14/P_22: has no feature file"
    ),
    "folder: a file without record": BrokenTree(
        _with_change(lambda root: _write_metadata(root, b'{"W_2": {"P_3": {}}}')), 4, "is not in the metadata JSON"
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
    "folder: a name with terminal commands": BrokenTree(
        _with_change(lambda root: (_file(root).parent / "\x1b[2J\x07.h5").touch()),
        4,
        "\N{REPLACEMENT CHARACTER}.* is misnamed",
    ),
    "folder: a name that is not UTF-8": BrokenTree(
        _with_change(lambda root: (_file(root).parent / os.fsdecode(b"\xff.h5")).touch()), 4, " is misnamed"
    ),
    "link: a file to /etc/passwd": BrokenTree(_replaced(_file, "/etc/passwd"), 4, LINK),
    "link: a file to a device": BrokenTree(_replaced(_file, "/dev/zero"), 4, LINK),
    "link: a file to itself": BrokenTree(_replaced(_file, "P_15_hpcp.h5"), 4, "cannot be followed: Too many levels"),
    "link: a file to nothing": BrokenTree(_replaced(_file, "nothing"), 4, "cannot be followed: No such file"),
    "link: a work to a sound one outside": BrokenTree(_with_change(_moved_out), 4, LINK),
    "link: a work to the root": BrokenTree(
        _replaced(lambda root: _file(root).parent, ".."), 4, "is a folder; expected P_<number>_hpcp.h5"
    ),
    "link: a feature folder to /": BrokenTree(
        _replaced(lambda root: _file(root).parent.parent, "/"), 3, f"no Da-TACOS feature folder .*{LINK}"
    ),
    "link: metadata to /etc/passwd": BrokenTree(_replaced(metadata_file, "/etc/passwd"), 4, LINK),
    "link: metadata's folder to /etc": BrokenTree(_replaced(lambda root: metadata_file(root).parent, "/etc"), 4, LINK),
    "metadata: a FIFO": BrokenTree(_metadata_as(os.mkfifo), 4, "no metadata JSON"),
    "metadata: a folder": BrokenTree(_metadata_as(Path.mkdir), 4, "no metadata JSON"),
    "metadata: two of them": BrokenTree(
        _with_change(lambda root: shutil.copytree(metadata_file(root).parent, root / "copy")), 4, "has 2 metadata files"
    ),
}
