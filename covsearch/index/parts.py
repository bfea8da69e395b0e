"""The registry of parts (:mod:`covsearch.index.part`). A new part is one file with its class, and one entry here.

The registry itself imports no arrays: whoever opens only the metadata walks it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covsearch.errors import ArtefactError, NotFoundError
from covsearch.features.windows import WindowRecipe
from covsearch.index.part import NoSettings, Packed, Part

if TYPE_CHECKING:
    from covsearch.config import FeatureConfig
    from covsearch.index.generation import Generation


@dataclass(frozen=True)
class Kind:
    """One part, as far as it can be told without reading it.

    Attributes
    ----------
    home : str
        Module and class, ``module:Class``.
    file : str
        Its file in a generation's folder.
    holds : str
        What is in that, for people.
    sound : str
        What ``covsearch verify`` says when all of it is well.
    settings : type
        Dataclass of numbers, what the manifest says of the part.
    option : str
        Of ``covsearch build-index``, by which it is made; empty for a part that every index of a model of ours has.
    foreign : bool
        Whether it is of foreign vectors, which have none of the other parts, and with one vector a track none at all.
    """

    home: str
    file: str
    holds: str
    sound: str
    settings: type = NoSettings
    option: str = ""
    foreign: bool = False

    @property
    def part(self) -> type[Part]:
        """The class, imported now."""
        module, _, name = self.home.partition(":")
        found: type[Part] = getattr(import_module(module), name)
        return found

    @property
    def mend(self) -> str:
        """What brings it back."""
        return f"run `{' '.join(['covsearch build-index', *filter(None, [self.option])])}`"


PARTS: Mapping[str, Kind] = {
    "chroma": Kind(
        "covsearch.index.chroma:Chroma",
        "chroma.safetensors",
        "`frames`, uint8 (M, F): chroma in the key as played, from C on, at 2.69 frames a second, 255 times its value; "
        "`first`, int64 (N + 1,): rows `first[i]` to `first[i + 1]` are performance i; `rates`, float64 (N,): frames a "
        "second of each",
        "chroma of every performance",
    ),
    "windows": Kind(
        "covsearch.index.windows:Windows",
        "windows.safetensors",
        "`vectors`, float32 (M, 128), rows of unit length; `first`, int64 (N + 1,): rows `first[i]` to `first[i + 1]` "
        "are the windows of performance i; `start`, float64 (M,): seconds",
        "windows of every performance, finite and of length 1",
        WindowRecipe,
        "--windows",
    ),
    "segments": Kind(
        "covsearch.index.segments:Segments",
        "segments.safetensors",
        "`vectors`, float32 (M, D), rows of unit length; `first`, int64 (N + 1,): rows `first[i]` to `first[i + 1]` "
        "are the segments of track i",
        "segments of every track, finite and of length 1",
        option="--vectors",
        foreign=True,
    ),
}
OURS = tuple(name for name, kind in PARTS.items() if not kind.foreign)
"""Parts that an index of a model of ours may have."""
NEEDED = tuple(name for name in OURS if not PARTS[name].option)
"""Parts that every such index has."""


def settings_for(
    names: Iterable[str], features: FeatureConfig, frame_rate: float, like: Mapping[str, Part] | None = None
) -> dict[str, Any]:
    """How to make the parts `names`, as those of `like` were made; see :meth:`Part.settings_for`."""
    before = {name: part.settings for name, part in (like or {}).items()}
    return {name: PARTS[name].part.settings_for(features, frame_rate, before.get(name)) for name in names}


def make_parts(packed: Packed, settings: Mapping[str, Any]) -> dict[str, Part]:
    """The parts of a packed collection, each as its settings say."""
    return {name: PARTS[name].part.make(packed, wanted) for name, wanted in settings.items()}


def check_part(name: str, part: Part, performances: Sequence[str]) -> None:
    """Refuse a part that is of another number of performances, or has a value that cannot be; an ArtefactError."""
    if len(part) != len(performances):
        raise ArtefactError(f"{name} of {len(performances)} performances expected, not of {len(part)}")
    part.check(performances)


def write_part(folder: Path, name: str, part: Part, performances: Sequence[str]) -> None:
    """Write a part of `performances` into a generation's `folder`; raises as :func:`check_part`."""
    check_part(name, part, performances)
    part.save(folder / PARTS[name].file)


def read_part(generation: Generation, name: str) -> Part:
    """Read what :func:`write_part` wrote.

    Raises
    ------
    NotFoundError
        When the generation was built without the part.
    ArtefactError
        When the file cannot be read or does not fit the manifest.
    """
    kind, manifest = PARTS[name], generation.manifest
    if name not in manifest.parts:
        raise NotFoundError(f"the index ({generation.name}) has no {name}: {kind.mend}")
    path = generation.folder / kind.file
    try:
        part = kind.part.load(path, manifest)
    except ArtefactError as e:
        raise ArtefactError(f"{path}: {str(e).removeprefix(f'{path}: ')}; {kind.mend}") from e
    if len(part) != manifest.count:
        raise ArtefactError(f"{path}: expected {manifest.count} performances, found {len(part)}; {kind.mend}")
    return part


def read_parts(generation: Generation, names: Iterable[str] | None = None) -> dict[str, Part]:
    """The parts `names` of a generation, by default all that it has; raises as :func:`read_part`."""
    return {name: read_part(generation, name) for name in (generation.manifest.parts if names is None else names)}
