"""The process that strangers' audio is read in: ``python -m covsearch.collections.worker``.

It takes jobs as lines of JSON on stdin and answers each with a line of JSON on stdout; both are small, and nothing is
pickled. Chroma goes to a file. The kernel ends the process when it takes too much time or memory; the caller starts
another one (:mod:`covsearch.collections.pool`).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from covsearch.errors import MissingExtraError

MAX_FILE_BYTES = 4 * 2**30
MEMORY = 2**30  # bytes of address space beyond what the libraries take themselves
OUTPUT = 256 * 2**20  # bytes of a file that is written
_MAY_PASS = {errno.EACCES, errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.EPERM, errno.ESTALE, errno.ETIMEDOUT}
SECONDS, SECONDS_A_MB = 60, 1  # of the processor to read a file; a song of 5 MB takes two
PATIENCE = 10  # times as long by the clock: a busy machine is slow, not wrong


def time_limit(size: int) -> int:
    """Seconds of the processor that reading a file of `size` bytes may take."""
    return SECONDS + SECONDS_A_MB * size // 2**20


def main() -> None:
    """Answer jobs until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    with Path(os.devnull).open("wb") as nowhere:  # decoders like to complain
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    try:
        with suppress(ImportError):
            import av  # noqa: F401
        import numpy  # noqa: F401

        from covsearch.features.audio import read_audio_chroma  # noqa: F401
    except (ImportError, OSError) as e:
        answers.write(json.dumps({"broken": str(e)}) + "\n")
        return
    _limit()
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        job = json.loads(line)
        answers.write(json.dumps(answer(job)) + "\n")
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit() -> None:
    """What this process may take from now on."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, OUTPUT)
    statm = Path("/proc/self/statm")
    if statm.exists():
        taken = int(statm.read_text().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, taken + MEMORY)


def _lower(what: int, most: int) -> None:
    """Lower a limit; one that is lower already stays."""
    hard = resource.getrlimit(what)[1]
    if hard == resource.RLIM_INFINITY or hard > most:
        resource.setrlimit(what, (most, most))


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Read one file.

    Parameters
    ----------
    job : dict
        ``path``; ``hop``; and ``chroma``, a folder for what is decoded, or ``hdf5``, a file for it with ``label`` and
        ``track_id``. With ``tags``, nothing else is wanted.

    Returns
    -------
    dict
        ``decoded`` (whether it had to be), and of a sound in the cache ``content`` and ``tags``; or ``refused``, why
        not, with ``may_pass`` where that is no fault of the file; or ``broken``, why nothing can be written.
    """
    path = Path(job["path"])
    try:
        stamp = _stamp(path)
        _, size, _ = stamp
        if size > MAX_FILE_BYTES:
            return {"refused": f"has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read"}
        _start_clock(size)
        if job.get("tags"):
            return {"tags": asdict(_tags(path))}
        if "hdf5" in job:
            return _to_hdf5(path, stamp, job)
        content = _content(path)
        decoded = _to_cache(path, stamp, content, Path(job["chroma"]), job["hop"])
        return {"content": content, "tags": asdict(_tags(path)), "decoded": decoded}
    except (MissingExtraError, _ChangedError) as e:
        return {"refused": _line(str(e)), "may_pass": True}
    except _FullError as e:
        return {"broken": str(e)}
    except MemoryError:
        return {"refused": f"needs more than {MEMORY // 2**20:,} MiB of memory to decode"}
    except OSError as e:
        passing = {"may_pass": True} if e.errno in _MAY_PASS else {}
        return {"refused": _line(e.strerror or str(e)), **passing}
    except Exception as e:  # noqa: BLE001 - whatever a decoder raises is about this file alone
        return {"refused": _line(str(e).removeprefix(f"{path}: ") or type(e).__name__)}


def _start_clock(size: int) -> None:
    """The kernel ends this process if the file takes longer; a hang in a decoder cannot stop that."""
    seconds = time_limit(size)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


class _ChangedError(Exception):
    """A file is not what it was when its reading began."""


_Stamp = tuple[int, int, int]


def _stamp(path: Path) -> _Stamp:
    """Inode, bytes and nanoseconds of the last change of a file."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _content(path: Path) -> str:
    from covsearch.collections.content import content_of

    return content_of(path)


def _tags(path: Path) -> Any:
    from covsearch.collections.tags import read_tags

    return read_tags(path)


def _to_cache(path: Path, stamp: _Stamp, content: str, folder: Path, hop: int) -> bool:
    """Decode into the cache what is not there; whether it was not.

    One process decodes a sound, others that want the same wait for it.
    """
    import numpy as np

    from covsearch.collections.heard import chroma_file

    target = chroma_file(folder, content)
    if target.is_file():
        return False
    draft = target.with_suffix(".part")
    with _writing(folder):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = draft.open("ab")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if target.is_file():
            return False
        chroma = _decoded(path, stamp, hop)
        with _writing(folder):
            file.truncate(0)
            np.save(file, chroma.astype(np.float16), allow_pickle=False)
            file.flush()
            draft.replace(target)
    return True


class _FullError(Exception):
    """Nothing can be written: no fault of the file that is read."""


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """What fails here is about the cache."""
    try:
        yield
    except OSError as e:
        raise _FullError(f"{folder} cannot be written: {e.strerror or e}") from e


def _decoded(path: Path, stamp: _Stamp, hop: int, tuned: bool = True) -> Any:
    """The chroma of a file that is still what it was at `stamp`: of another it must not be kept."""
    from covsearch.features.audio import read_audio_chroma

    chroma = read_audio_chroma(path, hop=hop, tuned=tuned).chroma
    if _stamp(path) != stamp:
        raise _ChangedError("changed while it was read; run the command again once it is whole")
    return chroma


def is_written(target: Path, mtime_ns: int) -> bool:
    """Whether a file was made of one that had changed at `mtime_ns`."""
    return target.is_file() and target.stat().st_mtime_ns > mtime_ns


def _to_hdf5(path: Path, stamp: _Stamp, job: dict[str, Any]) -> dict[str, Any]:
    """Decode and write, unless a worker that died later has done it."""
    from covsearch.collections.hdf5 import write_hpcp
    from covsearch.features.audio import SAMPLE_RATE

    target = Path(job["hdf5"])
    if is_written(target, path.stat().st_mtime_ns):
        return {"decoded": False}
    chroma = _decoded(path, stamp, job["hop"], tuned=False)  # as Da-TACOS has it
    with _writing(target.parent):
        write_hpcp(target, chroma, job["label"], job["track_id"], SAMPLE_RATE / job["hop"])
    return {"decoded": True}


def _line(text: str) -> str:
    """A reason as one short line, whatever a file wrote into it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


if __name__ == "__main__":
    main()
