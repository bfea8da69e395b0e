"""Read, publish and add all at once, and kill the writer at every step: is a read ever torn, a song lost or doubled?

Run ``python -m benchmarks.store_consistency``: it starts the PostgreSQL server of the tests (``--store URL`` takes
another database, which must be empty). A publisher gives eight songs a new sound and title 50 times, all eight in one
publication; meanwhile 20 adders add two songs each, in one publication; four processes read everything until they have
1,000 reads. Then a publication is killed with SIGKILL before and after each of its statements. It writes
``benchmarks/results/store_consistency.md`` and ``.json``, and ends with 1 if anything was torn, lost, doubled, or
neither the old nor the new.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.provenance import RESULTS, provenance, write_result
from covsearch.config import FeatureConfig, ModelConfig, fingerprint, to_toml
from covsearch.dataset.ids import natural_key
from covsearch.dataset.performance import Performance
from covsearch.index.chroma import Chroma
from covsearch.index.head import Head
from covsearch.rows import Rows, publish_rows, read_rows
from covsearch.store import store_of
from covsearch.store.protocols import Contents, Opened
from covsearch.workspace import Workspace

READS, PUBLISHES, ADDERS, READERS = 1000, 50, 20, 4
OWN, PAIR = 8, 2  # songs of the publisher; of an addition
COLLECTION, WEIGHTS = "songs", b"stands for weights\n"


@dataclass(frozen=True)
class Together:
    """What readers saw while others wrote.

    Attributes
    ----------
    reads, publishes, added : int
        How many there were.
    states : int
        Different ones that readers saw.
    torn, lost, doubled, failed : int
        Reads of songs of two states, or with another's sound; songs that a reader saw, or that were added, and that
        are not there later; songs that are there twice; reads and writes that failed.
    seconds : float
    """

    reads: int
    publishes: int
    added: int
    states: int
    torn: int
    lost: int
    doubled: int
    failed: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether nothing is torn, lost or doubled, and nothing failed."""
        return not (self.torn or self.lost or self.doubled or self.failed)


@dataclass(frozen=True)
class Deaths:
    """What was there after a writer was killed.

    Attributes
    ----------
    steps : int
        Statements, commits and copies of a publication.
    kills, old, new, broken : int
        How often it was killed, and what was there then: the state before, the new one whole, or neither.
    left : int
        Recordings of dead writers after the next publication.
    """

    steps: int
    kills: int
    old: int
    new: int
    broken: int
    left: int

    @property
    def good(self) -> bool:
        """Whether there was always one of the two, and nothing was left."""
        return not (self.broken or self.left) and self.kills == self.old + self.new


def song(name: str, version: int) -> tuple[Performance, np.ndarray, np.ndarray]:
    """A song whose title, vector and chroma all follow from its name and version."""
    rng = np.random.default_rng([version, *name.encode()])
    vector = rng.standard_normal(128)
    performance = Performance(name, f"W_{name}", f"{name} v{version}", collection=COLLECTION)
    unit = (vector / np.linalg.norm(vector)).astype(np.float32)
    return performance, unit, rng.integers(0, 256, (int(rng.integers(5, 30)), 12), dtype=np.uint8)


def rows_of(names: Sequence[str], version: int) -> Rows:
    """Songs as rows that can be added."""
    songs = [song(name, version) for name in names]
    first = np.cumsum([0, *(len(frames) for _, _, frames in songs)], dtype=np.int64)
    chroma = Chroma(np.concatenate([frames for _, _, frames in songs]), first, np.full(len(songs), 2.69))
    keys = tuple(f"{COLLECTION}:{name}" for name in names)
    vectors = np.stack([vector for _, vector, _ in songs])
    return Rows(keys, vectors, {"chroma": chroma}, {key: s[0] for key, s in zip(keys, songs, strict=True)}, {})


def build(workspace: Workspace) -> None:
    """The first state: the publisher's own songs, in version 0."""
    features = FeatureConfig()
    text = to_toml(model=ModelConfig(features=features))
    names = sorted(own_names(), key=natural_key)
    rows = rows_of(names, 0)
    files = {"model.safetensors": WEIGHTS, "config.toml": text.encode()}
    head = Head(np.linspace(-1, 2, 128, dtype=np.float32), 0.0)
    model, performances = fingerprint(text, WEIGHTS), list(rows.performances.values())
    made = Contents(
        names, performances, rows.vectors, rows.parts, {}, head, files, model, features, COLLECTION, 10.0, None
    )
    store = store_of(workspace)
    with store.writing():
        store.publish(made)


