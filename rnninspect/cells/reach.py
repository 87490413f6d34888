"""What a change of some vectors or weights reaches within a step: read off the equations."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from rnninspect.cells.language import Apply, Bias, Binary, Cell, Expr, Number, Product, Value


class Sources(NamedTuple):
    """What changes: these vectors, and perhaps all matrices and all biases."""

    vectors: frozenset[Value]
    matrices: bool = False
    biases: bool = False


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
        case Number():
            return False
        case Value():
            return expression in vectors
        case Bias():
            return sources.biases
        case Product(operand=operand):
            return sources.matrices or operand in vectors
        case Apply(argument=argument):
            return is_reached(argument, sources, vectors)
        case Binary(left=left, right=right):
            return is_reached(left, sources, vectors) or is_reached(right, sources, vectors)
