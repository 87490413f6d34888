"""Which gate carries a state over to the next step, read off the equations: f in `c = f * c + i * g`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rnninspect.cells.language import Bias, Binary, Cell, Expr, Value, walk


def carry_gate(cell: Cell) -> Mapping[str, str]:
    """The gate of each state that one carries over: {"c": "f"} of an LSTM, {"h": "z"} of a GRU, {} of an RNN.

    It is the vector that multiplies the state of the step before in a term of the sum that the state is set to: where
    it is 1 the state stays, and its gradient passes through.
    """
    found: dict[str, str] = {}
    for equation in cell.equations:
        before = Value(equation.target.name, 0)
        for term in _terms(equation.expression):
            if not isinstance(term, Binary) or term.op != "*":
                continue
            for gate, carried in ((term.left, term.right), (term.right, term.left)):
                # why version > 0: a gate is worked out in the step; x and the states come from outside.
                if carried == before and isinstance(gate, Value) and gate.version > 0:
                    found.setdefault(before.name, gate.name)
    return found


def gate_biases(cell: Cell, gate: str) -> tuple[str, ...]:
    """The biases in the equation of `gate`, in the order of the text: (b_if, b_hf) of f."""
    return tuple(
        node.name
        for equation in cell.equations
        if equation.target.name == gate
        for node in walk(equation.expression)
        if isinstance(node, Bias)
    )


def _terms(expression: Expr) -> Iterator[Expr]:
    """What is added up in `expression`, left to right."""
    match expression:
        case Binary(op="+", left=left, right=right):
            yield from _terms(left)
            yield from _terms(right)
        case _:
            yield expression
