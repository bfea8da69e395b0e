"""covsearch with its checks switched off, for :mod:`benchmarks.cost_of_safety` alone: the product has no such option.

``python -m benchmarks.unchecked {checked|unchecked} COMMAND...`` is the command line; both import the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import safetensors.numpy

from covsearch import durable
from covsearch import indexing as build
from covsearch.cli import main
from covsearch.db.catalogue import SqliteCatalogue
from covsearch.index import collection, flat, generation, publish
from covsearch.index.manifest import StoredFile
from covsearch.store import local

Replacements = Mapping[tuple[Any, str], Any]

READING: Replacements = {
    (generation, "check_files"): lambda *_: None,
    (generation, "_manifest_text"): lambda path, _: path.read_text(),
    (collection, "_read_ids"): lambda path, _: tuple(json.loads(path.read_bytes())),
    (collection, "_read_vectors"): lambda path, *_: safetensors.numpy.load_file(path)["vectors"],
    (flat, "_checked"): lambda index, _: index,
    (flat, "checked_query"): lambda u, *_: u,
    (local, "catalogue_of"): lambda opened: SqliteCatalogue(opened.database),
}
"""Checksums, sizes and what is remembered of them; shapes, counts, ids and NaN."""


def _undigested(path: Path) -> StoredFile:
    return StoredFile(path.stat().st_size, "")


WRITING: Replacements = {
    (publish, "digest"): _undigested,
    (build, "check_vectors"): lambda *_: None,
    (build, "_check_metadata"): lambda *_: None,
    (collection, "check_vectors"): lambda *_: None,
}
"""Checksums for the manifest; vectors and metadata looked at before they are written."""

FLUSHING: Replacements = {(durable, "sync"): lambda _: None, (durable, "sync_tree"): lambda _: None}
"""Flushes to the disk: what makes a published generation outlast a power cut."""


@contextmanager
def without(*replaced: Replacements) -> Iterator[None]:
    """Replace functions of covsearch while the context lasts."""
    with ExitStack() as stack:
        for (module, name), function in (item for each in replaced for item in each.items()):
            stack.enter_context(mock.patch.object(module, name, function))
        yield


if __name__ == "__main__":
    which = sys.argv.pop(1)
    with without(*([READING, WRITING] if which == "unchecked" else [])):
        main()
