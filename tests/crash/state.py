"""What an index answers, whole, and what lies in a workspace that should not."""

from __future__ import annotations

from covsearch.errors import NotFoundError
from covsearch.index.generation import Generation, read_current
from covsearch.index.manifest import digest
from covsearch.index.verified import STAMP
from covsearch.search import Searcher
from covsearch.store.local import open_state, read_newest
from covsearch.workspace import Workspace

Answers = dict[str, object]


def read_answers(workspace: Workspace) -> Answers | None:
    """Every answer of the current generation, its name aside; None where nothing was ever built.

    Raises
    ------
    CovsearchError
        When it does not answer.
    AssertionError
        When a file's checksum is not the manifest's.
    """
    if read_current(workspace) is None:
        try:
            read_newest(workspace, answers_of)
        except NotFoundError:
            return None
    return read_newest(workspace, answers_of)


def answers_of(generation: Generation) -> Answers:
    """Ids, metadata, and every query by the head and by windows, with all distances."""
    for path, stored in generation.manifest.files.items():
        assert digest(generation.workspace.home / path) == stored, path
    searcher = Searcher(open_state(generation, ["windows"]))
    pids = searcher.collection.names
    answers: Answers = {"pids": pids, "model": generation.manifest.model, "works": generation.manifest.works}
    answers["metadata"] = searcher.catalogue.get(pids)
    answers["origins"] = searcher.catalogue.origins(pids)
    chroma = searcher.chroma
    assert chroma is not None
    answers["chroma"] = [(chroma.track(row).tobytes(), rate) for row, rate in enumerate(chroma.rates.tolist())]
    answers["found"] = [found.performance for found in searcher.catalogue.find("a", 1000)]
    for pid in pids:
        for rerank in ("head", "windows"):
            answers[f"{pid} {rerank}"] = searcher.query(pid, len(pids), rerank=rerank).matches
    return answers


def remains(workspace: Workspace) -> list[str]:
    """Names in ``index/`` and ``db/`` that are of no one of the two generations which stay."""
    there = [path.name for folder in (workspace.index, workspace.db) if folder.is_dir() for path in folder.iterdir()]
    current = read_current(workspace)
    published = sorted(name for name in there if name.startswith("gen-") and not name.endswith(".sqlite3"))
    newest = [name for name in published if current and name <= current[0]][-2:]
    kept = {".lock", "CURRENT", STAMP, *newest, *(f"{name}.sqlite3" for name in newest)}
    return sorted(set(there) - kept)
