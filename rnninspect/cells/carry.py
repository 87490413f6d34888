"""Which gate carries a state over to the next step, read off the equations: f in `c = f * c + i * g`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rnninspect.cells.tree import Binary, Cell, Expr, Number, Value


class Carrier(NamedTuple):
    """The gate that carries a state over. inverse: the state stays where the gate is 0, as in `(1 - z) * h + z * n`."""

    gate: str
    inverse: bool = False


def carry_gate(cell: Cell) -> Mapping[str, Carrier]:
    """The gate of each state that one carries over: f of an LSTM's c, z of a GRU's h, none of an RNN.

    It is the vector that multiplies the state of the step before, itself or as what it lacks of 1, in a term of the sum
    that the state is set to: where it is 1, or 0, the state stays, and its gradient passes through. Where several
    equations carry a state in turn, as in a recurrent highway network, no gate alone says how much of it stays.
    """
    carriers: dict[str, Carrier] = {}
    for equation in cell.equations:
        before = Value(equation.target.name, 0)
        for term in _terms(equation.expression) if equation.target == cell.last(before.name) else ():
            if not isinstance(term, Binary) or term.op != "*":
                continue
            for factor, carried in ((term.left, term.right), (term.right, term.left)):
                carrier = _carrier(cell, factor)
                if carried == before and carrier is not None:
                    carriers.setdefault(before.name, carrier)
    return carriers


def gate_biases(cell: Cell, gate: str) -> tuple[str, ...]:
    """The biases in the equation of `gate`, in the order of the text: (b_if, b_hf) of f."""
    return tuple(bias for equation in cell.equations if equation.target.name == gate for bias in equation.biases)


def _carrier(cell: Cell, factor: Expr) -> Carrier | None:
    match factor:
        case Value() as gate:
            inverse = False
        case Binary(op="-", left=Number(value=1.0), right=Value() as gate):
            inverse = True
        case _:
            return None
    # why: a gate is worked out in the step, x and the states come from outside; and a name means its last value.
    return Carrier(gate.name, inverse) if gate.version > 0 and gate == cell.last(gate.name) else None


def _terms(expression: Expr) -> Iterator[Expr]:
    """What is added up in `expression`, left to right; what is taken away is left out."""
    match expression:
        case Binary(op="+", left=left, right=right):
            yield from _terms(left)
            yield from _terms(right)
        case Binary(op="-", left=left):
            yield from _terms(left)
        case _:
            yield expression
