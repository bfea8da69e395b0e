"""Small collections in Da-TACOS's layout for tests: works are melodies, performances transpose and stretch them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

FRAME_RATE = 44_100 / 512 / 32  # frames/s: 240 frames last 89 s


def melody(seed: int, frames: int = 240) -> NDArray[np.float32]:
    """A made-up song: 12 chroma bins over time, one loud bin every few frames."""
    rng = np.random.default_rng(seed)
    notes = np.repeat(rng.integers(0, 12, frames // 6 + 1), 6)[:frames]
    return (np.eye(12)[notes] + 0.05 * rng.random((frames, 12))).astype(np.float32).clip(0, 1)


def any_chroma(seed: int, length: int, blocks: int = 1) -> NDArray[np.float32]:
    """Noise, a tune, a constant chord or silence, some of them with a silent end."""
    rng = np.random.default_rng(seed)
    kinds = [
        rng.random((length, 12 * blocks)),
        np.tile(melody(seed, length), (1, blocks)),
        np.ones((length, 1)) * rng.random(12 * blocks),
        np.zeros((length, 12 * blocks)),
    ]
    made = kinds[rng.choice(4, p=[0.4, 0.4, 0.1, 0.1])].astype(np.float32)
    made[length - int(rng.integers(0, 2) * rng.integers(0, length + 1)) :] = 0
    return made


def write_feature(
    root: Path,
    subset: str,
    feature: str,
    wid: str,
    pid: str,
    values: NDArray[np.float32],
    frame_rate: float | None = FRAME_RATE,
) -> Path:
    """Write one per-feature file as Da-TACOS does; with a frame rate, it declares that."""
    folder = root / f"da-tacos_{subset}_subset_{feature}" / f"{wid}_{feature}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pid}_{feature}.h5"
    with h5py.File(path, "w") as f:
        name = {"cens": "chroma_cens"}.get(feature, feature)
        f.create_dataset(name, data=values, compression="gzip", compression_opts=9, shuffle=True)
        f.attrs["label"], f.attrs["track_id"] = np.bytes_(wid), np.bytes_(pid)
        if frame_rate is not None:
            f.attrs["frame_rate"] = frame_rate
    return path


def write_collection(
    root: Path,
    works: int = 8,
    versions: int = 3,
    features: Sequence[str] = ("hpcp",),
    subset: str = "toy",
    frames: int = 240,
    frame_rate: float | None = FRAME_RATE,
) -> Path:
    """A collection of `works` works with `versions` performances each; PIDs count from P_1 through the works."""
    metadata: dict[str, dict[str, dict[str, str]]] = {}
    pid = 0
    for w in range(1, works + 1):
        for v in range(versions):
            pid += 1
            song = np.roll(melody(w, frames + 8 * v), 2 * v, axis=1)
            for feature in features:
                rolled = np.roll(song, 3, axis=1) if feature == "hpcp" else song
                write_feature(root, subset, feature, f"W_{w}", f"P_{pid}", rolled, frame_rate)
            metadata.setdefault(f"W_{w}", {})[f"P_{pid}"] = {
                "work_title": f"Song {w}",
                "work_artist": f"Writer {w}",
                "perf_title": f"Song {w}, version {v + 1}",
                "perf_artist": f"Singer {pid}",
                "release_year": str(1960 + pid),
                "work_id": f"W_{w}",
                "perf_id": f"P_{pid}",
                "instrumental": "No",
            }
    folder = root / "da-tacos_metadata"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"da-tacos_{subset}_subset_metadata.json").write_text(json.dumps(metadata))
    return root
