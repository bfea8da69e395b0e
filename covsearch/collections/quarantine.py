"""Files that cannot be read, with the reason, so that the next run does not try them again."""

from __future__ import annotations

import json
from pathlib import Path

from covsearch.collections.scan import AudioFile


class Quarantine:
    """A file of lines of JSON: ``file``, ``size``, ``mtime_ns``, ``reason``; lines are only ever appended.

    A file that changed is out of it. Delete a line, or all, to have files tried again.

    Parameters
    ----------
    path : Path
        Need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: dict[tuple[str, int, int], str] = {}
        self._begun = False  # until then, the last line may be half a line of a killed run
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for line in text.splitlines():
            try:
                held = json.loads(line)
                self._held[held["file"], held["size"], held["mtime_ns"]] = str(held["reason"])
            except (ValueError, KeyError, TypeError):
                continue

    def reason(self, file: AudioFile) -> str | None:
        """Why a file is not to be tried; None where it is."""
        return self._held.get((file.id, file.size, file.mtime_ns))

    def add(self, file: AudioFile, reason: str) -> None:
        """Hold a file for good."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        held = {"file": file.id, "size": file.size, "mtime_ns": file.mtime_ns, "reason": reason}
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(("" if self._begun else "\n") + json.dumps(held) + "\n")
        self._begun = True
        self._held[file.id, file.size, file.mtime_ns] = reason
