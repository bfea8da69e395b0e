"""How invariant the invariant branch is: ``python -m benchmarks.invariance --model DIR``.

The worst difference in any of a unit vector's 128 numbers, over performances of the bundled sample: in the 11 other
keys, padded by up to a thousand frames, and in a batch with others.
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

from benchmarks.provenance import provenance, write_result
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.embed import embed_frames
from covsearch.errors import UsageError
from covsearch.features.augment import rotate_key
from covsearch.features.frames import pad
from covsearch.features.pack import pack_cached
from covsearch.models import Siamese, bundled_checkpoint, load_checkpoint
from covsearch.workspace import find_workspace


def deviations(model: Siamese, tracks: list[NDArray[np.float16]]) -> dict[str, float]:
    """The worst absolute difference to each track's vector alone."""
    alone = np.concatenate([embed_frames(model, [track]) for track in tracks])
    keys = [[rotate_key(track.astype(np.float32), key) for key in range(1, 12)] for track in tracks]
    rotated = np.stack([embed_frames(model, [k.astype(np.float16) for k in track]) for track in keys])
    padded = np.stack([[_padded(model, track, extra) for extra in (1, 8, 77, 1000)] for track in tracks])
    return {
        "rotation": float(np.abs(rotated - alone[:, None]).max()),
        "padding": float(np.abs(padded - alone[:, None]).max()),
        "batch": float(np.abs(embed_frames(model, tracks) - alone).max()),
    }


def _padded(model: Siamese, track: NDArray[np.float16], extra: int) -> NDArray[np.float32]:
    frames, lengths = torch.from_numpy(pad([track], len(track) + extra)), torch.tensor([len(track)])
    with torch.inference_mode():
        vector: NDArray[np.float32] = model.embed(frames, lengths)[0].numpy()
    return vector


def measure(folder: Path, count: int) -> dict[str, Any]:
    """The worst deviations of the checkpoint `folder` over `count` performances of the sample."""
    checkpoint = load_checkpoint(folder)
    config = checkpoint.config
    if config.branch != "invariant":
        raise UsageError(f"expected a checkpoint of the invariant branch, {folder} is of {config.branch}")
    dataset = open_dataset(sample_root(), config.features.names)
    store = pack_cached(find_workspace().cache, dataset, config.features)
    tracks = [store.frames(i) for i in np.linspace(0, len(store) - 1, count).astype(int).tolist()]
    return {"model": checkpoint.fingerprint, "tracks": len(tracks), "worst": deviations(checkpoint.model, tracks)}


def main() -> None:
    """Measure, print and write ``benchmarks/results/invariance.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, default=bundled_checkpoint(), help="checkpoint folder [the bundled weights]"
    )
    parser.add_argument("--tracks", type=int, default=40, help="performances of the sample, evenly spread [40]")
    args = parser.parse_args()
    result = measure(args.model, args.tracks)
    for name, value in result["worst"].items():
        print(f"{name:9} worst deviation {value:.1e}")
    command = shlex.join(["python", "-m", "benchmarks.invariance", *sys.argv[1:]])
    write_result("invariance", {"provenance": provenance(command, 0), **result})


if __name__ == "__main__":
    main()
