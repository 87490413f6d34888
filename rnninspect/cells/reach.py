"""What a change of some vectors or weights reaches within a step: read off the equations."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from rnninspect.cells.tree import Bias, Cell, Expr, Product, Value, WeightVector, parts


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
