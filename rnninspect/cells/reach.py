"""What a change of some vectors or weights reaches within a step, and what leads to some: read off the equations."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from rnninspect.cells.tree import Bias, Cell, Expr, Product, Value, WeightVector, parts, walk


class Sources(NamedTuple):
    """What changes: these vectors, and the weights of these names."""

    vectors: frozenset[Value]
    weights: frozenset[str] = frozenset()


def reached(cell: Cell, sources: Sources) -> frozenset[Value]:
    """Every vector that changes with the sources, those among them included."""
    vectors = set(sources.vectors)
    for equation in cell.equations:
        if is_reached(equation.expression, sources, vectors):
            vectors.add(equation.target)
    return frozenset(vectors)


def leading_to(cell: Cell, vectors: Set[Value]) -> frozenset[Value]:
    """Every vector that one of these is made of within the step, they themselves included."""
    leading = set(vectors)
    for equation in reversed(cell.equations):
        if equation.target in leading:
            leading.update(node for node in walk(equation.expression) if isinstance(node, Value))
    return frozenset(leading)


def is_reached(expression: Expr, sources: Sources, vectors: Set[Value]) -> bool:
    """Whether an expression changes with the sources. vectors: those that are known to."""
    match expression:
        case Value():
            return expression in vectors
        case Bias(name=name) | WeightVector(name=name):
            return name in sources.weights
        case Product(matrix=matrix, operand=operand):
            return matrix.name in sources.weights or is_reached(operand, sources, vectors)
        case _:
            return any(is_reached(part, sources, vectors) for part in parts(expression))