def own_names() -> list[str]:
    """What the publisher's songs are called."""
    return [f"own {n}" for n in range(OWN)]


def change(workspace: Workspace, version: int) -> None:
    """Give the publisher's songs another version, all in one publication."""
    with store_of(workspace).writing(beside=True):
        before, head, rows = read_rows(workspace)
        own = {f"{COLLECTION}:{name}" for name in own_names()}
        kept = [row for row, key in enumerate(rows.keys) if key not in own]
        fresh = rows_of(own_names(), version)
        publish_rows(workspace, before, head, rows.take(kept) + fresh if kept else fresh)


def change_often(workspace: Workspace, times: int) -> None:
    """Versions 1 to `times`, one after the other."""
    for version in range(1, times + 1):
        change(workspace, version)


def add(workspace: Workspace, adder: int) -> None:
    """Add two songs in one publication."""
    with store_of(workspace).writing(beside=True):
        before, head, rows = read_rows(workspace)
        publish_rows(workspace, before, head, rows + rows_of([f"added {adder} {n}" for n in range(PAIR)], 0))


def look(opened: Opened) -> dict[str, Any]:
    """What is wrong with one read, and how far it sees."""
    names = list(opened.vectors.names)
    known = opened.catalogue.get(names)
    wrong = Counter(torn=0, doubled=len(names) - len({*names}) + abs(len(opened.catalogue) - len(names)))
    versions = set()
    for row, name in enumerate(names):
        version = int(known[name].title.rpartition(" v")[2]) if name in known else -1
        _, vector, frames = song(name, version) if version >= 0 else (None, np.empty(0), np.empty(0))
        chroma = (opened.parts["chroma"].take([row]).frames,)[0]
        same = np.array_equal(opened.vectors.take([row])[0], vector) and np.array_equal(chroma, frames)
        wrong["torn"] += not same
        versions |= {version} if name.startswith("own") else set()
    pairs = Counter(name.split()[1] for name in names if name.startswith("added"))
    wrong["torn"] += len(versions) != 1 or sum(name.startswith("own") for name in names) != OWN
    wrong["torn"] += sum(count != PAIR for count in pairs.values())
    return {**wrong, "state": opened.state.name, "version": max(versions), "names": names}


def read(workspace: Workspace, reads: int, out: Path, done: Path) -> None:
    """Read again and again: at least `reads` times, and until all writers are done."""
    counts: Counter[str] = Counter()
    states, version, before = set[str](), 0, set[str]()
    while counts["reads"] < reads or not done.exists():
        found = store_of(workspace).read(look)
        counts.update(reads=1, torn=bool(found["torn"]), doubled=found["doubled"])
        counts["lost"] += len(before - set(found["names"])) + (found["version"] < version)
        states.add(found["state"])
        version, before = found["version"], set(found["names"])
    out.write_text(json.dumps({**counts, "states": sorted(states)}), encoding="utf-8")


