"""How fast a collection becomes an index, and in how much memory.

Three figures on generated data of real size (18,000 frames at 86 frames/s a performance):

- embedding from the packed store at T = 2,000 and F = 24, beside the same batches one after the other with
  torch's own threads;
- packing a tree of HDF5 files, beside a plain loop of h5py in one process that does the same arithmetic;
- a whole collection of 15,000 performances, by the bundled model: ``covsearch build-index`` the first time, again, and
  after one file changed, then ``covsearch eval-retrieval``. Seconds, processor seconds and peak resident memory of all
  processes of each, and the size of the index with and without its chroma.

Run as ``python -m benchmarks.build_throughput``. The last takes long, and is written after every step; a count of 0
leaves a figure out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.features.frames import align_pitch_origin, block_means, unit_norm
from covsearch.features.pack import pack
from covsearch.features.store import CONFIG, FRAMES, Entry, FrameStore

if TYPE_CHECKING:  # reading processes import this module again and need no torch
    from covsearch.models import Checkpoint

FULL_LENGTH = 18_000  # frames at 86.13 frames/s; the benchmark subset's mean is 18,124
BOTH = FeatureConfig("hpcp+crema", 2000)


def main() -> None:
    """Measure, print and write ``benchmarks/results/build_throughput.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embed", type=int, default=1024, help="performances in the embedding figure [1024]")
    parser.add_argument("--pack", type=int, default=512, help="performances in the packing figure [512]")
    parser.add_argument("--performances", type=int, default=15_000, help="of the whole collection [15000]")
    parser.add_argument(
        "--align",
        choices=("candidates", "all", "none"),
        default="candidates",
        help="what eval-retrieval aligns [candidates]",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="folder for generated files [a temporary one]")
    parser.add_argument("--out", type=Path, default=RESULTS / "build_throughput.json")
    args = parser.parse_args()
    result: dict[str, Any] = {"provenance": provenance("build_throughput", args.seed)}
    with tempfile.TemporaryDirectory(dir=args.scratch) as name:
        folder = Path(name)
        if args.embed:
            checkpoint = untrained(folder / "model", args.seed)
            result["embedding"] = embedding(folder / "store", checkpoint, args.embed, args.rounds, args.seed)
        if args.pack:
            result["packing"] = packing(folder, args.pack, args.rounds, args.seed)
        if args.performances:
            for whole in whole_collection(folder, args.performances, args.seed, args.align):
                result["whole"] = whole
                write_table(args.out, result, markdown(result))  # after every step: the next takes long
    write_table(args.out, result, markdown(result))


def untrained(folder: Path, seed: int) -> Checkpoint:
    """The report's CNN on HPCP and CREMA with random weights: as fast as a trained one."""
    import torch

    from covsearch.models import Siamese, load_checkpoint, save_checkpoint

    torch.manual_seed(seed)
    config = ModelConfig(features=BOTH)
    save_checkpoint(folder, Siamese(config), config)
    return load_checkpoint(folder)


def in_turn(rounds: int, *candidates: Callable[[], object]) -> list[list[float]]:
    """Seconds of each candidate, measured in turn A B A B after one uncounted run of each."""
    seconds: list[list[float]] = [[] for _ in candidates]
    for turn in range(rounds + 1):
        for row, candidate in zip(seconds, candidates, strict=True):
            started = time.perf_counter()
            candidate()
            if turn:
                row.append(time.perf_counter() - started)
    return seconds


def packed_store(folder: Path, n: int, seed: int) -> FrameStore:
    """A store of `n` performances of 2,000 frames of HPCP and CREMA, made of random numbers."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    (folder / CONFIG).write_text("")
    with (folder / FRAMES).open("wb") as f:
        for _ in range(n):
            f.write(rng.random((BOTH.frames, BOTH.width), dtype=np.float32).astype(np.float16).tobytes())
    entries = [Entry(f"P_{i + 1}", f"W_{i + 1}", i * BOTH.frames, BOTH.frames, 0, 0, {}) for i in range(n)]
    return FrameStore(folder, BOTH, "generated", tuple(entries))


def embedding(folder: Path, checkpoint: Checkpoint, n: int, rounds: int, seed: int) -> dict[str, Any]:
    """Performances per second from the packed store, beside batch after batch on torch's own threads."""
    from covsearch.embedding import embed_frames, embed_store

    store = packed_store(folder, n, seed)

    def one_batch_after_the_other() -> None:
        for i in range(0, n, 16):
            embed_frames(checkpoint.model, [store.frames(k) for k in range(i, min(i + 16, n))])

    ours, plain = in_turn(rounds, lambda: embed_store(checkpoint, store), one_batch_after_the_other)
    return {
        "performances": n,
        "frames": BOTH.frames,
        "width": BOTH.width,
        "per_second": figures([n / s for s in ours]),
        "plain_per_second": figures([n / s for s in plain]),
        "ratio": figures([p / o for o, p in zip(ours, plain, strict=True)]),
    }


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
        paths = {f: root / f"da-tacos_generated_subset_{f}" / f"{wid}_{f}" / f"{pid}_{f}.h5" for f in BOTH.names}
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
    for path, (name, values) in zip(paths.values(), zip(BOTH.names, music(rng), strict=True), strict=True):
        with h5py.File(path, "w") as f:
            f.create_dataset(name, data=values, chunks=(1365, 12), compression=9, shuffle=True)


