from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from published import FINGERPRINT, make_performances, publish

from covsearch.db.catalogue import SqliteCatalogue
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.index.generation import open_generation
from covsearch.index.parts import read_part
from covsearch.stats import read_stats
from covsearch.workspace import Workspace


def files_below(*paths: Path) -> int:
    return sum(p.stat().st_size for path in paths for p in (path, *path.rglob("*")) if p.is_file())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    publish(workspace, seed=5)
    publish(workspace, windows=True)
    return workspace


def test_counts_are_those_of_the_collection(workspace: Workspace) -> None:
    found = read_stats(workspace)
    performances = make_performances(np.random.default_rng(0), 40).values()
    pairs = sum(a.wid == b.wid for a, b in combinations(performances, 2))
    sizes = Counter(Counter(p.wid for p in performances).values())
    assert (found.generation, found.manifest.count, found.manifest.works) == ("gen-0002", 40, 14)
    assert (found.cover_pairs, found.works, found.alone) == (pairs, dict(sizes), sizes[1])
    assert found.alone == 1
    assert found.manifest.model == FINGERPRINT


def test_windows_are_counted_where_there_are_any(workspace: Workspace, tmp_path: Path) -> None:
    assert read_stats(workspace).windows == len(read_part(open_generation(workspace), "windows").vectors) > 40
    publish(Workspace(tmp_path / "other"))
    assert read_stats(Workspace(tmp_path / "other")).windows is None


def test_sizes_are_those_on_disk(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.cache / "store").mkdir(parents=True)
    (workspace.cache / "store" / "frames").write_bytes(b"x" * 1234)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"x" * 9999)
    (workspace.cache / "link").symlink_to(elsewhere)
    names = ("gen-0001", "gen-0002")
    each = {name: files_below(workspace.index / name, workspace.db / f"{name}.sqlite3") for name in names}
    assert read_stats(workspace).bytes_of == {**each, "cache": 1234}
    assert min(each.values()) > 90_000


def test_no_index_and_a_broken_one_are_told_as_a_query_tells_them(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="run `covsearch build-index` first"):
        read_stats(Workspace(tmp_path / "nothing"))
    (workspace.index / "gen-0002" / "ids.json").write_text("[]")
    with pytest.raises(ArtefactError, match=r"ids\.json: expected \d+ bytes, found 2"):
        read_stats(workspace)


def test_a_generation_that_goes_while_it_is_looked_at_is_left_for_the_newest(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two builds end meanwhile, so that nothing of the one that was opened is there any more."""
    look, times = SqliteCatalogue.clique_sizes, []

    def looked(catalogue: SqliteCatalogue) -> dict[int, int]:
        times.append(1)
        if len(times) == 1:
            for count in (10, 12):
                publish(workspace, count)
            raise ArtefactError("the database is gone")
        return look(catalogue)

    monkeypatch.setattr(SqliteCatalogue, "clique_sizes", looked)
    found = read_stats(workspace)
    assert (found.generation, found.manifest.count, len(times)) == ("gen-0004", 12, 2)
    assert sorted(found.bytes_of) == ["cache", "gen-0003", "gen-0004"]