def fork(work: Callable[[], None]) -> int:
    """Do it in another process, whose exit code tells whether it could."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001, the exit code tells
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def ended(pid: int) -> int:
    """Exit code of a process; that of a signal is negative."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def together(workspace: Workspace, folder: Path, reads: int, publishes: int, adders: int) -> Together:
    """Readers, a publisher and adders, each a process of its own."""
    started = time.perf_counter()
    assert ended(fork(lambda: build(workspace))) == 0
    done = folder / "done"
    each = -(-reads // READERS)
    outs = [folder / f"reader-{n}.json" for n in range(READERS)]
    readers = [fork(lambda out=out: read(workspace, each, out, done)) for out in outs]  # type: ignore[misc]
    writers = [fork(lambda: change_often(workspace, publishes))]
    writers += [fork(lambda n=n: add(workspace, n)) for n in range(adders)]  # type: ignore[misc]
    failed = sum(ended(writer) != 0 for writer in writers)
    done.touch()
    failed += sum(ended(reader) != 0 for reader in readers)
    seen = [json.loads(out.read_text()) for out in outs if out.exists()]
    total: Counter[str] = Counter()
    for one in seen:
        total.update({name: one.get(name, 0) for name in ("reads", "torn", "lost", "doubled")})
    expected = {*own_names(), *(f"added {n} {k}" for n in range(adders) for k in range(PAIR))}
    last = store_of(workspace).read(look)
    names, version = last["names"], last["version"]
    lost = total["lost"] + len(expected - set(names)) + (version != publishes)
    doubled = total["doubled"] + last["doubled"] + len(set(names) - expected)
    states = {state for one in seen for state in one["states"]}
    torn, seconds = total["torn"] + last["torn"], time.perf_counter() - started
    return Together(total["reads"], publishes, adders, len(states), torn, lost, doubled, failed, round(seconds, 1))


def count_steps(reach: Callable[[int, bool], None]) -> None:
    """From now on, call `reach` before (False) and after (True) every statement, commit and copy, with its number."""
    step = 0

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal step
            step += 1
            own = step
            reach(own, False)
            result = original(*args, **kwargs)
            reach(own, True)
            return result

        return wrapper

    for owner, name in ((psycopg.Cursor, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Connection, "commit")):
        setattr(owner, name, wrapped(getattr(owner, name)))


def die(pid: int = 0) -> None:
    """End at once, and nothing runs any more."""
    os.kill(pid or os.getpid(), signal.SIGKILL)


def deaths(workspace: Workspace, folder: Path, every: int = 1) -> Deaths:
    """Kill a publication before and after every `every`-th of its statements."""

    def steps() -> None:
        reached: list[int] = []
        count_steps(lambda step, _: reached.append(step))
        change(workspace, 10_000)
        (folder / "steps").write_text(str(max(reached)))

    def killed(at: int, after: bool, version: int) -> None:
        count_steps(lambda step, was: die() if (step, was) == (at, after) else None)
        change(workspace, version)

    assert ended(fork(steps)) == 0
    count = int((folder / "steps").read_text())
    counts: Counter[str] = Counter()
    before = store_of(workspace).read(look)["version"]
    for at in range(1, count + 1, every):
        for after in (False, True):
            version = 20_000 + 2 * at + after
            if ended(fork(lambda at=at, after=after, version=version: killed(at, after, version))) != -signal.SIGKILL:  # type: ignore[misc]
                continue  # a statement that only some publications need
            counts["kills"] += 1
            found = store_of(workspace).read(look)
            whole = not found["torn"] and not found["doubled"]
            kind = "old" if found["version"] == before else "new" if found["version"] == version else "broken"
            counts[kind if whole else "broken"] += 1
            before = found["version"]
    assert ended(fork(lambda: change(workspace, 30_000))) == 0  # nobody holds a lock
    with psycopg.connect(str(workspace.store)) as connection:
        row = connection.execute("SELECT count(*) FROM covsearch.recordings WHERE stage IS NOT NULL").fetchone()
    return Deaths(count, counts["kills"], counts["old"], counts["new"], counts["broken"], row[0] if row else 0)


def summary(a: Together, b: Deaths) -> str:
    """Both as Markdown."""
    lines = [
        f"PostgreSQL: {a.reads:,} reads during {a.publishes} publications of eight songs and {a.added} additions of "
        f"two, in {READERS} + 1 + {a.added} processes.",
        "",
        "| reads | states seen | torn | lost | doubled | failed |",
        "|---:|---:|---:|---:|---:|---:|",
        f"| {a.reads:,} | {a.states} | {a.torn} | {a.lost} | {a.doubled} | {a.failed} |",
        "",
        f"A publication of {b.steps} statements, killed with SIGKILL before and after each of them:",
        "",
        "| kills | old state | new state | neither | recordings left behind |",
        "|---:|---:|---:|---:|---:|",
        f"| {b.kills} | {b.old} | {b.new} | {b.broken} | {b.left} |",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run both, print and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="URL of an empty database [one of the tests' server]")
    parser.add_argument("--reads", type=int, default=READS)
    parser.add_argument("--publishes", type=int, default=PUBLISHES)
    parser.add_argument("--adders", type=int, default=ADDERS)
    parser.add_argument("--every", type=int, default=1, help="kill at every so many-th statement [1]")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if chosen.store is None:
            from tests.postgres_server import database

            chosen.store = database("store_consistency")
        workspace = Workspace(folder / "home", chosen.store)
        first = together(workspace, folder, chosen.reads, chosen.publishes, chosen.adders)
        second = deaths(workspace, folder, chosen.every)
    print(summary(first, second))
    about = provenance("store_consistency", 0)
    payload = {"provenance": about, "together": asdict(first), "deaths": asdict(second)}
    if chosen.out == RESULTS:
        write_result("store_consistency", payload)
    else:
        (chosen.out / "store_consistency.json").write_text(json.dumps(payload), encoding="utf-8")
    (chosen.out / "store_consistency.md").write_text(summary(first, second), encoding="utf-8")
    return 0 if first.good and second.good else 1


if __name__ == "__main__":
    sys.exit(main())
