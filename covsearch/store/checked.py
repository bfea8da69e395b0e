"""What is found when all of a state is looked at, and what every back end looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from covsearch.config import ModelConfig, fingerprint, from_toml
from covsearch.dataset.ids import ID_RULE, natural_key
from covsearch.dataset.names import is_name
from covsearch.errors import ArtefactError, UsageError
from covsearch.index.generation import MODEL_FILES

if TYPE_CHECKING:
    from covsearch.store.protocols import Facts

PUBLISHED, PREVIOUS, UNPUBLISHED = "current", "previous", "not published"


@dataclass(frozen=True)
class Check:
    """One thing that was compared.

    Attributes
    ----------
    what : str
        A file by its path from the workspace, rows by their table, or what agrees with what.
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
    manifest : Facts or None
        None where it cannot be read.
    checks : tuple of Check
        Of files, and where all of them are sound, of what is in them.
    back : str or None
        Command that makes it current again, of a sound one before the current one.
    """

    name: str
    role: str
    manifest: Facts | None
    checks: tuple[Check, ...]
    back: str | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, with the file's name and what mends it; empty for a sound generation."""
        return tuple(check.problem for check in self.checks if check.problem is not None)

    def to_dict(self) -> dict[str, Any]:
        """Name, role and checks, as plain values ready for JSON."""
        checks = [asdict(check) for check in self.checks]
        return {"name": self.name, "role": self.role, "sound": not self.problems, "checks": checks}


def check_ids(pids: Sequence[str]) -> None:
    """Refuse what are no names in natural order, with an ArtefactError."""
    odd = next((pid for pid in pids if not is_name(pid)), None)
    if odd is not None:
        raise ArtefactError(f"{odd!r} is no performance id: {ID_RULE}")
    if list(pids) != sorted(pids, key=natural_key):
        raise ArtefactError("PIDs are not in natural order")


def check_model(files: Mapping[str, bytes], manifest: Facts) -> None:
    """Refuse weights and a configuration that are not those of the manifest, with an ArtefactError."""
    weights, text = (files[name] for name in MODEL_FILES)
    try:
        config = from_toml(text.decode("utf-8", "replace"), model=ModelConfig)["model"]
        came = fingerprint(text.decode(), weights)
    except (UsageError, UnicodeDecodeError) as e:
        raise ArtefactError(f"config.toml: {e}") from e
    if came != manifest.model:
        raise ArtefactError(f"index was built with model {manifest.model}, the model in it is {came}")
    if config.features != manifest.features:
        raise ArtefactError(f"index was built with {manifest.features}, the model in it sees {config.features}")
