"""Whether what is opened is what was published."""

from __future__ import annotations

import numpy as np

from covsearch.store.protocols import Contents, Opened, Publisher


def open_all(store: Publisher) -> Opened:
    return store.read(lambda opened: opened, None)


def check_same(opened: Opened, made: Contents) -> None:
    """Everything that is opened is what was published, value for value."""
    names, rows = list(made.names), range(len(made.names))
    assert list(opened.vectors.names) == names
    assert dict(opened.vectors.rows) == {name: row for row, name in enumerate(names)}
    assert len(opened.vectors) == len(opened.catalogue) == len(names)
    np.testing.assert_array_equal(opened.vectors.take(rows), made.vectors)
    np.testing.assert_array_equal(opened.vectors.head.alpha, made.head.alpha)
    assert opened.vectors.head.beta == made.head.beta
    stored = opened.catalogue.stored(names)
    assert stored == dict(zip(names, made.performances, strict=True))
    assert [stored[name].collection for name in names] == [p.collection for p in made.performances]
    assert opened.catalogue.origins(names) == made.origins
    assert set(opened.parts) == set(made.parts)
    for row in rows:
        np.testing.assert_array_equal(opened.parts["chroma"].track(row), made.parts["chroma"].track(row))
