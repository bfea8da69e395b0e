"""How fast a collection becomes an index, and in how much memory.

A generated collection of real size (15,000 performances of 18,000 frames at 86 frames/s), by the bundled model:
``covsearch build-index`` the first time, again, and after one file changed, then ``covsearch eval-retrieval``. Seconds,
processor seconds and peak resident memory of all processes of each, and the size of the index with and without its
chroma.

Run as ``python -m benchmarks.build_throughput``. It takes long, and is written after every step.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table

FULL_LENGTH = 18_000  # frames at 86.13 frames/s; the benchmark subset's mean is 18,124
BOTH = ("hpcp", "crema")


def main() -> None:
    """Measure, print and write ``benchmarks/results/build_15000.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--performances", type=int, default=15_000, help="of the collection [15000]")
    parser.add_argument(
        "--align",
        choices=("candidates", "all", "none"),
        default="candidates",
        help="what eval-retrieval aligns [candidates]",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="folder for generated files [a temporary one]")
    parser.add_argument("--out", type=Path, default=RESULTS / "build_15000.json")
    args = parser.parse_args()
    result: dict[str, Any] = {"provenance": provenance("build_throughput", args.seed)}
    with tempfile.TemporaryDirectory(dir=args.scratch) as name:
        folder = Path(name)
        for whole in whole_collection(folder, args.performances, args.seed, args.align):
            result["whole"] = whole
            write_table(args.out, result, markdown(whole))  # after every step: the next takes long


