"""All that an index holds of each of its performances, as rows that can be taken away and added: what updates work on.

A change reads the current generation after its checksums, so that damage is never copied into a new one, and publishes
another one whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.ids import natural_key
from covsearch.dataset.names import full_name, names_of
from covsearch.dataset.origin import Origin
from covsearch.dataset.performance import Performance
from covsearch.dataset.source import Source
from covsearch.errors import ArtefactError
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.index.head import Head
from covsearch.index.manifest import MEND
from covsearch.index.part import Packed, Part
from covsearch.index.parts import make_parts, settings_for
from covsearch.indexing import origins_of, publish
from covsearch.progress import Progress
from covsearch.store import store_of
from covsearch.store.protocols import State
from covsearch.workspace import Workspace

if TYPE_CHECKING:  # torch comes with it; removing does without
    from covsearch.models import Checkpoint


@dataclass(frozen=True, eq=False)
class Rows:
    """Performances and all that an index holds of each: `keys`, `vectors` (N, 128) and `parts` row by row.

    A key is a full name, ``collection:id``, whatever else there is; performances have the ids of their own collections.
    """

    keys: tuple[str, ...]
    vectors: NDArray[np.float32]
    parts: Mapping[str, Part]
    performances: Mapping[str, Performance]
    origins: Mapping[str, Origin]

    def take(self, rows: Sequence[int]) -> Rows:
        """Only some rows, at least one."""
        parts = {name: part.take(rows) for name, part in self.parts.items()}
        keys = tuple(self.keys[row] for row in rows)
        return replace(self, keys=keys, vectors=self.vectors[list(rows)], parts=parts)

    def __add__(self, other: Rows) -> Rows:
        """These and the other ones; both have the same parts."""
        return Rows(
            (*self.keys, *other.keys),
            np.concatenate([self.vectors, other.vectors]),
            {name: part + other.parts[name] for name, part in self.parts.items()},
            {**self.performances, **other.performances},
            {**self.origins, **other.origins},
        )

    def names(self, keys: Iterable[str], *, ordered: bool = True) -> tuple[str, ...]:
        """What the performances `keys` are called among these, in natural order or as they come."""
        called = dict(zip(self.keys, names_of([self.performances[key] for key in self.keys]), strict=True))
        names = [called[key] for key in keys]
        return in_order(names) if ordered else tuple(names)


def read_rows(workspace: Workspace) -> tuple[State, Head, Rows]:
    """The current state, after its checksums; the caller is the writer, so it stays."""
    opened = store_of(workspace).open_checked()
    pids, catalogue = opened.vectors.names, opened.catalogue
    stored, origins = catalogue.stored(pids), catalogue.origins(pids)
    keys = {pid: full_name(stored[pid].collection, stored[pid].pid) for pid in pids}
    performances = {keys[pid]: stored[pid] for pid in pids}
    known = {keys[pid]: origin for pid, origin in origins.items()}
    every = range(len(pids))
    parts = {name: part.take(every) for name, part in opened.parts.items()}
    rows = Rows(tuple(keys.values()), opened.vectors.take(every), parts, performances, known)
    return opened.state, opened.vectors.head, rows


def check_built(workspace: Workspace) -> None:
    """Refuse to go on where nothing was ever built, before the lock makes folders there."""
    store_of(workspace).current()


def own_model(generation: State) -> Checkpoint:
    """The model that made a generation's vectors.

    Raises
    ------
    UsageError
        For foreign vectors.
    ArtefactError
        When it is damaged, or another one than the manifest names.
    """
    from covsearch.models import checkpoint_of

    own, (built, _) = generation.manifest.model, generation.manifest.heard()
    checkpoint = checkpoint_of(generation.model_files(), Path(generation.name))
    if checkpoint.fingerprint != own:
        raise ArtefactError(f"index was built with model {own}, its copy is {checkpoint.fingerprint}: {MEND}")
    if (seen := checkpoint.config.features) != built:
        raise ArtefactError(f"index was built with {built}, the model in it sees {seen}: {MEND}")
    return checkpoint


def publish_rows(workspace: Workspace, before: State, head: Head, rows: Rows) -> State:
    """`rows` as a new generation, with all else as in the one before."""
    manifest = before.manifest
    return publish(
        workspace,
        rows.keys,
        rows.vectors,
        head,
        rows.performances,
        model_files=before.model_files(),
        calibration=before.calibration(),
        fingerprint=manifest.model,
        features=manifest.features,
        subset=manifest.subset,
        frame_rate=manifest.frame_rate,
        parts=rows.parts,
        origins=rows.origins,
        source=Path(manifest.source) if manifest.source else None,
        locked=True,
        grown=True,
    )


def unchanged(workspace: Workspace, current: State) -> State:
    """The generation as it is; what dead builds left goes, as it does when there is something to publish."""
    store_of(workspace).tidy()
    return current


def pack_new(
    workspace: Workspace,
    dataset: Source,
    fresh: Sequence[str],
    checkpoint: Checkpoint,
    strict: bool,
    progress: Progress,
) -> FrameStore | None:
    """The frames of the performances `fresh` of a dataset; None where there are none."""
    if not fresh:
        return None
    performances = {pid: dataset.performances[pid] for pid in fresh}
    part = dataset.having(performances=performances, files={pid: dataset.files[pid] for pid in fresh})
    again = len(fresh) < len(dataset.performances)  # then what is refused was refused before
    config = checkpoint.config.features
    return pack_cached(workspace.cache, part, config, strict=strict, may_be_empty=again, progress=progress)


def embed_new(
    checkpoint: Checkpoint,
    dataset: Source,
    collection: str,
    store: FrameStore,
    like: Mapping[str, Part],
    progress: Progress,
) -> Rows:
    """The performances of a store, embedded, and the parts that the index has, made as it makes them."""
    from covsearch.embedding import embed_store, embed_windows

    cut = partial(embed_windows, checkpoint, store, progress=progress)
    wanted = settings_for(like, checkpoint.config.features, dataset.frame_rate, like)
    parts = make_parts(Packed(store, dataset.frame_rate, cut), wanted)
    vectors = embed_store(checkpoint, store, progress)
    keys = {pid: full_name(collection, pid) for pid in store.pids}
    performances = {key: replace(dataset.performances[pid], collection=collection) for pid, key in keys.items()}
    origins = {keys[pid]: origin for pid, origin in origins_of(dataset, store).items()}
    return Rows(tuple(keys.values()), vectors, parts, performances, origins)


def in_order(pids: Iterable[str]) -> tuple[str, ...]:
    """Ids in natural order."""
    return tuple(sorted(pids, key=natural_key))
