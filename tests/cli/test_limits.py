"""Machines with little memory: a line that says so, and no traceback."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from collection import write_collection

from covsearch.cli.limits import out_of_memory

LIMIT = 1 << 30


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        ImportError("libfaiss.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
    ],
)
def test_memory_that_ran_out_is_said(error: Exception) -> None:
    line = out_of_memory(error)
    assert line is not None
    assert line.startswith("the process got no more memory")


@pytest.mark.parametrize("error", [RuntimeError("of another kind"), ImportError("libx.so: not there"), OSError(2, "x")])
def test_other_failures_are_not_taken_for_it(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert out_of_memory(error) is None


def test_a_library_that_does_not_fit_is_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (LIMIT, LIMIT))
    line = out_of_memory(OSError("Could not find/load shared object file 'libllvmlite.so'"))
    assert line is not None
    assert "limited to 1.0 GiB of address space: see `ulimit -v`" in line


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep to the limit")
@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["dataset", "info"], 0, ""),
        (
            ["build-index", "--dataset"],
            1,
            "build-index needs some 2 GiB of address space, the process is limited to 1.00",
        ),
        (
            ["train", "--dataset"],
            1,
            "train needs some 2 GiB of address space, the process is limited to 1.00: raise the",
        ),
    ],
)
def test_a_gigabyte_of_address_space_ends_in_an_answer_or_a_line(
    tmp_path: Path, command: list[str], code: int, message: str
) -> None:
    root = write_collection(tmp_path / "toy", works=2)
    done = subprocess.run(
        [sys.executable, "-m", "covsearch", "--home", str(tmp_path / "home"), *command, str(root)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert done.stderr.count("\n") == (1 if code else 0)
