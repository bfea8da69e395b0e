"""How a command is run in this process, as a shell would."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covsearch.workspace import Workspace


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int | str | None
    out: str
    err: str


class Commands:
    """Runs commands as a shell would, the command line's own handling of errors included."""

    def __init__(self, ran: Callable[[list[str]], Ran]) -> None:
        self._ran = ran

    def __call__(self, home: Path | Workspace, *words: object) -> Ran:
        folder = home.home if isinstance(home, Workspace) else home
        return self._ran(["covsearch", "--home", str(folder), *map(str, words)])

    def out(self, home: Path | Workspace, *words: object) -> str:
        """The stdout of a command that succeeds."""
        ran = self(home, *words)
        assert ran.code == 0, ran.err
        return ran.out

    def json(self, home: Path | Workspace, *words: object) -> Any:
        """What a command that succeeds prints with ``--json``."""
        return self.ended_json(0, home, *words)

    def ended_json(self, code: int, home: Path | Workspace, *words: object) -> Any:
        """What a command that ends with `code` prints with ``--json``."""
        ran = self(home, *words, "--json")
        assert ran.code == code, ran.err
        return json.loads(ran.out)
