"""Songs that tell by themselves whether a state of them is whole, and processes that publish and read them."""

from __future__ import annotations

import json
import os
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from covsearch.config import FeatureConfig, ModelConfig, fingerprint, to_toml
from covsearch.dataset.ids import natural_key
from covsearch.dataset.performance import Performance
from covsearch.index.chroma import Chroma
from covsearch.index.head import Head
from covsearch.rows import Rows, publish_rows, read_rows
from covsearch.store import store_of
from covsearch.store.protocols import Contents, Opened
from covsearch.workspace import Workspace

OWN, PAIR = 8, 2  # songs of the publisher; of an addition
STILL, NEAREST = 40, 3  # songs that nobody changes, so that an engine is asked for the nearest, and not for all
COLLECTION, WEIGHTS = "songs", b"stands for weights\n"


@cache
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
    """The first state: the publisher's own songs and those that stay, in version 0."""
    features = FeatureConfig()
    text = to_toml(model=ModelConfig(features=features))
    names = sorted([*own_names(), *(f"still {n}" for n in range(STILL))], key=natural_key)
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
        publish_rows(workspace, before, head, rows.take(kept) + rows_of(own_names(), version))


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
    found = [int(known[name].title.rpartition(" v")[2]) if name in known else -1 for name in names]
    expected = [song(name, max(version, 0)) for name, version in zip(names, found, strict=True)]
    for row, (_, vector, frames) in enumerate(expected):
        if not names[row].startswith("still"):
            chroma = opened.parts["chroma"].take([row]).frames
            same = np.array_equal(opened.vectors.take([row])[0], vector) and np.array_equal(chroma, frames)
            wrong["torn"] += not (same and found[row] >= 0)
    vectors, head = np.stack([vector for _, vector, _ in expected]), opened.vectors.head
    nearest = np.argsort(head.distances(vectors[0], vectors))[:NEAREST]
    wrong["torn"] += not np.array_equal(opened.vectors.search(vectors[0], NEAREST).rows, nearest)
    versions = {version for name, version in zip(names, found, strict=True) if name.startswith("own")}
    pairs = Counter(name.split()[1] for name in names if name.startswith("added"))
    wrong["torn"] += len(versions) != 1 or sum(name.startswith("own") for name in names) != OWN
    wrong["torn"] += sum(count != PAIR for count in pairs.values())
    return {**wrong, "state": opened.state.name, "version": max(versions), "names": names}


def look_in_child(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """The same of the current state, and what `verify` finds wrong with any, by a process of its own.

    What is forked later must not have this one's connections: those to Milvus do not survive it.
    """
    out = folder / "looked.json"

    def work() -> None:
        store = store_of(workspace)
        problems = [problem for found in store.verify(lambda *_: None) for problem in found.problems]
        out.write_text(json.dumps({**store.read(look), "problems": problems}), encoding="utf-8")

    if ended(fork(work)):
        raise RuntimeError("the current state cannot be read")
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


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
