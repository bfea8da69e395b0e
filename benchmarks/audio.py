"""Chroma of audio: how near to essentia's, how fast, how much memory: ``python -m benchmarks.audio --work /tmp/audio``.

Agreement: Da-TACOS's chain in essentia against covsearch's, frame by frame, on recordings of the sample's validation
works, played through the sound font by all its ensembles; as they are, out of tune, with noise, and with silence.
Speed: CPU time of one thread, the two taking turns, the best of three rounds, a stereo MP3 at 44.1 kHz of ten minutes.
Memory: the most that a process of its own ever holds while it reads four hours of it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.audio_works import Played, instruments, played
from benchmarks.make_sample.features import essentia_hpcp
from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.features.audio import DATASET_HOP, SAMPLE_RATE, SEARCH_HOP, hpcp, read_audio_chroma
from covsearch.features.audio.decode import mono_blocks

HOPS = (DATASET_HOP, 1024, SEARCH_HOP, 4096)
LEAST_MEAN, LEAST_P5, GOAL_SPEED, MOST_MB = 0.998, 0.98, 150, 500
MINUTES, HOURS = 10, 4
SEED = 5
MEMORY = """
import re, sys
from pathlib import Path
from covsearch.features.audio import read_audio_chroma
found = read_audio_chroma(Path(sys.argv[1]))
print(found.seconds, int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024)
"""

Samples = NDArray[np.float32]


def changed(samples: Samples, rng: np.random.Generator) -> dict[str, Samples]:
    """One recording as it is and in four other ways."""
    cents = rng.uniform(-50, 50)
    detuned = soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE * 2 ** (-cents / 1200))
    level = np.sqrt(np.mean(samples**2, dtype=np.float64))
    silent = samples.copy()
    silent[len(samples) // 3 : len(samples) // 3 + 5 * SAMPLE_RATE] = 0
    return {
        "as played": samples,
        "up to 50 cents out of tune": np.asarray(detuned, np.float32),
        "noise at -20 dB": samples + rng.normal(0, 0.1 * level, len(samples)).astype(np.float32),
        "noise at 0 dB": samples + rng.normal(0, level, len(samples)).astype(np.float32),
        "5 s of silence inside": silent,
    }


def cosines(a: Samples, b: Samples) -> NDArray[np.float64]:
    """Cosine of each frame; 1 where both are silent, 0 where one is."""
    if len(a) != len(b):
        raise RuntimeError(f"{len(a)} frames of covsearch, {len(b)} of essentia")
    silent = ~a.any(axis=1) & ~b.any(axis=1)
    sizes = np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
    return np.where(silent, 1.0, np.einsum("tf,tf->t", a, b, dtype=np.float64) / sizes)


def agreement(recordings: Sequence[Played], work: Path, seed: int) -> list[dict[str, Any]]:
    """Mean and percentiles of the frames' cosine, by what was done to the recordings."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[NDArray[np.float64]]] = {}
    sounds = (item for recording in recordings for item in changed(recording.samples(), rng).items())
    for name, samples in itertools.chain((("128 instruments", one) for one in instruments(work)), sounds):
        found.setdefault(name, []).append(cosines(hpcp(samples), essentia_hpcp(samples, SEARCH_HOP)))
    return [{"sound": name, **_figures(np.concatenate(parts))} for name, parts in found.items()]


def _figures(values: NDArray[np.float64]) -> dict[str, float | int]:
    low = np.quantile(values, [0.05, 0.001])
    return {"frames": len(values), "mean": float(values.mean()), "p5": float(low[0]), "p0.1": float(low[1])}


def stereo_mp3(recordings: Sequence[Played], path: Path, minutes: float) -> None:
    """Recordings one after the other, the right channel a little later and softer, as an MP3."""
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2) as file:
        left = minutes * 60 * SAMPLE_RATE
        while left > 0:
            for recording in recordings:
                samples = recording.samples()[: round(max(left, 0))]
                left -= len(samples)
                for start in range(0, len(samples), SAMPLE_RATE):
                    part = samples[start : start + SAMPLE_RATE]
                    file.write(np.stack([part, 0.7 * np.roll(part, 300)], axis=1))


