"""One public name means one thing: no two rooms of the package define the same one."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import covsearch

PACKAGE = Path(covsearch.__file__).parent
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def public_names(source: str) -> Iterator[str]:
    """The public functions and classes at the top level of a module; `main` is every program's own."""
    for node in ast.parse(source).body:
        if isinstance(node, DEFINITIONS) and not node.name.startswith("_") and node.name != "main":
            yield node.name


def shared_names(package: Path) -> dict[str, list[str]]:
    """Names that modules of several rooms define: name -> the modules. A room is a folder or a file of the package."""
    places: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for name in public_names(path.read_text(encoding="utf-8")):
            places[name].append(path.relative_to(package))
    return {
        name: [str(path) for path in paths]
        for name, paths in places.items()
        if len({path.parts[0].removesuffix(".py") for path in paths}) > 1
    }


def test_no_two_rooms_define_the_same_public_name() -> None:
    assert shared_names(PACKAGE) == {}


def test_a_shared_name_is_found(tmp_path: Path) -> None:
    for file, source in {
        "a.py": "def draw(): ...\nclass Origin: ...\ndef _own(): ...\ndef main(): ...\n",
        "room/b.py": "class Origin: ...\ndef twice(): ...\ndef _own(): ...\ndef main(): ...\n",
        "room/c.py": "async def draw(): ...\ndef twice(): ...\nif True:\n    def inner(): ...\n",
    }.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(source)
    assert shared_names(tmp_path) == {"draw": ["a.py", "room/c.py"], "Origin": ["a.py", "room/b.py"]}
