"""How invariant the invariant branch is: the worst deviations of its vectors over the sample's test works.

A deviation is the difference in any of a unit vector's 128 numbers to the same track alone: in its 11 other keys,
padded by up to a thousand frames, and in batches with other tracks.

Run as ``python -m benchmarks.studies.invariance``; writes the JSON and a Markdown table beside it.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.embedding import embed_frames
from covsearch.errors import UsageError
from covsearch.features.augment import rotate_key
from covsearch.features.frames import pad
from covsearch.features.pack import pack_cached
from covsearch.models import Siamese, bundled_checkpoint, load_checkpoint
from covsearch.workspace import find_workspace

NAME = "invariance"
BOUND = 1e-5
PADDING = (1, 8, 77, 1000)  # frames
BATCH = 16  # tracks, drawn at random, so of all lengths


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, default=bundled_checkpoint(), help="checkpoint folder [the bundled weights]"
    )
    parser.add_argument("--seed", type=int, default=0, help="of who shares a batch")
    args = parser.parse_args()
    command = shlex.join(["python", "-m", "benchmarks.studies.invariance", *sys.argv[1:]])
    result = {"provenance": provenance(command, args.seed), **measure(args.model, args.seed)}
    write_table(RESULTS / f"{NAME}.json", result, markdown(result))


def measure(folder: Path, seed: int) -> dict[str, Any]:
    """The worst deviations of the checkpoint `folder`, and how far apart it puts different tracks.

    Raises
    ------
    UsageError
        When its branch is not made to be invariant.
    """
    checkpoint = load_checkpoint(folder)
    config = checkpoint.config
    if config.branch != "invariant" or config.pooling != "masked":
        raise UsageError(
            f"expected a checkpoint of branch invariant with masked pooling, {folder} is of {config.branch} with "
            f"{config.pooling} pooling: name another --model"
        )
    dataset = open_dataset(sample_root(), config.features.names)
    store = pack_cached(find_workspace().cache, dataset, config.features)
    test = set(sample_split().test)
    tracks = {
        pid: store.frames(i) for i, (pid, wid) in enumerate(zip(store.pids, store.wids, strict=True)) if wid in test
    }
    vectors, found = deviations(checkpoint.model, list(tracks.values()), seed)
    pids = list(tracks)
    return {
        "model": checkpoint.fingerprint,
        "tracks": len(tracks),
        "frames": [min(map(len, tracks.values())), max(map(len, tracks.values()))],
        "bound": BOUND,
        "worst": {law: {"deviation": float(d.max()), "track": pids[int(d.argmax())]} for law, d in found.items()},
        "between_tracks": float(np.median(_between(vectors))),
    }


def deviations(
    model: Siamese, tracks: list[NDArray[np.float16]], seed: int
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Every track's vector alone (N, 128), and its worst deviation from that under each law, (N,)."""
    alone = np.concatenate([embed_frames(model, [track]) for track in tracks])  # (N, 128)
    changed = {
        "rotation": np.stack([_rotated(model, track) for track in tracks], axis=1),  # (11, N, 128)
        "padding": np.stack([_padded(model, track) for track in tracks], axis=1),  # (4, N, 128)
        "batch": _together(model, tracks, seed)[None],  # (1, N, 128)
    }
    return alone, {law: np.abs(vectors - alone).max((0, 2)) for law, vectors in changed.items()}


def _rotated(model: Siamese, track: NDArray[np.float16]) -> NDArray[np.float32]:
    return embed_frames(model, [rotate_key(track.astype(np.float32), k).astype(np.float16) for k in range(1, 12)])


def _padded(model: Siamese, track: NDArray[np.float16]) -> NDArray[np.float32]:
    length = torch.tensor([len(track)])
    with torch.inference_mode():
        padded = [model.embed(torch.from_numpy(pad([track], len(track) + extra)), length) for extra in PADDING]
        vectors: NDArray[np.float32] = torch.cat(padded).numpy()
    return vectors


def _together(model: Siamese, tracks: list[NDArray[np.float16]], seed: int) -> NDArray[np.float32]:
    order = np.random.default_rng(seed).permutation(len(tracks))
    batches = np.split(order, range(BATCH, len(order), BATCH))
    vectors = np.concatenate([embed_frames(model, [tracks[i] for i in batch]) for batch in batches])
    return vectors[np.argsort(order)]


def _between(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same difference between any two tracks, (N (N - 1) / 2,): what a deviation has to be small against."""
    return np.concatenate([np.abs(vectors[i + 1 :] - vectors[i]).max(1) for i in range(len(vectors))])


def markdown(result: dict[str, Any]) -> str:
    """The result as a table, with what it is of below."""
    rows = {
        "rotation": "in its 11 other keys",
        "padding": f"padded by {', '.join(map(str, PADDING))} frames",
        "batch": f"in random batches of {BATCH}",
    }
    lines = ["| the same track | worst deviation | of | bound |", "|---|---:|---|---:|"]
    for law, what in rows.items():
        worst = result["worst"][law]
        lines.append(f"| {what} | {worst['deviation']:.1e} | {worst['track']} | {result['bound']:.0e} |")
    shortest, longest = result["frames"]
    about = (
        f"{result['model']} on the {result['tracks']} tracks of the sample's test works "
        f"({shortest} to {longest} frames); two different tracks are {result['between_tracks']:.1e} apart (median)."
    )
    return "\n".join([*lines, "", about]) + "\n"


if __name__ == "__main__":
    main()
