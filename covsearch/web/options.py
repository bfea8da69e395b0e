"""How a server is set up."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from covsearch.errors import UsageError

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
    workers : int
        Questions answered at once: so many quick ones, and so many that are aligned.
    waiting : int
        Questions of either kind that may wait; a further one is told to come back (503).
    per_second, burst : float
        Requests that one client may send, in the long run and at once; more are told to come back (429).
    edit : bool
        Whether files and corrections are taken; else the server only reads.
    upload_bytes, upload_seconds, upload_idle
        How large a file may be, how long it may take to arrive, and how long no byte of it may come.
    uploads, uploads_bytes : int
        Files that may arrive or be decoded at once, and bytes of these together.
    long_waiting : int
        Files to be decoded, setlists and groups that may wait; one is worked at.

    Raises
    ------
    UsageError
        When the token is empty.
    """

    hosts: frozenset[str] = LOCAL
    token: str | None = None
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    waiting: int = 64
    per_second: float = 50.0
    burst: float = 200.0
    edit: bool = False
    upload_bytes: int = 512 * 2**20
    upload_seconds: float = 300.0
    upload_idle: float = 20.0
    uploads: int = 24
    uploads_bytes: int = 2 * 2**30
    long_waiting: int = 8

    def __post_init__(self) -> None:
        """Refuse a token that everybody has."""
        if self.token == "":
            raise UsageError("the token is empty: give one that cannot be guessed, or leave it out")
