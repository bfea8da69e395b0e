"""The provenance block of every measured result: when, where, with what and how it was obtained."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = (
    "covsearch",
    "numpy",
    "numba",
    "torch",
    "faiss-cpu",
    "sqlalchemy",
    "h5py",
    "scikit-learn",
    "safetensors",
    "pennylane",
    "essentia",
)


def provenance(module: str, seed: int | None, words: Sequence[str] | None = None) -> dict[str, Any]:
    """Where a result comes from.

    Parameters
    ----------
    module : str
        In this package; with `words` it is the command that a reader types in the clone to get the same result.
    seed : int or None
        Seed of everything random in it; None when nothing is.
    words : sequence of str, optional
        Options of the command; by default those that this process was given.

    Returns
    -------
    dict
        JSON-ready: command, seed, date (UTC, ISO 8601), machine and its load, python and package versions (None where a
        package is not installed).
    """
    return {
        "command": shlex.join(["python", "-m", f"benchmarks.{module}", *(sys.argv[1:] if words is None else words)]),
        "seed": seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),  # other work on the machine, which slows what is timed
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def write_result(name: str, payload: Mapping[str, Any]) -> Path:
    """Write `payload` as ``benchmarks/results/NAME.json`` and return the path.

    NaN and infinity are no JSON: they raise ValueError instead of making a file that others cannot read.
    """
    return _write_json(RESULTS / f"{name}.json", payload)


def write_table(path: Path, payload: Mapping[str, Any], table: str) -> None:
    """Write `payload` to `path` as :func:`write_result` does and `table` (Markdown) beside it, and print the table."""
    _write_json(path, payload)
    path.with_suffix(".md").write_text(table, encoding="utf-8")
    print(table)


def _write_json(path: Path, payload: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(payload, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {path}", file=sys.stderr)
    return path


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    """The processor's name as Linux tells it, else what Python knows."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
