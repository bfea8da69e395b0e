"""Is an index what was built? All of it is read and compared, with its checksums and with itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from covsearch.index.parts import PARTS
from covsearch.progress import Progress, silent
from covsearch.store import store_of
from covsearch.store.checked import PREVIOUS, PUBLISHED, UNPUBLISHED, Check, Verified
from covsearch.store.protocols import Facts
from covsearch.workspace import Workspace

__all__ = ["PREVIOUS", "PUBLISHED", "UNPUBLISHED", "Check", "Verification", "Verified", "verify_workspace"]


@dataclass(frozen=True)
class Verification:
    """What was found in a workspace.

    Attributes
    ----------
    workspace : Workspace
    current : Verified
        What queries are answered from; it alone says whether the workspace is sound.
    others : tuple of Verified
        The other generations on disk, the newest first. Nothing reads them, so what is wrong with them is a warning.
    """

    workspace: Workspace
    current: Verified
    others: tuple[Verified, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything that was compared, as plain values ready for JSON."""
        generations = [found.to_dict() for found in (self.current, *self.others)]
        sound = not self.current.problems
        where = {"home": str(self.workspace.home), "store": store_of(self.workspace).place}
        return {**where, "sound": sound, "mend": self.mend, "generations": generations}

    @property
    def mend(self) -> tuple[str, ...]:
        """Commands that bring back an index, the thorough one first; empty for a sound workspace.

        The second sets ``CURRENT`` back to the generation before, where that is sound.
        """
        if not self.current.problems:
            return ()
        known = next((found.manifest for found in (self.current, *self.others) if found.manifest), None)
        back = next((found.back for found in self.others if found.back), None)
        again = _rebuild(known, store_of(self.workspace).place if self.workspace.store else None)
        return (again, *([back] if back else []))


def verify_workspace(workspace: Workspace, progress: Progress = silent) -> Verification:
    """Compare everything in the index with its checksums and with each other.

    Raises
    ------
    NotFoundError
        When nothing was built in this workspace.
    """
    current, *others = store_of(workspace).verify(progress)
    return Verification(workspace, current, tuple(others))


def _rebuild(manifest: Facts | None, store: str | None) -> str:
    """The command that builds the same kind of index again."""
    words = ["covsearch", "build-index", *(["--store", store] if store else [])]
    if manifest and manifest.source:
        words += ["--vectors" if manifest.foreign else "--dataset", manifest.source]
    if manifest and not manifest.foreign:
        words += [PARTS[name].option for name in manifest.parts if PARTS[name].option]
    return shlex.join(words)
