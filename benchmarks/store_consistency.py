"""Read, publish and add all at once, and kill the writer at every step: is a read ever torn, a song lost or doubled?

Run ``python -m benchmarks.store_consistency``: it starts the servers of the tests, PostgreSQL and Milvus Lite
(``--store URL`` takes others, with an empty database). A publisher gives eight songs a new sound and title 50 times,
all eight in one publication; meanwhile 20 adders add two songs each, in one publication; four processes read everything
until they have 1,000 reads. Then a publication is killed with SIGKILL before and after each of its statements and calls
of Milvus. All this is done in PostgreSQL, then in Milvus and PostgreSQL. It writes
``benchmarks/results/store_consistency.md`` and ``.json``, where results of stores that it was not given stay, and ends
with 1 if anything was torn, lost, doubled, or neither the old nor the new.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.consistent_songs import (
    PAIR,
    STILL,
    add,
    build,
    change,
    ended,
    fork,
    look,
    look_in_child,
    own_names,
)
from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.writer_deaths import Deaths, deaths, with_milvus
from covsearch.store import store_of
from covsearch.workspace import Workspace

READS, PUBLISHES, ADDERS, READERS = 1000, 50, 20, 4


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
    """

    reads: int
    publishes: int
    added: int
    states: int
    torn: int
    lost: int
    doubled: int
    failed: int

    @property
    def good(self) -> bool:
        """Whether nothing is torn, lost or doubled, and nothing failed."""
        return not (self.torn or self.lost or self.doubled or self.failed)


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


def change_often(workspace: Workspace, times: int) -> None:
    """Versions 1 to `times`, one after the other."""
    for version in range(1, times + 1):
        change(workspace, version)


def together(workspace: Workspace, folder: Path, reads: int, publishes: int, adders: int) -> Together:
    """Readers, a publisher and adders, each a process of its own."""
    assert ended(fork(lambda: build(workspace))) == 0
    done = folder / "done"
    done.unlink(missing_ok=True)
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
    still = {f"still {n}" for n in range(STILL)}
    expected = {*own_names(), *still, *(f"added {n} {k}" for n in range(adders) for k in range(PAIR))}
    last = look_in_child(workspace, folder)
    names, version = last["names"], last["version"]
    lost = total["lost"] + len(expected - set(names)) + (version != publishes)
    doubled = total["doubled"] + last["doubled"] + len(set(names) - expected)
    states = {state for one in seen for state in one["states"]}
    torn = total["torn"] + last["torn"] + len(last["problems"])
    return Together(total["reads"], publishes, adders, len(states), torn, lost, doubled, failed)


def summary(engine: str, a: Together, b: Deaths) -> str:
    """Both as Markdown."""
    own = f", {b.calls} of them calls of Milvus" if b.calls else ""
    where = "each of them" if b.every == 1 else f"one in {b.every}" + (" and all calls" if b.calls else "")
    lines = [
        f"{engine}: {a.reads:,} reads during {a.publishes} publications of eight songs and {a.added} additions of "
        f"two, in {READERS} + 1 + {a.added} processes.",
        "",
        "| reads | states seen | torn | lost | doubled | failed |",
        "|---:|---:|---:|---:|---:|---:|",
        f"| {a.reads:,} | {a.states} | {a.torn} | {a.lost} | {a.doubled} | {a.failed} |",
        "",
        f"A publication of {b.steps} steps{own}, killed with SIGKILL before and after {where}. After every kill "
        "the current state was read and all was verified:",
        "",
        "| kills | old state | new state | neither | left behind after the next publication |",
        "|---:|---:|---:|---:|---:|",
        f"| {b.kills} | {b.old} | {b.new} | {b.broken} | {b.left} |",
    ]
    return "\n".join(lines) + "\n"


def write(path: Path, engine: str, first: Together, second: Deaths) -> None:
    """Write the results of one store beside those of others."""
    known = json.loads(path.read_text(encoding="utf-8"))["engines"] if path.is_file() else {}
    own = {"provenance": provenance("store_consistency", 0), "together": asdict(first), "deaths": asdict(second)}
    every = {**known, engine: own}
    tables = [summary(name, Together(**one["together"]), Deaths(**one["deaths"])) for name, one in every.items()]
    write_table(path, {"engines": every}, "\n".join(tables))


def servers() -> list[str]:
    """URLs of an empty database, and of another one beside Milvus."""
    from tests.milvus_server import milvus
    from tests.postgres_server import database

    return [database("store_consistency"), f"milvus+{database('store_consistency milvus')}?milvus={milvus()}"]


def main() -> int:
    """Run both on every store, print and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--store", action="append", help="URL of an empty database, may be repeated [the tests' servers]"
    )
    parser.add_argument("--reads", type=int, default=READS)
    parser.add_argument("--publishes", type=int, default=PUBLISHES)
    parser.add_argument("--adders", type=int, default=ADDERS)
    parser.add_argument("--every", type=int, default=1, help="kill at every so many-th step, and call of Milvus [1]")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    chosen = parser.parse_args()
    path, good = chosen.out / "store_consistency.json", True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for store in chosen.store or servers():
            workspace = Workspace(folder / "home", store)
            first = together(workspace, folder, chosen.reads, chosen.publishes, chosen.adders)
            second = deaths(workspace, folder, chosen.every)
            write(path, "Milvus and PostgreSQL" if with_milvus(workspace) else "PostgreSQL", first, second)
            good = good and first.good and second.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
