"""Write the sample: HDF5 per feature, metadata, split and renderings, in the layout of Da-TACOS."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.make_sample.catalogue import Row, metadata
from benchmarks.make_sample.features import FRAMES_PER_SECOND, cached, fit_length
from benchmarks.make_sample.performance import assign

STEPS = {"hpcp": 32, "crema": 32}
"""Values are rounded to 1/32: two renderings differ by far more, and the whole sample must fit a wheel."""
RENDERING = (
    "pid", "wid", "kind", "source_file", "number", "key", "bar", "repeats", "instruments", "tempo_factor",
    "quarter_bpm", "seconds",
)  # fmt: skip
"""The columns of ``renderings.csv``."""
_PREFIX = "da-tacos_sample_subset"


def write_feature(feature: str, found: list[Row], work: Path, out: Path) -> None:
    """Write ``da-tacos_sample_subset_<feature>/W_1_<feature>/P_1_<feature>.h5`` for all rows, from the cache.

    CREMA is cut or continued to HPCP's number of frames: the two extractors round the last frame differently.
    """
    folder = out / f"{_PREFIX}_{feature}"
    shutil.rmtree(folder, ignore_errors=True)
    for row in found:
        frames = np.load(cached(work, feature, row.setting.source_id))
        if feature != "hpcp":
            frames = fit_length(frames, len(np.load(cached(work, "hpcp", row.setting.source_id), mmap_mode="r")))
        target = folder / f"{row.wid}_{feature}" / f"{row.pid}_{feature}.h5"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_h5(target, feature, quantised(frames, STEPS[feature]), row.wid, row.pid)


def quantised(frames: npt.NDArray[np.float32], steps: int) -> npt.NDArray[np.float32]:
    """Round values of [0, 1] to multiples of 1/`steps`.

    Raises
    ------
    ValueError
        if a value is not finite or lies outside [0, 1].
    """
    if not np.isfinite(frames).all() or frames.min() < 0 or frames.max() > 1 + 1e-5:
        raise ValueError(f"expected finite values in [0, 1], got {np.nanmin(frames)} to {np.nanmax(frames)}")
    return (np.round(np.clip(frames, 0, 1) * steps) / steps).astype(np.float32)


def write_h5(target: Path, feature: str, frames: npt.NDArray[np.float32], wid: str, pid: str) -> None:
    """One file as deepdish writes it: ``/<feature>`` (T, 12) float32, gzip 9 after shuffle, ids as root attributes."""
    import h5py

    # v110: the compact headers of HDF5 1.10, a third of the file for excerpts as short as these.
    with h5py.File(target, "w", libver=("v110", "v110"), meta_block_size=512) as file:
        for name, value in {"CLASS": "GROUP", "VERSION": "1.0", "label": wid, "track_id": pid}.items():
            file.attrs[name] = np.bytes_(value)
        packing = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
        stored = file.create_dataset(feature, data=frames, chunks=frames.shape, track_times=False, **packing)
        stored.attrs["CLASS"] = np.bytes_("CARRAY")


def write_tables(found: list[Row], split: dict[str, list[int]], seed: int, work: Path, out: Path) -> None:
    """Write the metadata JSON, ``split.json`` and ``renderings.csv``."""
    (out / "da-tacos_metadata").mkdir(parents=True, exist_ok=True)
    _write_json(out / "da-tacos_metadata" / f"{_PREFIX}_metadata.json", metadata(found))
    parts = {name: [f"W_{number}" for number in numbers] for name, numbers in split.items()}
    _write_json(out / "split.json", {"seed": seed, **parts})
    with (out / "renderings.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(RENDERING)
        table.writerows(_rendering(row, seed, work) for row in found)


def _rendering(row: Row, seed: int, work: Path) -> list[str]:
    setting, performance = row.setting, assign(row.setting, seed)
    frames = len(np.load(cached(work, "hpcp", setting.source_id), mmap_mode="r"))
    key = setting.key.replace("-", "b")  # music21 writes B- for B flat
    return [
        row.pid, row.wid, setting.kind, setting.file, setting.number, key, setting.bar, setting.repeats,
        performance.ensemble, str(performance.tempo), str(performance.quarter_bpm), f"{frames / FRAMES_PER_SECOND:.1f}",
    ]  # fmt: skip


def _write_json(target: Path, value: object) -> None:
    target.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
