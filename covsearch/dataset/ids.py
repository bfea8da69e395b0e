"""Names of works and performances: the only text of a file or JSON that may become part of a path."""

from __future__ import annotations

import re

# ASCII digits only, and few enough for int64: a name from a stranger's JSON can be megabytes long
PID = re.compile(r"P_[0-9]{1,18}")
WID = re.compile(r"W_[0-9]{1,18}")


def is_pid(text: object) -> bool:
    """Whether `text` is the name of a performance, like ``P_22``."""
    return isinstance(text, str) and PID.fullmatch(text) is not None


def is_wid(text: object) -> bool:
    """Whether `text` is the name of a work, like ``W_14``."""
    return isinstance(text, str) and WID.fullmatch(text) is not None


def natural_key(name: str) -> int:
    """The number of a PID or WID, for sorting ``P_9`` before ``P_10``."""
    return int(name[2:])
