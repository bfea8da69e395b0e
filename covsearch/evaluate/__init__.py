"""How good the answers are: pure functions of arrays, baselines beside every model, held-out pairs only.

The functions here judge anybody's distances, in the habit of mir_eval::

    from covsearch import evaluate
    found = evaluate.retrieval(distances, works)            # distances (N, N), low = cover; one work a performance
    found = evaluate.retrieval(evaluate.cosine(vectors), works)
    found["map"].value, found["map"].ci
    evaluate.differences({"mine": found, "other": evaluate.retrieval(other, works)})
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__all__ = ["clique_sizes", "cosine", "differences", "euclidean", "holm", "retrieval"]

if TYPE_CHECKING:
    from covsearch.evaluate.cliques import clique_sizes
    from covsearch.evaluate.distances import cosine, euclidean
    from covsearch.evaluate.score import differences, retrieval
    from covsearch.evaluate.significance import holm

_WHERE = {
    "clique_sizes": "cliques",
    "cosine": "distances",
    "differences": "score",
    "euclidean": "distances",
    "holm": "significance",
    "retrieval": "score",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'covsearch.evaluate' has no attribute {name!r}")
    return getattr(importlib.import_module(f"covsearch.evaluate.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
