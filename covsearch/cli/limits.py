"""What the machine does not give: memory that ran out, told in a line."""

from __future__ import annotations

import re

from covsearch.errors import CovsearchError

_WORDS = re.compile(
    r"allocate memory|not enough memory|out of memory|failed to map segment|std::bad_alloc|can't start new thread",
    re.IGNORECASE,
)
GIB = 2**30
_QUERIES = ("compare", "groups", "query", "serve")
_TORCH = ("add", "build-index", "calibrate", "model", "reproduce", "setlist", "train", "update")
_JUDGES = ("eval-detection", "eval-pairs", "eval-retrieval")
_NEEDED = {**dict.fromkeys(_QUERIES, 3 * GIB // 4), **dict.fromkeys((*_TORCH, *_JUDGES), 2 * GIB)}
_LIBRARY = re.compile(r"\.so\b|shared object", re.IGNORECASE)


def out_of_memory(error: BaseException) -> str | None:
    """The line for `error` if memory ran out; None where it is another failure.

    A library that cannot be loaded is one where the process's address space is limited, as by ``ulimit -v``.
    """
    limit = _address_space()
    text = f"{error} {getattr(error, 'strerror', None) or ''}"
    if isinstance(error, MemoryError) or _WORDS.search(text):
        pass
    elif not (limit and isinstance(error, (ImportError, OSError)) and _LIBRARY.search(text)):
        return None
    known = f" (it is limited to {limit / GIB:.1f} GiB of address space: see `ulimit -v`)" if limit else ""
    return f"the process got no more memory{known}: give it more, or close other programs"


def check_address_space(command: str) -> None:
    """Refuse a command that could not load its libraries; below these limits they fail in any way, or never end.

    Raises
    ------
    CovsearchError
        When the process may address less than the command needs.
    """
    limit, needed = _address_space(), _NEEDED.get(command, 0)
    if limit is not None and limit < needed:
        raise CovsearchError(
            f"{command} needs some {needed / GIB:g} GiB of address space, the process is limited to {limit / GIB:.2f}: "
            "raise the limit, as by `ulimit -v unlimited`"
        )


def _address_space() -> int | None:
    """Bytes that the process may address; None where that is not limited."""
    try:
        import resource
    except ImportError:  # of Unix alone
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
