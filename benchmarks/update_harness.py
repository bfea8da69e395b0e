"""Kill `covsearch update` at random moments: is anything lost, is anything decoded twice?

Run ``python -m benchmarks.update_harness``: it makes a folder of 500 short songs and indexes it. Ten times it changes
ten of them, starts an update, kills it with SIGKILL at a random moment, looks at what is there, and updates again. It
writes ``benchmarks/results/update_harness.md`` and ``.json``, and ends with 1 if the index was ever neither the old one
nor the new one, a song was lost, or a sound was decoded twice.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

import covsearch
from benchmarks.provenance import RESULTS, provenance, write_result
from covsearch.collections.content import content_of
from covsearch.collections.heard import chroma_folder

RATE, SECONDS = 8000, 16
FILES, CHANGED, ROUNDS = 500, 10, 10


@dataclass(frozen=True)
class Round:
    """What one killed update left, and what the next one did.

    Attributes
    ----------
    killed_at : float
        Share of the time that an update takes.
    ended : bool
        Whether it had ended before it was killed.
    old_or_new : bool
        Whether the index was whole after the kill: the one before, or the one that was being made.
    decoded_before, decoded_after : int
        Sounds decoded by the killed update, and by the one after it.
    decoded_twice : int
        Sounds that were decoded although they were in the cache.
    lost : int
        Songs that the index has not, or has with another sound than the file's.
    verified : bool
        Whether all checksums held in the end.
    """

    killed_at: float
    ended: bool
    old_or_new: bool
    decoded_before: int
    decoded_after: int
    decoded_twice: int
    lost: int
    verified: bool

    @property
    def good(self) -> bool:
        """Whether nothing was lost and nothing done twice."""
        whole = self.old_or_new and self.verified and not self.lost and not self.decoded_twice
        return whole and self.decoded_before + self.decoded_after == CHANGED


def write_song(path: Path, rng: np.random.Generator) -> None:
    """Sixteen seconds of random chords."""
    time_s = np.arange(RATE) / RATE
    notes = 220 * 2 ** (rng.integers(0, 24, (SECONDS, 4)) / 12)
    sound = np.concatenate([0.2 * np.sin(2 * np.pi * np.outer(chord, time_s)).sum(axis=0) for chord in notes])
    soundfile.write(path, sound, RATE, "PCM_16")


def command(home: Path, music: Path) -> list[str]:
    """The update of a folder."""
    return [sys.executable, "-m", "covsearch", "--home", str(home), "update", str(music), "--json"]


def contents(index: covsearch.Index) -> dict[str, str]:
    """The checksum of the sound of every performance, by id."""
    searcher = index._searcher()
    origins = searcher.catalogue.origins(searcher.collection.names)
    return {name: origin.files["hpcp"].sha256 for name, origin in origins.items()}


def decoded(home: Path) -> dict[str, tuple[int, int]]:
    """Every decoded sound: inode and time of its file, which a second decoding would change."""
    files = chroma_folder(home / "cache").glob("*/*.npy")
    return {path.stem: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def one_round(home: Path, music: Path, share: float, usual: float, rng: np.random.Generator, files: int) -> Round:
    """Change some songs, kill an update, finish it, and look."""
    index = covsearch.open(home)
    old, cached = contents(index), decoded(home)
    for number in rng.choice(files, CHANGED, replace=False).tolist():
        write_song(music / f"{number:03d}.flac", rng)
    wanted = {path.name: content_of(path) for path in music.iterdir()}
    running = subprocess.Popen(command(home, music), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        running.wait(share * usual)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
    ended = running.wait() == 0
    time.sleep(1)  # a decoder ends with the file that it is at
    left, between = contents(index), decoded(home)
    subprocess.run(command(home, music), stdout=subprocess.DEVNULL, check=True)
    after, found = decoded(home), contents(index)
    return Round(
        round(share, 3),
        ended,
        left in (old, wanted),
        len(between.keys() - cached.keys()),
        len(after.keys() - between.keys()),
        _changed(cached, between) + _changed(between, after),
        sum(found.get(name) != content for name, content in wanted.items()),
        not index.verify().current.problems,
    )


def _changed(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]) -> int:
    return sum(after.get(name) != stamp for name, stamp in before.items())


def study(folder: Path, files: int, rounds: int, seed: int) -> list[Round]:
    """Index a folder of songs, and update it under fire."""
    rng, moments = np.random.default_rng(seed), random.Random(seed)
    music, home = folder / "Music", folder / "home"
    music.mkdir()
    for number in range(files):
        write_song(music / f"{number:03d}.flac", rng)
    covsearch.build(music, home=home)
    for number in range(CHANGED):
        write_song(music / f"{number:03d}.flac", rng)
    begin = time.perf_counter()
    subprocess.run(command(home, music), stdout=subprocess.DEVNULL, check=True)
    usual = time.perf_counter() - begin
    found = []
    for _ in range(rounds):
        found.append(one_round(home, music, moments.random(), usual, rng, files))
        print(json.dumps(asdict(found[-1])), flush=True)
    return found


def summary(rounds: Sequence[Round], files: int) -> str:
    """The result as Markdown."""
    twice = sum(one.decoded_twice for one in rounds)
    lines = [
        f"`covsearch update` of {files} songs, {CHANGED} changed, killed with SIGKILL {len(rounds)} times: "
        f"{sum(one.lost for one in rounds)} songs lost, {twice} sounds decoded twice, "
        f"{sum(not one.old_or_new for one in rounds)} times neither the old nor the new index.",
        "",
        "| killed at | index after the kill | decoded before | decoded after | decoded twice | lost | verified |",
        "|---:|---|---:|---:|---:|---:|---|",
    ]
    for one in rounds:
        state = "whole" if one.old_or_new else "BROKEN"
        at = "ended before" if one.ended else f"{one.killed_at:.0%}"
        counts = f"{one.decoded_before} | {one.decoded_after} | {one.decoded_twice} | {one.lost}"
        lines.append(f"| {at} | {state} | {counts} | {'yes' if one.verified else 'NO'} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the study, print and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-write", action="store_true", help="leave benchmarks/results as it is")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rounds = study(Path(folder).resolve(), chosen.files, chosen.rounds, chosen.seed)
    print(summary(rounds, chosen.files))
    if not chosen.no_write:
        about = provenance("update_harness", chosen.seed)
        write_result("update_harness", {"provenance": about, "rounds": [asdict(one) for one in rounds]})
        (RESULTS / "update_harness.md").write_text(summary(rounds, chosen.files), encoding="utf-8")
    return 0 if all(one.good for one in rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
