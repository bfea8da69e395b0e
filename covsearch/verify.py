"""Is a workspace what was built? Every file is read and compared, and files are compared with each other.

Opening an index trusts files that have not changed since they were compared (:mod:`covsearch.index.verified`), and
that builds write what fits. This trusts neither.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from covsearch.agreement import agreements
from covsearch.errors import ArtefactError
from covsearch.index.generation import (
    CURRENT,
    MANIFEST,
    NAME,
    Generation,
    follow_current,
    read_generation,
)
from covsearch.index.manifest import MEND, Manifest, StoredFile, digest
from covsearch.index.parts import PARTS
from covsearch.index.verified import check_content
from covsearch.progress import Progress, silent
from covsearch.workspace import Workspace

PUBLISHED, PREVIOUS, UNPUBLISHED = "current", "previous", "not published"


@dataclass(frozen=True)
class Check:
    """One thing that was compared.

    Attributes
    ----------
    what : str
        A file by its path from the workspace, or what agrees with what.
    size : int or None
        Bytes that were read, for a sound file.
    problem : str or None
        None where all is well.
    """

    what: str
    size: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Verified:
    """What was found of one generation.

    Attributes
    ----------
    name : str
        ``gen-0001``; ``CURRENT`` where that cannot be read.
    role : str
        ``current``, ``previous`` (older, kept), or ``not published`` (newer: its build died, or CURRENT was set back).
    manifest : Manifest or None
        None where it cannot be read.
    checks : tuple of Check
        Of files, and where all of them are sound, of what is in them.
    """

    name: str
    role: str
    manifest: Manifest | None
    checks: tuple[Check, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, with the file's name and what mends it; empty for a sound generation."""
        return tuple(check.problem for check in self.checks if check.problem is not None)

    def to_dict(self) -> dict[str, Any]:
        """Name, role and checks, as plain values ready for JSON."""
        checks = [asdict(check) for check in self.checks]
        return {"name": self.name, "role": self.role, "sound": not self.problems, "checks": checks}


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
        return {"home": str(self.workspace.home), "sound": sound, "mend": self.mend, "generations": generations}

    @property
    def mend(self) -> tuple[str, ...]:
        """Commands that bring back an index, the thorough one first; empty for a sound workspace.

        The second sets ``CURRENT`` back to the generation before, where that is sound.
        """
        if not self.current.problems:
            return ()
        known = next((found.manifest for found in (self.current, *self.others) if found.manifest), None)
        return (_rebuild(known), *self._back())

    def _back(self) -> Iterator[str]:
        for found in self.others:
            if found.role != UNPUBLISHED and not found.problems:
                sha256 = digest(self.workspace.index / found.name / MANIFEST).sha256
                current = shlex.quote(str(self.workspace.index / CURRENT))
                yield f"echo {found.name} {sha256} > {current}"
                return


def verify_workspace(workspace: Workspace, progress: Progress = silent) -> Verification:
    """Compare everything in the index with its checksums and with each other.

    The manifest of the current generation is compared with the checksum in ``CURRENT``; that of another one, which
    nothing keeps, only with the files it describes.

    Raises
    ------
    NotFoundError
        When nothing was built in this workspace.
    """
    while True:
        before = _current_bytes(workspace)
        current = _verify_current(workspace, progress)
        if not current.problems or _current_bytes(workspace) == before:  # else a build has replaced it meanwhile
            others = _verify_others(workspace, current.name, progress)
            return Verification(workspace, current, tuple(others))


def _current_bytes(workspace: Workspace) -> bytes | None:
    path = workspace.index / CURRENT
    return path.read_bytes() if path.is_file() else None


def _verify_current(workspace: Workspace, progress: Progress) -> Verified:
    try:
        name, sha256 = follow_current(workspace)
    except ArtefactError as e:
        return Verified(CURRENT, PUBLISHED, None, (Check(f"index/{CURRENT}", problem=str(e)),))
    return _verify(workspace, name, sha256, PUBLISHED, progress)


def _verify_others(workspace: Workspace, current: str, progress: Progress) -> Iterator[Verified]:
    names = {path.name for path in workspace.index.iterdir() if NAME.fullmatch(path.name)}
    for name in sorted(names - {current}, key=_number, reverse=True):
        newer = current != CURRENT and _number(name) > _number(current)
        found = _verify(workspace, name, None, UNPUBLISHED if newer else PREVIOUS, progress)
        if (workspace.index / name).is_dir():  # else a build has removed it meanwhile
            yield found


def _number(name: str) -> int:
    return int(name.removeprefix("gen-"))


def _verify(workspace: Workspace, name: str, sha256: str | None, role: str, progress: Progress) -> Verified:
    path = f"index/{name}/{MANIFEST}"
    try:
        generation = read_generation(workspace, name, sha256)
    except ArtefactError as e:
        return Verified(name, role, None, (Check(path, problem=str(e)),))
    checks = [Check(path, (workspace.home / path).stat().st_size)]
    files = generation.manifest.files
    for done, (path, stored) in enumerate(files.items()):
        progress(f"reading {name}", done, len(files))
        checks.append(_check_file(workspace, path, stored))
    progress(f"reading {name}", len(files), len(files))
    if not any(check.problem for check in checks):
        checks += _compare(generation)
    return Verified(name, role, generation.manifest, tuple(checks))


def _check_file(workspace: Workspace, path: str, stored: StoredFile) -> Check:
    try:
        check_content(workspace.home / path, stored)
    except ArtefactError as e:
        return Check(path, problem=str(e))
    except OSError as e:  # a failing disk, or a folder that another user may read and this one may not
        return Check(path, problem=f"{workspace.home / path}: cannot be read: {e.strerror or e}; {MEND}")
    return Check(path, stored.size)


def _compare(generation: Generation) -> list[Check]:
    """What agrees, up to the first thing that does not: what comes after it would follow from it."""
    agreed: list[Check] = []
    try:
        agreed.extend(map(Check, agreements(generation)))
    except ArtefactError as e:
        agreed.append(Check("files agree with each other", problem=str(e)))
    return agreed


def _rebuild(manifest: Manifest | None) -> str:
    """The command that builds the same kind of index again."""
    words = ["covsearch", "build-index"]
    if manifest and manifest.source:
        words += ["--vectors" if manifest.foreign else "--dataset", manifest.source]
    if manifest and not manifest.foreign:
        words += [PARTS[name].option for name in manifest.parts if PARTS[name].option]
    return shlex.join(words)
