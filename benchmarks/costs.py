"""What an index of 10^5 to 10^9 tracks costs, by a small model from the results of the other benchmarks.

Run ``python -m benchmarks.costs``: it reads ``benchmarks/results/*.json``, measures nothing itself, and prints the
tables of ``docs/scale.md``. Seconds are of one core.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.provenance import RESULTS

TRACKS = [10**power for power in range(5, 10)]
ASSUMED = "assumed"
CANDIDATES, JUDGED = 1000, 100
DAY = 86_400


@dataclass(frozen=True)
class Constant:
    """One number that the model stands on.

    Attributes
    ----------
    what, unit : str
    value : float
    source : str
        The result that it was read from, or :data:`ASSUMED`, with a reason.
    """

    what: str
    value: float
    unit: str
    source: str


def constants() -> dict[str, Constant]:
    """All numbers of the model, by short names."""
    speed = {row["step"]: row["covsearch"] for row in _result("audio")["speed"]}
    build = _result("datacos_scale")["run"]
    index = _result("query_latency")
    heads = {row["search"]: row for row in _real(_result("scale"))["searches"]}
    length = 240.0
    return {
        "length": Constant("a track", length, "s", f"{ASSUMED}: four minutes"),
        "sound": Constant("its audio", length * 128_000 / 8, "bytes", f"{ASSUMED}: 128 kbit/s"),
        "decode": Constant("decoding", 1000 * length / speed["decoding to mono at 44.1 kHz"], "ms", "audio.json"),
        "hpcp": Constant("HPCP, hop 512", 1000 * length / speed["profiles, hop 512"], "ms", "audio.json"),
        "embed": Constant(
            "reading, embedding and storing features",
            1000 * build["build_cpu_s"] / build["files"],
            "ms",
            "datacos_scale.json",
        ),
        "features": Constant("its feature file", build["files_bytes"] / build["files"], "bytes", "datacos_scale.json"),
        "vector": Constant("its vector", 128 * 4, "bytes", "128 numbers of 4 bytes"),
        "code": Constant("its FastScan code", 33, "bytes", "64 codes of 4 bits and one byte"),
        "chroma": Constant(
            "its chroma, 2.69 frames/s", 1e6 * index["chroma_mb"] / index["performances"], "bytes", "query_latency.json"
        ),
        "rest": Constant("its metadata with all indexes", 1000, "bytes", ASSUMED),
        "flat": Constant("a million vectors, exactly", 1e9 * heads["head"]["cpu_s"] / 15_000, "ms", "scale.json"),
        "fast": Constant("a million vectors, FastScan", _fast_ms(), "ms", "many_vectors.json"),
        "coarse": Constant("aligning a pair, 0.9 frames/s", _coarse_ms(), "ms", "alignment.json"),
        "query": Constant(
            f"a query that aligns {CANDIDATES:,} and judges {JUDGED}",
            1000 * index["searches"]["1 core"]["cpu_s"],
            "ms",
            "query_latency.json",
        ),
        "memory": Constant("a machine's memory for codes", 48e9, "bytes", f"{ASSUMED}: 64 GB"),
    }


def _result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _real(scale: Mapping[str, Any]) -> Any:
    """The run on recordings, where the other one is of synthetic music."""
    return next(run for run in scale["runs"] if run["collection"] != "sample")


def _coarse_ms() -> float:
    rows = _result("alignment")["rows"]
    return float(next(row["ms_a_pair"] for row in rows if row["way"] == "covsearch" and row["frames_per_s"] == 0.9))


def _fast_ms() -> float:
    """Milliseconds of the processor for the 1,000 nearest of a million."""
    runs = _result("many_vectors")["runs"]
    found = next(run for run in runs if run["engine"] == "FastScan" and run["vectors"] == 1_000_000)
    return float(found["of_1000"]["p50_cpu_ms"])


def recall_at(tracks: int, measured: Mapping[int, float], size: int = 15_000) -> float:
    """The share of covers among the 1,000 nearest of so many tracks.

    A collection that is k times as large has k times as many others before a cover: its 1,000 nearest are the 1,000 / k
    nearest of the measured one.

    Parameters
    ----------
    tracks : int
    measured : mapping
        k -> recall of the k nearest, at `size` tracks.
    size : int

    Returns
    -------
    float
        Interpolated over log k; NaN below the least k that was measured.
    """
    place = CANDIDATES * size / tracks
    known = sorted(measured)
    if place < known[0]:
        return math.nan
    for low, high in pairwise(known):
        if place <= high:
            share = math.log(place / low) / math.log(high / low)
            return measured[low] + share * (measured[high] - measured[low])
    return measured[known[-1]]


def costs(tracks: int, of: Mapping[str, Constant]) -> dict[str, float]:
    """What so many tracks cost.

    Returns
    -------
    dict
        ``extract`` and ``embed`` in core-days; ``sound``, ``features``, ``codes``, ``vectors``, ``chroma`` and ``rest``
        in bytes; ``machines`` that hold the codes; ``first``, ``query`` and ``query_all`` in seconds of one core:
        the nearest by their vectors, the stages after it, and these for as many ``candidates`` as keep the recall that
        1,000 have at 15,000 tracks.
    """
    a = {name: constant.value for name, constant in of.items()}
    found = {name: a[name] * tracks for name in ("sound", "features", "vector", "chroma", "rest", "code")}
    candidates = max(CANDIDATES, CANDIDATES * tracks / 15_000)
    return {
        **found,
        "extract": (a["decode"] + a["hpcp"]) / 1000 * tracks / DAY,
        "embed": a["embed"] / 1000 * tracks / DAY,
        "machines": math.ceil(found["code"] / a["memory"]),
        "first": a["flat" if tracks <= 300_000 else "fast"] / 1000 * tracks / 1e6,
        "query": a["query"] / 1000,
        "candidates": candidates,
        "query_all": (a["query"] + (candidates - CANDIDATES) * a["coarse"]) / 1000,
    }


def tables() -> str:
    """The constants, what an index takes and what a query takes, in Markdown."""
    of = constants()
    lines = ["| of one track, or as said | | from |", "|---|---:|---|"]
    lines += [f"| {one.what} | {_amount(one)} | {one.source} |" for one in of.values()]
    rows = {tracks: costs(tracks, of) for tracks in TRACKS}
    lines += ["", *_kept(rows), "", *_asked(rows)]
    return "\n".join(lines) + "\n"


def _kept(rows: Mapping[int, Mapping[str, float]]) -> list[str]:
    """The table of what building takes and what is stored."""
    lines = _head("tracks", "audio", "decoding and HPCP", "embedding", "feature files", "vectors", "chroma", "metadata")
    for tracks, row in rows.items():
        days = [f"{_round(row[name])} core-days" for name in ("extract", "embed")]
        sizes = [_size(row[name]) for name in ("features", "vector", "chroma", "rest")]
        lines.append(f"| {' | '.join([_power(tracks), _size(row['sound']), *days, *sizes])} |")
    return lines


def _asked(rows: Mapping[int, Mapping[str, float]]) -> list[str]:
    """The table of what a query takes."""
    known = _recalls()
    stages = ("codes in memory", "machines for them", "first stage", f"aligning {CANDIDATES:,}, judging {JUDGED}")
    kept = f"candidates for a recall of {known[CANDIDATES]:.2f}"
    lines = _head("tracks", *stages, f"recall of the {CANDIDATES:,}", kept, "with these")
    for tracks, row in rows.items():
        recall = recall_at(tracks, known)
        shown = f"< {min(known.values()):.2f}" if math.isnan(recall) else f"{recall:.2f}"
        first, query, query_all = (f"{_round(row[name])} s" for name in ("first", "query", "query_all"))
        held = [_power(tracks), _size(row["code"]), f"{row['machines']:g}", first, query, shown]
        lines.append(f"| {' | '.join([*held, _round(row['candidates']), query_all])} |")
    return lines


def _head(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"|{'---:|' * len(columns)}"]


def _recalls() -> dict[int, float]:
    """Recall of the head's k nearest at 15,000 tracks."""
    return {int(k): recall for k, recall in _real(_result("scale"))["recall_of_head"].items()}


def _amount(one: Constant) -> str:
    return _size(one.value) if one.unit == "bytes" and one.value >= 1e6 else f"{_round(one.value, 3)} {one.unit}"


def _power(tracks: int) -> str:
    return f"10<sup>{round(math.log10(tracks))}</sup>"


def _size(count: float) -> str:
    for unit, factor in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9)):
        if count >= factor:
            return f"{_round(count / factor)} {unit}"
    return f"{_round(count / 1e6)} MB"


def _round(value: float, kept: int = 2) -> str:
    """Two digits: more the model does not know."""
    digits = kept - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(0, digits)}f}"


if __name__ == "__main__":
    print(tables(), end="")
