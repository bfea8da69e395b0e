"""Nobody outside of a back end reaches through it: what the rules of imports cannot see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import covsearch

PACKAGE = Path(covsearch.__file__).parent
INSIDE = ("index/", "db/", "store/local/", "store/postgres/", "store/milvus/")
"""The back ends."""
PRIVATE = {"flat", "check_rows", "serialize", "exec_driver_sql", "database"}
"""Attributes of its parts that are no one's business."""


def reaches(source: str) -> Iterator[str]:
    """Expressions with an attribute of `PRIVATE`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in PRIVATE:
            yield ast.unparse(node)


def test_no_caller_reaches_through_the_store() -> None:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(INSIDE):
            found[name] = list(reaches(path.read_text(encoding="utf-8")))
    assert len(found) > 100
    assert {name: what for name, what in found.items() if what} == {}


def test_reaching_through_is_seen() -> None:
    source = "u = searcher.collection.flat.vectors[0]\nv = searcher.collection.take([0])\nopen(generation.database)\n"
    assert sorted(reaches(source)) == ["generation.database", "searcher.collection.flat"]
