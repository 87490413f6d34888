"""Whether a recurrence must be run step by step, read off the equations.

Where every state's new value is a sum of the states, each times what reads no state, the steps can be put together
pairwise, in any grouping: log2 L rounds in place of L (Blelloch 1990; Martin & Cundy 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import cache

from rnninspect.cells.tree import Apply, Binary, Cell, Expr, Negative, Product, Value


class Reads(IntEnum):
    """How an expression depends on the states of the step before.

    DIAGONAL: it is a sum of them, times factors element by element; MATRIX: with matrices between them; BOUND: neither.
    """

    NOTHING = 0
    DIAGONAL = 1
    MATRIX = 2
    BOUND = 3


@cache
def scannable(cell: Cell) -> Reads:
    """How the new states depend on the old: by anything but BOUND the recurrence can be run in log2 L rounds.

    A state that only holds what came in before, `p = x`, is no more than an input.
    """
    held: frozenset[str] = frozenset()
    while True:
        known: dict[Value, Reads] = {Value(name, 0): Reads.NOTHING for name in ("x", *held)}
        known |= {Value(name, 0): Reads.DIAGONAL for name in cell.states if name not in held}
        for equation in cell.equations:
            known[equation.target] = _reads(equation.expression, known)
        new = {state: known[cell.last(state)] for state in cell.states}
        following = frozenset(state for state, reads in new.items() if reads is Reads.NOTHING)
        if following == held:
            return max(new.values(), default=Reads.NOTHING)
        held = following


def _reads(expression: Expr, known: Mapping[Value, Reads]) -> Reads:
    match expression:
        case Value():
            return known[expression]
        case Product(operand=operand):
            inner = _reads(operand, known)
            return Reads.MATRIX if inner is Reads.DIAGONAL else inner
        case Negative(operand=operand):
            return _reads(operand, known)
        case Apply(argument=argument):
            return _bound(_reads(argument, known))
        case Binary(op=op, left=left, right=right):
            sides = _reads(left, known), _reads(right, known)
            if op in "+-" or (op == "*" and min(sides) is Reads.NOTHING):
                return max(sides)
            return sides[0] if op == "/" and sides[1] is Reads.NOTHING else _bound(max(sides))
        case _:
            return Reads.NOTHING


def _bound(inner: Reads) -> Reads:
    return Reads.BOUND if inner else Reads.NOTHING
