"""Fuzz every reader of strangers' files: only a CovsearchError may come out.

Run ``python -m benchmarks.fuzz_readers [--seconds 40] [--seed 0]``. Each reader of :mod:`tests.hostile.targets` is
fuzzed in a process of its own, so that a crash of a C library is seen, in 500 MB, from sound files on: by atheris,
guided by the coverage of covsearch, mido and pretty_midi, where it is installed (``pip install atheris``), else by the
seeded mutations of :mod:`tests.hostile.mutate`. It writes ``benchmarks/results/fuzz_readers.json`` and ``.md``, with
every input that was not read or refused properly, and ends with 1 if there is one.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import importlib.util
import json
import os
import random
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.children import run_child
from benchmarks.provenance import RESULTS, provenance, write_result

MAX_MB = 500
HANG_S = 20  # one input may take so long
MAX_LEN = 16_384
COMPILED = ["covsearch.features.audio.profile", "covsearch.features.audio.tuning"]  # numba cannot compile what counts


def main() -> int:
    """Fuzz all readers, or be the process that fuzzes one."""
    parser = argparse.ArgumentParser(description="Fuzz every reader of strangers' files.")
    parser.add_argument(
        "--seconds", type=int, default=40, help="for each reader; HDF5, most of which is C, has four times as many"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        return fuzz_one(chosen.one, chosen.folder, chosen.seconds, chosen.seed)
    from tests.hostile.targets import TARGETS

    rows = [fuzz(name, chosen.seconds * target.share, chosen.seed) for name, target in TARGETS.items()]
    words = ["--seconds", str(chosen.seconds), "--seed", str(chosen.seed)]
    origin = provenance("fuzz_readers", chosen.seed, words)
    write_result("fuzz_readers", {"provenance": origin, "engine": _engine(), "rows": rows})
    (RESULTS / "fuzz_readers.md").write_text(summary(rows, origin["command"]), encoding="utf-8")
    return 0 if all(row["ended"] == "well" and not row["findings"] for row in rows) else 1


def _memory() -> str | None:
    """Where files cost no disk, if there is such a folder: writing the input would be most of the time."""
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None


def fuzz(name: str, seconds: int, seed: int) -> dict[str, Any]:
    """Fuzz the reader `name` in a process of its own; one row of the result."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        words = ["--one", name, "--folder", folder, "--seconds", str(seconds), "--seed", str(seed)]
        limit = 3 * seconds + 2 * HANG_S + 60
        done = run_child([sys.executable, "-m", "benchmarks.fuzz_readers", *words], limit_s=limit)
        outcome = Path(folder) / "outcome.json"
        counts = json.loads(outcome.read_text(encoding="utf-8")) if outcome.is_file() else {"findings": []}
        left = sorted(path for path in Path(folder).glob("*-*") if re.match("crash|timeout|oom|leak", path.name))
        bad = [{"what": path.name.partition("-")[0], "input": _coded(path.read_bytes())} for path in left]
    well = done.exit_code == 0 and not bad and "executions" in counts
    coverage = re.findall(r"cov: (\d+)", done.output)
    row = {
        "reader": name,
        "ended": "well" if well else f"exit code {done.exit_code}: {done.output[-1500:]}",
        "seconds": round(done.seconds, 1),
        "peak_mb": done.peak_mb,
        "coverage": int(coverage[-1]) if coverage else None,
        **counts,
        "findings": [*counts["findings"], *bad],
    }
    print({key: value for key, value in row.items() if key != "findings"}, len(row["findings"]), flush=True)
    return row


