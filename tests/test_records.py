"""More than three arguments of a record are given by name: no reader counts the fields of one."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rnninspect"
MOST = 3


def nodes_of(source: str) -> list[ast.AST]:
    """The classes and calls of a module."""
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef | ast.Call)]


def records(nodes: Iterable[ast.AST]) -> set[str]:
    """The names of the NamedTuples and dataclasses."""
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    return {
        node.name
        for node in classes
        if any(ast.unparse(base) == "NamedTuple" for base in node.bases)
        or any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


def by_position(nodes: Iterable[ast.AST], names: set[str]) -> list[str]:
    """Every call of one of these classes with too many arguments by position; an unpacked tuple is one."""
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return [
        f"{call.lineno}: {ast.unparse(call)}"
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in names and len(call.args) > MOST
    ]


def test_no_record_of_the_package_is_filled_by_position() -> None:
    nodes = {path: nodes_of(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    names = records(itertools.chain(*nodes.values()))
    assert "TensorFact" in names
    assert "Outcome" in names
    calls = {str(path.relative_to(PACKAGE)): by_position(each, names) for path, each in nodes.items()}
    assert {path: found for path, found in calls.items() if found} == {}


@pytest.mark.parametrize(
    ("call", "is_seen"),
    [
        ("Place('a', 1, 2)", False),
        ("Place('a', 1, 2, 3)", True),
        ("Place('a', 1, 2, path=3)", False),
        ("Place(*all)", False),
    ],
)
def test_the_check_can_fail(call: str, is_seen: bool) -> None:
    source = f"class Place(NamedTuple):\n    source: str\n\n{call}\n"
    nodes = nodes_of(source)
    assert bool(by_position(nodes, records(nodes))) is is_seen
