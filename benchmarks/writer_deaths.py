"""Kill a publication before and after each of its steps: is the state before there, or the new one whole?"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.consistent_songs import change, ended, fork, look_in_child
from covsearch.store import MILVUS
from covsearch.store.postgres.link import server_url
from covsearch.workspace import Workspace

_STATEMENTS = ((psycopg.Cursor, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Connection, "commit"))
_CALLS = (
    *("create_collection", "create_index", "insert", "flush", "load_collection", "query", "drop_collection"),
    *("has_collection", "describe_alias", "create_alias", "alter_alias", "list_collections"),
)


@dataclass(frozen=True)
class Deaths:
    """What was there after a writer was killed.

    Attributes
    ----------
    steps : int
        Statements, commits and copies of a publication, and calls of Milvus.
    calls : int
        Of these, calls of Milvus.
    every : int
        It was killed at every so many-th step, and at every call of Milvus.
    kills, old, new, broken : int
        How often it was killed, and what was there then: the state before, the new one whole, or neither. Where
        `verify` finds anything wrong, that is neither.
    left : int
        Recordings of dead writers and collections of no generation, after the next publication.
    """

    steps: int
    calls: int
    every: int
    kills: int
    old: int
    new: int
    broken: int
    left: int

    @property
    def good(self) -> bool:
        """Whether there was always one of the two, and nothing was left."""
        return not (self.broken or self.left) and self.kills == self.old + self.new


def count_steps(workspace: Workspace, reach: Callable[[int, bool, bool], None]) -> None:
    """From now on, call `reach` before and after every step.

    It gets the step's number, whether that is done, and whether it is a call of Milvus.
    """
    step = 0

    def wrapped(original: Callable[..., Any], milvus: bool) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal step
            step += 1
            own = step
            reach(own, False, milvus)
            result = original(*args, **kwargs)
            reach(own, True, milvus)
            return result

        return wrapper

    for owner, name in _STATEMENTS:
        setattr(owner, name, wrapped(getattr(owner, name), False))
    if with_milvus(workspace):
        from pymilvus import MilvusClient

        for name in _CALLS:
            setattr(MilvusClient, name, wrapped(getattr(MilvusClient, name), True))


def with_milvus(workspace: Workspace) -> bool:
    """Whether Milvus finds the vectors."""
    return str(workspace.store).startswith(MILVUS)


def die() -> None:
    """End at once, and nothing runs any more."""
    os.kill(os.getpid(), signal.SIGKILL)


def deaths(workspace: Workspace, folder: Path, every: int = 1) -> Deaths:
    """Kill a publication before and after every `every`-th of its steps, and every call of Milvus."""
    out = folder / "steps.json"

    def steps() -> None:
        reached: dict[int, bool] = {}
        count_steps(workspace, lambda step, _, milvus: reached.update({step: milvus}))
        change(workspace, 10_000)
        out.write_text(json.dumps([reached[step] for step in sorted(reached)]), encoding="utf-8")

    def killed(at: int, after: bool, version: int) -> None:
        count_steps(workspace, lambda step, done, _: die() if (step, done) == (at, after) else None)
        change(workspace, version)

    if with_milvus(workspace):
        import_module("scipy.sparse")  # pymilvus loads it at its first search: once here, and not in every child
    assert ended(fork(steps)) == 0
    is_call: list[bool] = json.loads(out.read_text())
    counts: Counter[str] = Counter()
    before = look_in_child(workspace, folder)["version"]
    for at in (step for step, call in enumerate(is_call, 1) if call or step % every == 1 % every):
        for after in (False, True):
            version = 20_000 + 2 * at + after
            if ended(fork(lambda at=at, after=after, version=version: killed(at, after, version))) != -signal.SIGKILL:  # type: ignore[misc]
                continue  # a step that only some publications need
            counts["kills"] += 1
            found = look_in_child(workspace, folder)
            whole = not (found["torn"] or found["doubled"] or found["problems"])
            kind = "old" if found["version"] == before else "new" if found["version"] == version else "broken"
            counts[kind if whole else "broken"] += 1
            before = found["version"]
    assert ended(fork(lambda: change(workspace, 30_000))) == 0  # nobody holds a lock
    assert ended(fork(lambda: _write_left(workspace, out))) == 0
    left = json.loads(out.read_text())
    found = {kind: counts[kind] for kind in ("kills", "old", "new", "broken")}
    return Deaths(len(is_call), sum(is_call), every, **found, left=left)


def _write_left(workspace: Workspace, out: Path) -> None:
    """Count what dead writers left."""
    with psycopg.connect(server_url(str(workspace.store)), options="-c search_path=covsearch") as connection:
        staged = connection.execute("SELECT count(*) FROM recordings WHERE stage IS NOT NULL").fetchall()[0][0]
        store = connection.execute("SELECT store FROM current").fetchall()[0][0]
        named = connection.execute("SELECT manifest::json -> 'recipe' ->> 'collection' FROM generations").fetchall()
    there = set[str]()
    if with_milvus(workspace):
        from covsearch.store.milvus.finder import alias_of
        from covsearch.store.milvus.link import client_of, milvus_address

        collections = client_of(milvus_address(str(workspace.store))).list_collections()
        there = {name for name in collections if name.startswith(f"{alias_of(store)}_")}
    out.write_text(json.dumps(staged + len(there ^ ({name for (name,) in named} - {None}))), encoding="utf-8")