class Judge:
    """Calls a reader and keeps count of what comes out.

    Parameters
    ----------
    read : callable
        Takes the bytes.
    refusal : type
        The exception that is a refusal; any other is a finding, kept once for each place it comes from.
    outcome : Path
        Where the counts are kept, every tenth of a second: atheris leaves without a word.
    """

    def __init__(self, read: Callable[[bytes], object], refusal: type[Exception], outcome: Path) -> None:
        self._read, self._refusal, self._outcome = read, refusal, outcome
        self.executions, self.accepted, self._longest, self._saved = 0, 0, 0.0, 0.0
        self._findings: dict[str, dict[str, str]] = {}

    def __call__(self, data: bytes) -> None:
        """Read `data` and note what came out."""
        started = time.perf_counter()
        try:
            self._read(data)
            self.accepted += 1
        except self._refusal:
            pass
        # whatever it is, it is what is looked for
        except Exception as e:  # noqa: BLE001
            frame = traceback.extract_tb(e.__traceback__)[-1]
            what = f"{type(e).__name__} in {Path(frame.filename).name}:{frame.lineno}: {str(e)[:200]}"
            key = what[: what.index(": ")]
            self._findings.setdefault(key, {"what": what, "input": _coded(data)})
        self.executions += 1
        ended = time.perf_counter()
        self._longest = max(self._longest, ended - started)
        if ended - self._saved > 0.1:
            self._saved = ended
            self.save()

    def save(self) -> dict[str, Any]:
        """Write the counts so far, and return them."""
        counts = {
            "executions": self.executions,
            "accepted": self.accepted,
            "longest_s": round(self._longest, 3),
            "findings": list(self._findings.values()),
        }
        self._outcome.write_text(json.dumps(counts), encoding="utf-8")
        return counts


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def fuzz_one(name: str, folder: Path, seconds: int, seed: int) -> int:
    """Fuzz one reader in this process."""
    guided = importlib.util.find_spec("atheris") is not None
    with _instrumented() if guided else contextlib.nullcontext():
        from covsearch.errors import CovsearchError
        from tests.hostile.targets import TARGETS
    import pretty_midi  # noqa: F401  # what it costs to import is no reader's

    (folder / "work").mkdir()
    target = TARGETS[name]
    seeds = list(target.seeds(folder / "work"))
    judge = Judge(lambda data: target.read(folder / "work", data), CovsearchError, folder / "outcome.json")
    for data in seeds:
        target.read(folder / "work", data)  # a seed that is refused would fuzz nothing
    if guided:
        _fuzz_guided(judge, seeds, folder, seconds, seed)  # leaves the process
    fuzz_blindly(judge, seeds, seconds, seed)
    return 0


def _instrumented() -> Any:
    import atheris

    return atheris.instrument_imports(include=["covsearch", "mido", "pretty_midi", "tomllib"], exclude=COMPILED)


def _fuzz_guided(judge: Judge, seeds: Sequence[bytes], folder: Path, seconds: int, seed: int) -> None:
    import atheris

    (folder / "corpus").mkdir()
    for number, data in enumerate(seeds):
        (folder / "corpus" / str(number)).write_bytes(data)
    options = {
        "seed": seed or 1,  # 0 means any
        "max_total_time": seconds,
        "rss_limit_mb": MAX_MB,
        "timeout": HANG_S,
        "max_len": MAX_LEN,
        "artifact_prefix": f"{folder}/",
    }
    atheris.Setup([sys.argv[0], *(f"-{k}={v}" for k, v in options.items()), str(folder / "corpus")], judge)
    atheris.Fuzz()


def fuzz_blindly(judge: Judge, seeds: Sequence[bytes], seconds: float, seed: int, most: int | None = None) -> None:
    """Mutate the seeds until the time is over, or `most` were tried."""
    rng, end = random.Random(seed), time.monotonic() + seconds
    from tests.hostile.mutate import mutate

    while time.monotonic() < end and (most is None or judge.executions < most):
        judge(mutate(rng.choice(seeds), seeds, rng)[:MAX_LEN])
    judge.save()


def summary(rows: Sequence[dict[str, Any]], command: str) -> str:
    """The result as Markdown."""
    total, found = sum(row.get("executions", 0) for row in rows), sum(len(row["findings"]) for row in rows)
    engine = _engine()
    lines = [
        f"`{command}` with {engine}: {total:,} executions, {found} findings (anything but a result that keeps its "
        f"promises or a CovsearchError: other exceptions, crashes, hangs over {HANG_S} s, over {MAX_MB} MB).",
        "",
        "| reader | executions | read | findings | longest s | peak MB | ended |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        ended = "well" if row["ended"] == "well" else "BADLY"
        lines.append(
            f"| {row['reader']} | {row.get('executions', 0):,} | {row.get('accepted', 0):,} | {len(row['findings'])} "
            f"| {row.get('longest_s', '')} | {row['peak_mb']} | {ended} |"
        )
    return "\n".join(lines) + "\n"


def _engine() -> str:
    import importlib.metadata

    try:
        return f"atheris {importlib.metadata.version('atheris')}"
    except importlib.metadata.PackageNotFoundError:
        return "seeded mutations (atheris is not installed)"


if __name__ == "__main__":
    sys.exit(main())
