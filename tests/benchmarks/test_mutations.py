from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import mutations
from benchmarks.mutations import CRASH, OTHER_WHOLE, REFUSED, SILENT, UNCHANGED
from benchmarks.provenance import RESULTS
from covsearch.index import searched
from tests.hostile.workspace import KINDS, POINTER, SWAP, artefacts, build_two, keep
from tests.hostile.workspace import mutations as all_mutations

NIGHTLY = pytest.mark.skipif(not os.environ.get("COVSEARCH_TEST_NIGHTLY"), reason="takes a minute: `make nightly`")


@pytest.mark.parametrize("limit", [searched.FLAT_LIMIT, pytest.param(0, marks=NIGHTLY)])
def test_everything_is_refused_by_name_and_the_harness_sees_what_is_not(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(searched, "FLAT_LIMIT", limit)  # of 0: FastScan
    result = mutations.measure(flips=2, cuts=1, processes=False, seed=3)
    assert result["mutations"] == len(artefacts()) * 6 == 72
    assert (result["looked_at"], result["not_as_it_should"], result["silent_changes"]) == (144, [], 0)
    assert result["swaps_of_the_same_size"] >= 8
    for row in result["rows"]:
        whole = row["artefact"] == POINTER and row["kind"] == SWAP
        assert row["open"] == {OTHER_WHOLE if whole else REFUSED: row["looked_at"]}
    assert result["stamp"]["outcomes"] == {UNCHANGED: result["stamp"]["mutations"]}
    assert result["sound_afterwards"]
    assert result["control"][SILENT] > 3  # a database or head of the other generation, at the least
    assert f"| `{POINTER}` | swap | 2 | 0 | 0 | 2 × {OTHER_WHOLE} |" in mutations.markdown(result)


def test_a_mutation_changes_one_file_and_restoring_puts_it_back(tmp_path: Path) -> None:
    workspace, old = build_two(tmp_path, 0)
    restore = keep(workspace)
    before = {path: (tmp_path / path).read_bytes() for path in artefacts()}
    every = list(all_mutations(workspace, old, 1, 1, np.random.default_rng(0)))
    assert {mutation.kind for mutation in every} == set(KINDS)
    for mutation in every:
        mtime = (tmp_path / mutation.path).stat().st_mtime_ns
        mutation.apply(tmp_path)
        now = {path: (tmp_path / path).read_bytes() for path in artefacts() if (tmp_path / path).exists()}
        assert {path for path in before if now.get(path) != before[path]} == {mutation.path}
        if mutation.data is not None:
            assert (tmp_path / mutation.path).stat().st_mtime_ns == mtime
        restore()
        assert {path: (tmp_path / path).read_bytes() for path in artefacts()} == before


def test_commands_are_judged_by_exit_code_and_message() -> None:
    good = {"exit_code": 4, "message": "Error: HOME/db/gen-0002.sqlite3: was changed; run `covsearch build-index`"}
    row = {"artefact": "db/gen-0002.sqlite3", "kind": "empty", "query": good, "verify": good}
    assert mutations.refused(row)
    for wrong in (
        {"exit_code": 0},
        {"exit_code": 1},
        {"message": "Error: HOME/other"},
        {"message": "Traceback\ngen-0002"},
    ):
        assert not mutations.refused({**row, "query": {**good, **wrong}})


def test_an_error_that_is_no_refusal_is_a_crash(tmp_path: Path) -> None:
    workspace, old = build_two(tmp_path, 0)
    mutation = next(all_mutations(workspace, old, 1, 1, np.random.default_rng(0)))
    assert mutations.classify(RuntimeError("x"), mutation) == f"{CRASH}: RuntimeError"


def test_the_committed_results_are_of_enough_mutations_and_none_got_through() -> None:
    result = json.loads((RESULTS / "mutations.json").read_text(encoding="utf-8"))
    assert (RESULTS / "mutations.md").read_text(encoding="utf-8") == mutations.markdown(result)
    assert result["mutations"] >= 500
    found = {(row["artefact"], row["kind"]) for row in result["rows"] if row["looked_at"]}
    assert found == {(path, kind) for path in artefacts() for kind in KINDS}
    assert (result["silent_changes"], result["not_as_it_should"]) == (0, [])
    assert (len(result["commands"]), result["commands_not_refused"]) == (len(found) - 1, 0)
    assert all(map(mutations.refused, result["commands"]))