def speeds(path: Path, rounds: int) -> list[dict[str, Any]]:
    """Times real time of decoding, of the profiles at each hop, and of both at the search hop."""
    import essentia.standard as es

    samples = np.concatenate(list(mono_blocks(path)))
    seconds = len(samples) / SAMPLE_RATE
    ways: dict[tuple[str, str], Callable[[], object]] = {
        ("decoding to mono at 44.1 kHz", "covsearch"): lambda: sum(map(len, mono_blocks(path))),
        ("decoding to mono at 44.1 kHz", "essentia"): lambda: es.MonoLoader(
            filename=str(path), sampleRate=SAMPLE_RATE
        )(),
    }
    for hop in HOPS:
        ways[f"profiles, hop {hop}", "covsearch"] = partial(hpcp, samples, hop)
        ways[f"profiles, hop {hop}", "essentia"] = partial(essentia_hpcp, samples, hop)
    both = f"both, hop {SEARCH_HOP}"
    ways[both, "covsearch"] = lambda: read_audio_chroma(path)
    ways[both, "essentia"] = lambda: essentia_hpcp(
        es.MonoLoader(filename=str(path), sampleRate=SAMPLE_RATE)(), SEARCH_HOP
    )
    best = dict.fromkeys(ways, np.inf)
    for _ in range(rounds):
        for key, way in ways.items():
            started = time.process_time()
            way()
            best[key] = min(best[key], time.process_time() - started)
    names = dict.fromkeys(step for step, _ in ways)
    return [{"step": step, **{who: seconds / best[step, who] for who in ("covsearch", "essentia")}} for step in names]


def memory(path: Path, hours: float) -> dict[str, float]:
    """Hours that were read, and megabytes at most, of a file joined until it lasts `hours`."""
    minutes = soundfile.info(path).duration / 60
    long = path.with_name("long.mp3")
    try:
        with long.open("wb") as file:
            for _ in range(round(hours * 60 / minutes)):
                file.write(path.read_bytes())
        command = [sys.executable, "-c", MEMORY, str(long)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    finally:
        long.unlink(missing_ok=True)
    return {"hours": float(said[0]) / 3600, "megabytes": float(said[1])}


def table(payload: dict[str, Any]) -> str:
    """Markdown of all figures."""
    agree = "\n".join(
        f"| {row['sound']} | {row['frames']:,} | {row['mean']:.6f} | {row['p5']:.6f} | {row['p0.1']:.4f} |"
        for row in payload["agreement"]
    )
    fast = "\n".join(f"| {row['step']} | {row['covsearch']:.0f} | {row['essentia']:.0f} |" for row in payload["speed"])
    used, told = payload["memory"], payload["provenance"]
    return f"""# Chroma of audio

`{told["command"]}`

## Agreement with essentia

{payload["recordings"]} recordings of the sample's validation works, and a chorale by each of the sound font's 128
instruments; hop {SEARCH_HOP}. Cosine of the frames; the goals are a mean of {LEAST_MEAN} and a 5th percentile of
{LEAST_P5}.

| sound | frames | mean | 5th percentile | 0.1th percentile |
|---|---|---|---|---|
{agree}

## Speed

Times real time on one thread of {told["cpu"]}, load {told["load_1min"]}; a stereo MP3 at 44.1 kHz.
The goal is {GOAL_SPEED} for both steps.

| step | covsearch | essentia |
|---|---|---|
{fast}

## Memory

A stereo MP3 of {used["hours"]:.1f} hours: {used["megabytes"]:.0f} MB at most, with Python and its libraries.
The goal is {MOST_MB}.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write ``benchmarks/results/audio.{json,md}``."""
    options = _options(arguments)
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    import essentia

    essentia.log.infoActive = False
    recordings = played("validation", options.work, options.kind, most=options.most, jobs=options.jobs)
    mp3 = options.work / "stereo.mp3"
    stereo_mp3(recordings, mp3, options.minutes)
    payload: dict[str, Any] = {
        "provenance": provenance("audio", SEED, arguments),
        "recordings": len(recordings),
        "agreement": agreement(recordings, options.work, SEED),
        "speed": speeds(mp3, options.rounds),
        "memory": memory(mp3, options.hours),
    }
    write_table(options.out, payload, table(payload))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audio", description="Measure the chroma of audio.")
    parser.add_argument("--work", type=Path, required=True, help="keeps scores and audio (600 MB)")
    parser.add_argument("--out", type=Path, default=RESULTS / "audio.json", help="JSON; Markdown goes beside it")
    parser.add_argument("--kind", choices=["chorale", "tune"], default="", help="works of one kind alone")
    parser.add_argument("--most", type=int, help="recordings at most")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of the MP3 that is timed")
    parser.add_argument("--hours", type=float, default=HOURS, help="of the file whose memory is measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="processes that render")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