def plain_loop(root: Path, out: Path) -> None:
    """What one would write first: h5py in a loop, the same arithmetic, one float16 file."""
    with out.open("wb") as f:
        for path in sorted((root / "da-tacos_generated_subset_hpcp").glob("*/*.h5")):
            other = Path(str(path).replace("_hpcp", "_crema"))
            with h5py.File(path) as a, h5py.File(other) as b:
                both = (("hpcp", a["hpcp"][()]), ("crema", b["crema"][()]))
            frames = np.concatenate([unit_norm(align_pitch_origin(x, name)) for name, x in both], axis=1)
            f.write(block_means(frames, BOTH.frames).astype(np.float16).tobytes())


def packing(folder: Path, n: int, rounds: int, seed: int) -> dict[str, Any]:
    """Seconds to pack a tree of full-length files, as a ratio to the plain loop in the same run."""
    root = write_tree(folder / "tree", n, seed, distinct=min(n, 128))
    dataset = open_dataset(root, BOTH.names)
    size = sum(path.stat().st_size for files in dataset.files.values() for path in files.values())
    turn = iter(range(10**6))
    ours, plain = in_turn(
        rounds,
        lambda: pack(dataset, BOTH, folder / f"packed-{next(turn)}"),
        lambda: plain_loop(root, folder / "plain.f16"),
    )
    return {
        "performances": n,
        "frames": FULL_LENGTH,
        "megabytes": round(size / 1e6, 1),
        "seconds": figures(ours),
        "plain_seconds": figures(plain),
        "ratio": figures([p / o for o, p in zip(ours, plain, strict=True)]),
    }


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
    paths = {f: next(root.glob(f"da-tacos_generated_subset_{f}/*/P_1_{f}.h5")) for f in BOTH.names}
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


def figures(values: list[float]) -> dict[str, float]:
    """Minimum, median and maximum, rounded for print."""
    return {
        "min": round(min(values), 3),
        "median": round(statistics.median(values), 3),
        "max": round(max(values), 3),
        "runs": len(values),
    }


def markdown(result: dict[str, Any]) -> str:
    """The figures as tables."""
    lines = []
    if "embedding" in result or "packing" in result:
        lines = ["| figure | covsearch | plain | ratio |", "|---|---:|---:|---:|"]
    if e := result.get("embedding"):
        ours, plain, ratio = (e[key]["median"] for key in ("per_second", "plain_per_second", "ratio"))
        lines.append(
            f"| embedding, T={e['frames']}, F={e['width']}: a second | {ours:.0f} | {plain:.0f} | {ratio:.2f} |"
        )
    if p := result.get("packing"):
        ours, plain, ratio = (p[key]["median"] for key in ("seconds", "plain_seconds", "ratio"))
        lines.append(
            f"| packing {p['performances']} x {p['frames']:,} frames: s | {ours:.2f} | {plain:.2f} | {ratio:.2f} |"
        )
    if w := result.get("whole"):
        lines += [
            "",
            f"{w['performances']:,} performances of {w['frames']:,} frames, of which at most 200 are distinct. A "
            f"generation of the index takes {w['index_mb']:.0f} MB, {w['index_mb'] - w['chroma_mb']:.0f} MB without "
            f"its chroma; what was packed of the files, {w['cache_mb']:.0f} MB. {os.cpu_count()} cores; the load is at "
            "the end of a step, ours with it.",
            "",
            "| step | s | CPU s | peak MB | of it the main process | load |",
            "|---|---:|---:|---:|---:|---:|",
            *map(step_row, w["steps"]),
        ]
    return "\n".join(lines) + "\n"


def step_row(one: dict[str, Any]) -> str:
    """A step as a row of the table."""
    taken = f"{one['seconds']:.0f} | {one['cpu_seconds']:.0f}"
    peak = f"{one['peak_rss_mb_all_processes']} | {one['peak_rss_mb_main_process']}"
    return f"| {one['step']} | {taken} | {peak} | {one['load_1min']:.1f} |"


if __name__ == "__main__":
    main()
