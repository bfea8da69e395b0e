"""What every back end does with several writers at once: the specification of `writing` and of a change's `base`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from covsearch.errors import CovsearchError
from covsearch.store import store_of
from covsearch.store.protocols import Contents, Publisher, State
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace
from tests.contract.backends import BACKENDS
from tests.contract.checks import check_same, open_all
from tests.contract.materials import contents, many, publish


def with_more(made: Contents, folder: Path, number: int) -> Contents:
    """`made` and one more performance, behind the others in natural order."""
    one = contents(folder, [replace(many(1)[0], pid=f"P_{1000 + number}", title=f"More {number}")], 100 + number)
    parts = {name: part + one.parts[name] for name, part in made.parts.items()}
    everything = {"names": [*made.names, *one.names], "performances": [*made.performances, *one.performances]}
    return replace(made, vectors=np.concatenate([made.vectors, one.vectors]), parts=parts, **everything)  # type: ignore[arg-type]


def test_of_several_writers_each_is_refused_at_once_or_loses_nothing(
    workspace: Workspace, backend: str, tmp_path: Path
) -> None:
    made = contents(tmp_path, many(5))
    publish(workspace, made)
    stores: list[Publisher] = [store_of(BACKENDS[backend](workspace.home)) for _ in range(3)]
    done, expected = 0, {f"P_{n}" for n in range(1, 6)}
    with ExitStack() as held:
        began: list[tuple[int, Publisher, State]] = []
        for number, store in enumerate(stores):
            try:
                held.enter_context(store.writing(beside=True))
            except CovsearchError as e:
                assert "another build is running" in str(e)  # noqa: PT017, which of them are refused is the back end's
                continue
            began.append((number, store, store.open_checked().state))
        for number, store, base in began:
            store.publish(with_more(made, tmp_path / str(number), number), base)
            expected.add(f"P_{1000 + number}")
            done += 1
    assert done >= 1
    opened = open_all(stores[0])
    assert set(opened.vectors.names) == expected
    assert opened.catalogue.collections() == {"one": (5 + done, 2)}


def test_a_change_of_what_is_current_is_published_as_it_is(
    workspace: Workspace, store: Publisher, tmp_path: Path
) -> None:
    made = contents(tmp_path, many(5))
    publish(workspace, made)
    with store.writing(beside=True):
        base = store.open_checked().state
        after = with_more(made, tmp_path / "more", 1)
        assert store.publish(after, base).manifest.count == 6
    check_same(open_all(store), after)


def test_all_that_is_stored_is_looked_at(workspace: Workspace, store: Publisher, tmp_path: Path) -> None:
    for seed in range(2):
        publish(workspace, contents(tmp_path, many(5), seed, windows=True))
    told: list[tuple[str, int, int]] = []
    found = store.verify(lambda *step: told.append(step))
    current = store.current().split()[0]
    assert [(one.name == current, one.role) for one in found] == [(True, "current"), (False, "previous")]
    assert all(one.checks and not one.problems for one in found)
    assert any(done == of for _, done, of in told)
    known = verify_workspace(workspace).to_dict()
    assert (known["sound"], known["store"], known["mend"]) == (True, store.place, ())