def music(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """HPCP and CREMA of one generated recording, about as compressible as the dataset's (37 and 11 bytes a frame)."""
    notes = np.repeat(rng.random((FULL_LENGTH // 40, 12)) ** 3, 40, axis=0)
    hpcp = (notes + 0.1 * rng.random((FULL_LENGTH, 12))).clip(0, 1)
    hpcp[:, ::3] = np.round(hpcp[:, ::3], 1)  # spectral peaks leave many bins alike from frame to frame
    crema = np.repeat(rng.random((FULL_LENGTH // 8, 12)), 8, axis=0)  # computed at hop 4,096 and repeated 8 times
    return hpcp.astype(np.float32), crema.astype(np.float32)


def write_tree(root: Path, n: int, seed: int, distinct: int) -> Path:
    """`n` performances of 13 to a work in the per-feature layout, with metadata; `distinct` recordings, the rest links.

    The files carry no label, as links share it; every link is read, inflated and hashed like a file of its own.
    """
    rng = np.random.default_rng(seed)
    sources: list[dict[str, Path]] = []
    metadata: dict[str, dict[str, dict[str, str]]] = {}
    for i in range(n):
        wid, pid = f"W_{i // 13 + 1}", f"P_{i + 1}"
        about = {"work_title": f"Song {wid}", "perf_title": f"Song {wid}", "perf_artist": f"Singer {pid}"}
        metadata.setdefault(wid, {})[pid] = {**about, "release_year": str(1930 + i % 90)}
        paths = {f: root / f"da-tacos_generated_subset_{f}" / f"{wid}_{f}" / f"{pid}_{f}.h5" for f in BOTH}
        for path in paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        if i < distinct:
            write_files(paths, rng)
            sources.append(paths)
        else:
            for feature, path in paths.items():
                os.link(sources[i % distinct][feature], path)
    folder = root / "da-tacos_metadata"
    folder.mkdir()
    (folder / "da-tacos_generated_subset_metadata.json").write_text(json.dumps(metadata))
    return root


def write_files(paths: Mapping[str, Path], rng: np.random.Generator) -> None:
    """One generated recording, a file a feature."""
    for path, (name, values) in zip(paths.values(), zip(BOTH, music(rng), strict=True), strict=True):
        with h5py.File(path, "w") as f:
            f.create_dataset(name, data=values, chunks=(1365, 12), compression=9, shuffle=True)


def whole_collection(folder: Path, n: int, seed: int, align: str) -> Iterator[dict[str, Any]]:
    """Build the index three times and judge the search once, each in a process of its own; told after every step."""
    root, home = write_tree(folder / "collection", n, seed, distinct=min(n, 200)), folder / "home"
    build = ["build-index", "--dataset", str(root)]
    told: dict[str, Any] = {"performances": n, "frames": FULL_LENGTH, "steps": []}
    for name in ("build-index", "again", "after one file changed"):
        if name == "after one file changed":
            change_one(root, seed)
        told["steps"].append({"step": name, **measured(home, *build)})
        sizes = {"index_mb": ("index/gen-*/**/*", "db/*"), "chroma_mb": ("index/gen-*/chroma*",)}
        generations = len(list(home.glob("index/gen-*")))
        told |= {what: megabytes(home, *globs) / generations for what, globs in sizes.items()}
        told["cache_mb"] = megabytes(home, "cache/**/*")
        yield told
    told["steps"].append({"step": f"eval-retrieval --align {align}", **measured(home, *judge(root, align))})
    yield told


def judge(root: Path, align: str) -> list[str]:
    """The command that judges the search of a collection."""
    return ["eval-retrieval", "--dataset", str(root), "--align", align]


def change_one(root: Path, seed: int) -> None:
    """Put another recording in the place of the first performance's; the files that are linked to it stay."""
    paths = {f: next(root.glob(f"da-tacos_generated_subset_{f}/*/P_1_{f}.h5")) for f in BOTH}
    for path in paths.values():
        path.unlink()
    write_files(paths, np.random.default_rng([seed, 1]))


def measured(home: Path, *command: str) -> dict[str, Any]:
    """Run a covsearch command with --json: its seconds, those of the processor, and its peak memory."""
    whole = [sys.executable, "-m", "covsearch", "--home", str(home), *command, "--json"]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(whole, stdout=subprocess.DEVNULL) as process:
        peak, parent = watch(process)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"{shlex.join(whole)} ended with {process.returncode}")
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_rss_mb_all_processes": round(peak / 2**20),
        "peak_rss_mb_main_process": round(parent / 2**20),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def megabytes(home: Path, *patterns: str) -> float:
    """Sizes of the files of a workspace that match, together."""
    found = (path for pattern in patterns for path in home.glob(pattern))
    return sum(path.stat().st_size for path in found if path.is_file()) / 2**20


def watch(process: subprocess.Popen[Any]) -> tuple[int, int]:
    """Highest sum of resident memory over a process and its descendants, and the highest of itself, in bytes.

    Sampled every 0.1 s; pages that processes share are counted for each, so the sum errs on the high side.
    """
    highest, alone = 0, 0
    while process.poll() is None:
        sizes = [resident(pid) for pid in family(process.pid)]
        highest, alone = max(highest, sum(sizes)), max(alone, resident(process.pid))
        time.sleep(0.1)
    return highest, alone


def family(pid: int) -> list[int]:
    """`pid` and all its descendants, from /proc."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(grandchild for child in children for grandchild in family(int(child)))]


def resident(pid: int) -> int:
    """Resident bytes of a process; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def markdown(whole: dict[str, Any]) -> str:
    """The figures as a table."""
    lines = [
        f"{whole['performances']:,} performances of {whole['frames']:,} frames, of which at most 200 are distinct. A "
        f"generation of the index takes {whole['index_mb']:.0f} MB, {whole['index_mb'] - whole['chroma_mb']:.0f} MB "
        f"without its chroma; what was packed of the files, {whole['cache_mb']:.0f} MB. {os.cpu_count()} cores; the "
        "load is at the end of a step, ours with it.",
        "",
        "| step | s | CPU s | peak MB | of it the main process | load |",
        "|---|---:|---:|---:|---:|---:|",
        *map(step_row, whole["steps"]),
    ]
    return "\n".join(lines) + "\n"


def step_row(one: dict[str, Any]) -> str:
    """A step as a row of the table."""
    taken = f"{one['seconds']:.0f} | {one['cpu_seconds']:.0f}"
    peak = f"{one['peak_rss_mb_all_processes']} | {one['peak_rss_mb_main_process']}"
    return f"| {one['step']} | {taken} | {peak} | {one['load_1min']:.1f} |"


if __name__ == "__main__":
    main()
