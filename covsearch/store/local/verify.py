"""Is an index of files what was built? Every file is read and compared, and files are compared with each other.

Opening an index trusts files that have not changed since they were compared (:mod:`covsearch.index.verified`), and
that builds write what fits. This trusts neither.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from covsearch.errors import ArtefactError
from covsearch.index.generation import CURRENT, MANIFEST, NAME, Generation, follow_current, read_generation
from covsearch.index.manifest import MEND, StoredFile, digest
from covsearch.index.verified import check_content
from covsearch.progress import Progress
from covsearch.store.checked import PREVIOUS, PUBLISHED, UNPUBLISHED, Check, Verified
from covsearch.store.local.agreement import agreements
from covsearch.workspace import Workspace


def verify_folder(workspace: Workspace, progress: Progress) -> tuple[Verified, ...]:
    """Compare everything with its checksums and with each other; every generation, the current one first.

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
            return current, *_verify_others(workspace, current.name, progress)


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
    sound = role == PREVIOUS and not any(check.problem for check in checks)
    back = _back(workspace, name) if sound else None
    return Verified(name, role, generation.manifest, tuple(checks), back)


def _back(workspace: Workspace, name: str) -> str:
    """Set ``CURRENT`` back to a generation."""
    sha256 = digest(workspace.index / name / MANIFEST).sha256
    return f"echo {name} {sha256} > {shlex.quote(str(workspace.index / CURRENT))}"


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
