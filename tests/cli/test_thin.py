"""Commands are thin: they parse, call the library and print."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import covsearch.cli

FOLDER = Path(covsearch.cli.__file__).parent
LINES = 25  # of a command's body, without its docstring
INTERNAL = ("covsearch.models", "covsearch.index", "covsearch.db", "covsearch.store", "covsearch.embedding")


def commands() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
            if isinstance(node, ast.FunctionDef) and any(".command(" in d for d in decorators):
                yield f"{path.name}:{node.name}", node


def test_all_commands_are_looked_at() -> None:
    seen = {name.split(":")[1] for name, _ in commands()}
    assert seen >= {"query", "find", "compare_command", "add", "train_command"}


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_command_has_few_lines(name: str, command: ast.FunctionDef) -> None:
    body = command.body[1:] if ast.get_docstring(command) else command.body
    assert body[-1].end_lineno is not None
    assert body[-1].end_lineno - body[0].lineno + 1 <= LINES, name


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_a_command_imports_no_internals(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            inside = any(name == room or name.startswith(f"{room}.") for room in INTERNAL)
            assert not inside, f"{path.name} imports {name}"
