"""How invariant the invariant branch is, and what it costs: ``python -m benchmarks.invariance --model DIR``.

The worst difference in any of a unit vector's 128 numbers, over performances of the bundled sample: in the 11 other
keys, padded by up to a thousand frames, and in a batch with others. Then milliseconds a track of 300 frames on one
thread, beside the same network with ``conv2d`` on a padded circle. Without a model the weights are untrained.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.provenance import provenance, write_result
from covsearch.embed import embed_frames
from covsearch.features.augment import rotate_key
from covsearch.features.frames import pad
from covsearch.features.pack import pack_cached
from covsearch.models import Siamese, load_checkpoint
from covsearch.models.circular import CircularConv
from covsearch.training.presets import configure
from covsearch.training.run import Source
from covsearch.workspace import find_workspace

BATCH, FRAMES = 48, 300


class DirectConv(nn.Module):
    """A :class:`CircularConv`'s weights in torch's own convolution."""

    def __init__(self, conv: CircularConv) -> None:
        super().__init__()
        self.weight, self.stride = conv.weight, conv.stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 12, inputs, T) to (B, 12, outputs, T / stride)."""
        circle = F.pad(x.transpose(1, 2), (0, 0, 5, 6), mode="circular")
        padding = (0, self.weight.shape[3] // 2)
        return F.conv2d(circle, self.weight, stride=(1, self.stride), padding=padding).transpose(1, 2)


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


def milliseconds(model: Siamese, width: int, runs: int) -> dict[str, float]:
    """CPU time a track: a step forward and backward, and an embedding; the quickest of `runs`."""
    frames, lengths = torch.rand(BATCH, FRAMES, width), torch.full((BATCH,), FRAMES)

    def step() -> None:
        model.train().embed(frames, lengths)[:, 0].sum().backward()  # type: ignore[no-untyped-call]

    def embed() -> None:
        with torch.inference_mode():
            model.eval().embed(frames, lengths)

    ways = {"step": step, "embed": embed}
    return {name: min(_seconds(way) for _ in range(runs)) * 1000 / BATCH for name, way in ways.items()}


def _seconds(run: Callable[[], None]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def make_direct(model: nn.Module) -> None:
    """Replace every Fourier convolution of `model` by the direct one with the same weights."""
    for name, child in model.named_children():
        if isinstance(child, CircularConv):
            setattr(model, name, DirectConv(child))
        else:
            make_direct(child)


def measure(folder: Path | None, count: int, runs: int) -> dict[str, Any]:
    """Deviations, then times, of the checkpoint `folder` or of untrained weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = configure("invariant", {})[0]
    model, name = Siamese(config).eval(), "untrained"
    if folder:
        checkpoint = load_checkpoint(folder)
        model, name, config = checkpoint.model, checkpoint.fingerprint, checkpoint.config
    store = pack_cached(find_workspace().cache, Source().open(config.features.names), config.features)
    tracks = [store.frames(i) for i in np.linspace(0, len(store) - 1, count).astype(int).tolist()]
    worst = deviations(model, tracks)
    fourier = milliseconds(model, config.features.width, runs)
    make_direct(model)
    direct = milliseconds(model, config.features.width, runs)
    return {"model": name, "tracks": len(tracks), "worst": worst, "ms": {"fourier": fourier, "conv2d": direct}}


def main() -> None:
    """Measure, print and write ``benchmarks/results/invariance.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint folder of an invariant branch [untrained weights]")
    parser.add_argument("--tracks", type=int, default=40, help="performances of the sample, evenly spread [40]")
    parser.add_argument("--runs", type=int, default=5, help="the quickest of so many [5]")
    args = parser.parse_args()
    result = measure(args.model, args.tracks, args.runs)
    for name, value in result["worst"].items():
        print(f"{name:9} worst deviation {value:.1e}")
    for name, times in result["ms"].items():
        print(f"{name:9} {times['step']:.2f} ms a training step and {times['embed']:.2f} ms an embedding, per track")
    command = shlex.join(["python", "-m", "benchmarks.invariance", *sys.argv[1:]])
    write_result("invariance", {"provenance": provenance(command, 0), **result})


if __name__ == "__main__":
    main()
