"""What a bug report needs to say: versions, threads, processor, disk, and whether the workspace is sound."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covsearch import __version__
from covsearch.counting import in_works
from covsearch.errors import NotFoundError, UsageError
from covsearch.progress import Progress, silent
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.verify import Verified

Section = dict[str, str]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_SIMD = re.compile(r"sse4|avx|fma|amx|asimd|sve")  # what FAISS, numpy and torch choose their code by
_MISSING = "not installed"


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes
    ----------
    sections : mapping
        Heading to what it says, name by name.
    problems : tuple of str
        What is wrong with the workspace's current generation; empty where it is sound, or nothing was built.
    """

    sections: Mapping[str, Section]
    problems: tuple[str, ...]


def diagnose(workspace: Workspace, progress: Progress = silent) -> Diagnosis:
    """Look at this installation, the machine and the workspace; what cannot be found out is told, never raised."""
    health, problems = _health(workspace, progress)
    sections = {
        "covsearch": _probe(_covsearch),
        "packages": _probe(_packages),
        "optional extras": _probe(_extras),
        "machine": _probe(_machine),
        "FAISS": _probe(_faiss),
        "numpy": _probe(_numpy),
        "torch": _probe(_torch),
        "SQLite and HDF5": _probe(_stores),
        "workspace": {**_probe(lambda: _disk(workspace)), **health},
    }
    return Diagnosis({name: _shorten(section) for name, section in sections.items()}, tuple(map(_at_home, problems)))


def _probe(look: Callable[[], Section]) -> Section:
    """What `look` finds; a broken installation is what a bug report is about, so it must not end one."""
    try:
        return look()
    except Exception as e:  # noqa: BLE001, whatever it is
        return {"cannot be told": f"{type(e).__name__}: {e}"}


def _covsearch() -> Section:
    return {
        "version": __version__,
        "installed in": str(Path(__file__).parent),
        "python": f"{platform.python_version()} ({platform.python_implementation()}), {sys.executable}",
    }


def _packages() -> Section:
    """Versions of what covsearch cannot do without."""
    return {name: _version(name) for name, extra in _requirements() if not extra}


def _extras() -> Section:
    """What each extra brings, with its version where it is installed."""
    found: dict[str, list[str]] = {}
    for name, extra in _requirements():
        if extra and name != "covsearch":
            found.setdefault(extra, []).append(f"{name} {_version(name)}")
    return {extra: ", ".join(names) for extra, names in found.items()}


def _requirements() -> list[tuple[str, str]]:
    """Package and extra (empty for none) of every requirement, as covsearch was installed."""
    try:
        lines = importlib.metadata.requires("covsearch") or []
    except importlib.metadata.PackageNotFoundError as e:
        raise RuntimeError("covsearch is used from a folder and is not installed") from e
    parts = (re.fullmatch(r"([\w.-]+)[^;]*(?:;.*extra == ['\"]([\w-]+)['\"].*|;.*)?", line) for line in lines)
    return [(part[1], part[2] or "") for part in parts if part]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return _MISSING


def _machine() -> Section:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.is_file() else ""  # Linux tells; elsewhere Python knows less
    known: dict[str, str] = dict(re.findall(r"^(model name|flags|Features)\s*:\s*(.*)$", text, re.MULTILINE))
    flags = known.get("flags", known.get("Features", "")).split()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": platform.platform(),
        "processor": known.get("model name", platform.machine()),
        "features": " ".join(flag for flag in flags if _SIMD.match(flag)),
        "cores": f"{os.cpu_count()}, {usable} usable",
        "memory": f"{pages / 2**30:.1f} GiB",
        "threads asked for": ", ".join(f"{name}={os.environ.get(name, 'unset')}" for name in THREADS),
    }


def _faiss() -> Section:
    faiss = importlib.import_module("faiss")
    chosen = getattr(faiss, "SIMDConfig", None)
    return {
        "version": faiss.__version__,
        "compiled with": faiss.get_compile_options().strip(),
        "SIMD level in use": chosen.get_level_name() if chosen else "as compiled",
        "threads": str(faiss.omp_get_max_threads()),
    }


def _numpy() -> Section:
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    simd = config["SIMD Extensions"]
    return {
        "version": np.__version__,
        "BLAS": f"{blas['name']} {blas['version']}",
        "SIMD in use": " ".join([*simd["baseline"], *simd.get("found", [])]),
    }


def _torch() -> Section:
    torch = importlib.import_module("torch")  # seconds, and nothing else of covsearch may pay for them
    return {
        "version": torch.__version__,
        "processor capability": torch.backends.cpu.get_cpu_capability(),
        "threads": f"{torch.get_num_threads()}, {torch.get_num_interop_threads()} between operations",
        "CUDA": f"{torch.version.cuda}, available: {torch.cuda.is_available()}",
    }


def _stores() -> Section:
    import h5py

    connection = sqlite3.connect(":memory:")
    try:
        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
    finally:
        connection.close()
    return {
        "SQLite": f"{sqlite3.sqlite_version}, FTS5: {'yes' if 'ENABLE_FTS5' in options else 'no'}",
        "h5py": h5py.__version__,
        "HDF5": h5py.version.hdf5_version,
    }


def _disk(workspace: Workspace) -> Section:
    there = next(path for path in (workspace.home, *workspace.home.parents) if path.exists())
    usage = shutil.disk_usage(there)
    return {
        "home": str(workspace.home),
        "free disk": f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.1f} GiB",
        "may write": "yes" if os.access(there, os.W_OK) else "no",
    }


def _health(workspace: Workspace, progress: Progress) -> tuple[Section, tuple[str, ...]]:
    try:
        from covsearch.verify import verify_workspace  # FAISS and numpy: where they are broken, the rest is told

        found = verify_workspace(workspace, progress)
    except (NotFoundError, UsageError) as e:
        return {"index": str(e)}, ()
    except OSError as e:
        problem = f"{e.filename}: cannot be read: {e.strerror or e}"
        return {"index": problem}, (problem,)
    except Exception as e:  # noqa: BLE001, as for a probe
        return {"index": f"cannot be told: {type(e).__name__}: {e}"}, ()
    return {v.name: _state(v) for v in (found.current, *found.others)}, found.current.problems


def _state(found: Verified) -> str:
    said = [found.role, "; ".join(found.problems) if found.problems else "sound"]
    if m := found.manifest:
        windows = "" if m.windows is None else ", windows"
        said.append(f"{in_works(m.count, m.works)}{windows}, model {m.model}")
        said.append(f"built {m.created} by covsearch {m.covsearch}")
    return " · ".join(said)


def _shorten(section: Section) -> Section:
    return {name: _at_home(text) for name, text in section.items()}


def _at_home(text: str) -> str:
    """`text` with the user's home folder as ``~``: a report need not tell a name."""
    home = os.path.expanduser("~")  # noqa: PTH111, Path.home raises where there is none
    return text if home in ("/", "", "~") else re.sub(rf"{re.escape(home)}(?=[/:]|$)", "~", text)
