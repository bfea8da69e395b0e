"""The steps of a build, an addition and a removal, by name, and how to die at one of them.

Nothing in the package knows of this: in a forked child, each of the functions in `STEPS` is wrapped by one that counts
its calls and, at the chosen one, sends the process SIGKILL, which nothing can catch and after which nothing runs.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covsearch import durable, rows
from covsearch import embedding as embed
from covsearch.features import pack
from covsearch.index import publish
from covsearch.store import local
from covsearch.store.local import write

BEFORE, HALF, AFTER = "before", "half-way", "after"


@dataclass(frozen=True, order=True)
class Moment:
    """Where to die: before, half-way through or after the `call`-th call (from 1) of a step."""

    step: str
    call: int
    when: str


def _half_bytes(original: Callable[..., Any], path: Path, data: bytes, *_: Any) -> None:
    original(path, data[: len(data) // 2])


def _half_text(original: Callable[..., Any], path: Path, text: str, *_: Any, **how: Any) -> None:
    original(path, text[: len(text) // 2], **how)


def _half_tree(_: Callable[..., Any], folder: Path, **__: Any) -> None:
    next(path for path in sorted(folder.rglob("*")) if path.is_file()).unlink()


@dataclass(frozen=True)
class Step:
    """Where the function is looked up by those that call it, and what doing half of it means."""

    places: tuple[tuple[Any, str], ...]
    half: Callable[..., None] | None = None


STEPS = {
    "take the lock": Step(((local, "builder_lock"),)),
    "pack the features": Step(((pack, "pack_cached"), (rows, "pack_cached"))),
    "embed the performances": Step(((embed, "embed_store"),)),
    "embed the windows": Step(((embed, "embed_windows"),)),
    "open the draft": Step(((write, "draft"),)),
    "make a folder": Step(((Path, "mkdir"),)),
    "write the vectors": Step(((write, "write_collection"),)),
    "write a part": Step(((write, "write_part"),)),
    "write the database": Step(((write, "write_catalogue"),)),
    "copy the model": Step(((write, "write_model"),)),
    "write a binary file": Step(((Path, "write_bytes"),), _half_bytes),
    "write a text file": Step(((Path, "write_text"),), _half_text),
    "take a checksum": Step(((publish, "digest"), (local, "check_content"))),
    "flush the folder": Step(((durable, "sync_tree"),)),
    "flush one": Step(((durable, "sync"),)),
    "give the final name": Step(((Path, "rename"),)),
    "switch CURRENT": Step(((durable, "replace_text"),)),
    "replace a file": Step(((Path, "replace"),)),
    "remove orphans": Step(((publish, "remove_orphans"), (local, "remove_orphans"))),
    "remove a folder": Step(((shutil, "rmtree"),), _half_tree),
    "remove a file": Step(((Path, "unlink"),)),
}


def die_at(moment: Moment) -> None:
    """From now on, die at `moment`; for a child that is there for nothing else."""
    _wrap_all(lambda reached: reached == moment)


def record() -> list[Moment]:
    """From now on, append every moment that is reached to the list that is returned."""
    reached: list[Moment] = []

    def note(moment: Moment) -> bool:
        reached.append(moment)
        return False

    _wrap_all(note)
    return reached


def _wrap_all(ends: Callable[[Moment], bool]) -> None:
    calls: Counter[str] = Counter()
    for name, step in STEPS.items():
        for owner, attribute in step.places:
            setattr(owner, attribute, _wrapped(name, step, getattr(owner, attribute), calls, ends))


def _wrapped(
    name: str, step: Step, original: Callable[..., Any], calls: Counter[str], ends: Callable[[Moment], bool]
) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        calls[name] += 1
        call = calls[name]
        if ends(Moment(name, call, BEFORE)):
            _die()
        if step.half and ends(Moment(name, call, HALF)):
            step.half(original, *args, **kwargs)
            _die()
        result = original(*args, **kwargs)
        if ends(Moment(name, call, AFTER)):
            _die()
        return result

    return wrapper


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
