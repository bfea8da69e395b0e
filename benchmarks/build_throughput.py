"""How fast a collection becomes an index, and in how much memory.

Three figures on generated data of real size (18,000 frames at 86 frames/s a performance):

- embedding from the packed store at T = 2,000 and F = 24, beside the same batches one after the other with
  torch's own threads;
- packing a tree of HDF5 files, beside a plain loop of h5py in one process that does the same arithmetic;
- a whole ``covsearch build-index`` of 15,000 performances: minutes, peak resident memory of all its processes, and the
  size of the index.

Run as ``python -m benchmarks.build_throughput``; the last takes minutes, ``--performances 0`` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.provenance import provenance, write_result
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.features.frames import align_pitch_origin, block_means, unit_norm
from covsearch.features.pack import pack
from covsearch.features.store import CONFIG, FRAMES, Entry, FrameStore

if TYPE_CHECKING:  # reading processes import this module again and need no torch
    from covsearch.models import Checkpoint

FULL_LENGTH = 18_000  # frames at 86.13 frames/s; the benchmark subset's mean is 18,124
BOTH = FeatureConfig("hpcp+crema", 2000)
COMMAND = "python -m benchmarks.build_throughput"


def main() -> None:
    """Measure, print and write ``benchmarks/results/build_throughput.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embed", type=int, default=1024, help="performances in the embedding figure")
    parser.add_argument("--pack", type=int, default=512, help="performances in the packing figure")
    parser.add_argument("--performances", type=int, default=15_000, help="performances of the whole build; 0 skips it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="folder for generated files [a temporary one]")
    args = parser.parse_args()
    result: dict[str, Any] = {"provenance": provenance(COMMAND, args.seed)}
    with tempfile.TemporaryDirectory(dir=args.scratch) as name:
        folder = Path(name)
        checkpoint = untrained(folder / "model", args.seed)
        result["embedding"] = embedding(folder / "store", checkpoint, args.embed, args.rounds, args.seed)
        result["packing"] = packing(folder, args.pack, args.rounds, args.seed)
        if args.performances:
            result["build"] = whole_build(folder, args.performances, args.seed)
    show(result)
    write_result("build_throughput", result)


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
    """`n` performances of 13 to a work in the per-feature layout; `distinct` recordings, the rest hard links.

    The files carry no label, as links share it; every link is read, inflated and hashed like a file of its own.
    """
    rng = np.random.default_rng(seed)
    sources: list[dict[str, Path]] = []
    for i in range(n):
        wid, pid = f"W_{i // 13 + 1}", f"P_{i + 1}"
        paths = {f: root / f"da-tacos_generated_subset_{f}" / f"{wid}_{f}" / f"{pid}_{f}.h5" for f in BOTH.names}
        for path in paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        if i < distinct:
            for path, (name, values) in zip(paths.values(), zip(BOTH.names, music(rng), strict=True), strict=True):
                with h5py.File(path, "w") as f:
                    f.create_dataset(name, data=values, chunks=(1365, 12), compression=9, shuffle=True)
            sources.append(paths)
        else:
            for feature, path in paths.items():
                os.link(sources[i % distinct][feature], path)
    return root


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


def whole_build(folder: Path, n: int, seed: int) -> dict[str, Any]:
    """Minutes and peak memory of ``covsearch build-index`` in a process of its own."""
    root = write_tree(folder / "collection", n, seed, distinct=200)
    home = folder / "home"
    command = [sys.executable, "-m", "covsearch", "--home", str(home), "build-index", "--json"]
    started = time.perf_counter()
    with subprocess.Popen(
        [*command, "--dataset", str(root), "--model", str(folder / "model")], stdout=subprocess.PIPE, text=True
    ) as process:
        peak, parent = watch(process)
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
    return {
        "performances": n,
        "frames": FULL_LENGTH,
        "width": BOTH.width,
        "seconds": round(time.perf_counter() - started, 1),
        "peak_rss_mb_all_processes": round(peak / 2**20),
        "peak_rss_mb_main_process": round(parent / 2**20),
        "store_mb": megabytes(home, "cache/*/*"),
        "index_mb": megabytes(home, "index/gen-*/**/*") + megabytes(home, "db/*"),
        "chroma_mb": megabytes(home, "index/gen-*/chroma*"),
        "report": report,
    }


def megabytes(home: Path, pattern: str) -> int:
    """Sizes of the files of a workspace that match, together."""
    return round(sum(path.stat().st_size for path in home.glob(pattern)) / 2**20)


def watch(process: subprocess.Popen[str]) -> tuple[int, int]:
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


def show(result: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table("figure", "covsearch", "plain", "ratio")
    e, p = result["embedding"], result["packing"]
    table.add_row(
        f"embedding, T={e['frames']}, F={e['width']} (performances/s)",
        f"{e['per_second']['median']:.0f}",
        f"{e['plain_per_second']['median']:.0f}",
        f"{e['ratio']['median']:.2f}",
    )
    table.add_row(
        f"packing {p['performances']} x {p['frames']} frames (s)",
        f"{p['seconds']['median']:.2f}",
        f"{p['plain_seconds']['median']:.2f}",
        f"{p['ratio']['median']:.2f}",
    )
    if b := result.get("build"):
        table.add_row(f"build-index of {b['performances']} (s)", f"{b['seconds']:.0f}", "", "")
        table.add_row("  peak resident memory, all processes (MB)", f"{b['peak_rss_mb_all_processes']}", "", "")
        table.add_row("  index (MB)", f"{b['index_mb']}", "", "")
        table.add_row("    of it chroma (MB)", f"{b['chroma_mb']}", "", "")
    Console().print(table)


if __name__ == "__main__":
    main()
