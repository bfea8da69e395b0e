"""Readers and a second builder, while builds go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from covsearch import indexing as build
from covsearch.db.write import write_catalogue
from covsearch.index.generation import Generation
from covsearch.store.local import read_newest, write
from covsearch.workspace import Workspace
from tests.crash.collection import Materials
from tests.crash.state import Answers, answers_of, read_answers

READERS = 2
SLOW = 1.0  # seconds in which some builds end


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if not pid:
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def read_while_building(folder: Path, m: Materials, reads: int, rebuilds: int) -> dict[str, Any]:
    """Rebuild, the one index and the other in turn, until there were enough rebuilds and reads.

    Two readers open the index and ask everything as often as they can. A third one is slow: it stops for a second
    after it has found the generation, whose files builds remove meanwhile.
    """
    folder.mkdir()
    home = Workspace(folder / "home")
    kinds = [(m.small, m.model), (m.large, m.other_model)]
    expected = []
    for dataset, model in kinds:
        assert _wait(_fork(lambda d=dataset, model=model: _build(d, model, home))) == 0  # type: ignore[misc]
        expected.append(read_answers(home))
    counts, stop = folder / "counts", folder / "stop"
    counts.mkdir()
    readers = [
        _fork(lambda n=n: _read(home, expected, counts / str(n), stop, SLOW if n == READERS else 0))  # type: ignore[misc]
        for n in range(READERS + 1)
    ]
    done = 0
    started = time.perf_counter()
    while done < rebuilds or _total(counts)["reads"] < reads:
        dataset, model = kinds[done % 2]
        assert _wait(_fork(lambda d=dataset, model=model: _build(d, model, home))) == 0  # type: ignore[misc]
        done += 1
    seconds = time.perf_counter() - started
    stop.touch()
    ended = [_wait(reader) for reader in readers]
    slow = json.loads((counts / str(READERS)).read_text())
    failures = _total(counts)["failures"] + sum(code != 0 for code in ended)
    return {"rebuilds": done, "seconds": seconds, **_total(counts), "failures": failures, "slow": slow}


def _build(dataset: Path, model: Path, home: Workspace) -> None:
    build.build_index(dataset, model, home, windows=True)


def _total(counts: Path) -> Counter[str]:
    total: Counter[str] = Counter()
    for path in counts.iterdir():
        if not path.name.startswith("."):
            total.update(json.loads(path.read_text()))
    return Counter({"reads": 0, "failures": 0, "overtaken": 0}) + total if total else Counter()


def _read(home: Workspace, expected: list[Answers | None], counted: Path, stop: Path, pause: float) -> None:
    """Read until told to stop; note how often, how often the answers were no one's, and how often builds overtook."""
    counts = {"reads": 0, "failures": 0, "overtaken": 0}
    while True:
        opened: list[str] = []

        def read(generation: Generation, opened: list[str] = opened) -> Answers:
            opened.append(generation.name)
            time.sleep(pause)
            return answers_of(generation)

        try:
            whole = read_newest(home, read) in expected
        except Exception as e:  # noqa: BLE001, every failure to answer counts
            print(f"{type(e).__name__}: {e}", file=sys.stderr)
            whole = False
        counts["reads"] += 1
        counts["failures"] += not whole
        counts["overtaken"] += len(opened) - 1
        draft = counted.with_name(f".{counted.name}")
        draft.write_text(json.dumps(counts))
        draft.replace(counted)
        if stop.exists():
            return


def build_while_building(folder: Path, m: Materials) -> dict[str, Any]:
    """Start the commands that build while another build is half done; they must end at once and say why."""
    folder.mkdir()
    home = Workspace(folder / "home")
    assert _wait(_fork(lambda: _build(m.small, m.model, home))) == 0
    before = read_answers(home)
    inside, go_on = folder / "inside", folder / "go-on"

    def held() -> None:
        original = write_catalogue

        def wait(*args: Any, **kwargs: Any) -> None:
            inside.touch()
            while not go_on.exists():
                time.sleep(0.01)
            original(*args, **kwargs)

        setattr(write, "write_catalogue", wait)  # noqa: B010, mypy knows that it is not the module's own
        _build(m.large, m.other_model, home)

    first = _fork(held)
    while not inside.exists():
        time.sleep(0.01)
    lines = {
        "build-index": ["build-index", "--dataset", str(m.small), "--model", str(m.model)],
        "add": ["add", str(m.large)],
        "remove": ["remove", m.some[0]],
    }
    second = {}
    for name, line in lines.items():
        command = [sys.executable, "-m", "covsearch", "--home", str(home.home), *line]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = done.stderr.strip().replace(str(home.home), "HOME").replace(str(first), "PID")
        second[name] = {"exit_code": done.returncode, "stderr": said}
    untouched = read_answers(home) == before
    go_on.touch()
    return {"second": second, "answers_meanwhile": untouched, "first_exit_code": _wait(first)}


def describe(readers: dict[str, Any], builders: dict[str, Any]) -> list[str]:
    """What both found, as lines of Markdown."""
    slow = readers["slow"]
    lines = [
        f"Readers: {readers['reads']:,} reads of everything during {readers['rebuilds']} rebuilds, "
        f"{readers['failures']} failures. {slow['reads']} of them paused for {SLOW:g} s between finding the generation "
        f"and opening its files; builds removed it meanwhile {slow['overtaken']} times, and they read the newer one.",
        "",
        "A second builder, while the first one writes its database:",
        "",
        "| command | exit code | message |",
        "|---|---:|---|",
    ]
    return lines + [f"| {name} | {row['exit_code']} | {row['stderr']} |" for name, row in builders["second"].items()]
