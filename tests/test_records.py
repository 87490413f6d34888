"""More than three arguments of a record are given by name: no reader counts the fields of one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rnninspect"
MOST = 3


def records(trees: list[ast.Module]) -> set[str]:
    """The names of the NamedTuples and dataclasses."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {
        node.name
        for node in classes
        if any(ast.unparse(base) == "NamedTuple" for base in node.bases)
        or any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


def by_position(tree: ast.Module, names: set[str]) -> list[str]:
    """Every call of one of these classes with too many arguments by position; an unpacked tuple is one."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        f"{call.lineno}: {ast.unparse(call)}"
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in names and len(call.args) > MOST
    ]


def test_no_record_of_the_package_is_filled_by_position() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    names = records(list(trees.values()))
    assert "TensorFact" in names
    assert "Outcome" in names
    calls = {str(path.relative_to(PACKAGE)): by_position(tree, names) for path, tree in trees.items()}
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
    tree = ast.parse(source)
    assert bool(by_position(tree, records([tree]))) is is_seen
