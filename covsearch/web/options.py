"""How a server is set up."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True)
class Options:
    """How a server is set up.

    Attributes
    ----------
    hosts : frozenset of str
        Names that a request's Host header may have, without the port; any other is refused (DNS rebinding).
    token : str or None
        What a client must send as ``Authorization: Bearer TOKEN``; None lets everybody in.
    edit : bool
        Whether files may be uploaded.
    workers : int
        Questions answered at once.
    waiting : int
        Questions that may wait; a further one is told to come back (503).
    per_second, burst : float
        Requests that one client may send, in the long run and at once; more are told to come back (429).
    upload_bytes : int
        Largest upload.
    upload_seconds : float
        Longest time that one may take.
    """

    hosts: frozenset[str] = LOCAL
    token: str | None = None
    edit: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    waiting: int = 32
    per_second: float = 50.0
    burst: float = 200.0
    upload_bytes: int = 200 * 2**20
    upload_seconds: float = 120.0
