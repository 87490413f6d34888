"""A layer of whatever equations a test writes, and random ones for hypothesis."""

from __future__ import annotations

from typing import Literal

from hypothesis import strategies as st

from rnninspect.cells.widths import Declared
from rnninspect.layers.families import StackedLayer

# The vectors that random equations assign; a letter each that none of the language's own names begins with.
VECTORS = "hcasg"


class AnyCell(StackedLayer):
    """Its vectors are as wide as `hidden_size`."""

    type: Literal["AnyCell"] = "AnyCell"
    text: str

    def equations(self) -> str:
        return self.text

    def vector_widths(self) -> Declared:
        return tuple((name, ("H_cell", "H_out")) for name in VECTORS if f"{name} = " in self.text)


@st.composite
def equations(draw: st.DrawFn) -> str:
    """A few equations in which vectors, matrices and biases, functions and signs come in any order.

    Each is bounded, so that no state runs away.
    """
    writer = _Writer(draw)
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(VECTORS))
        lines.append(f"{name} = {draw(st.sampled_from(BOUNDED))}({writer.sum(2)})")
        writer.assigned.add(name)
    lines += [f"{name} = tanh({writer.product(name)})" for name in sorted(writer.states - writer.assigned)]
    return "\n".join(lines if writer.states else ["h = tanh(h)", *lines])


BOUNDED = ("sigmoid", "tanh")
FUNCTIONS = (*BOUNDED, "relu")


class _Writer:
    """Writes expressions; assigned: the vectors that are so far, states: those that were read before they were."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.assigned: set[str] = set()
        self.states: set[str] = set()
        self._weights = 0

    def sum(self, depth: int) -> str:
        signs = self.draw(st.lists(st.sampled_from("+-"), max_size=3))
        return self.term(depth) + "".join(f" {sign} {self.term(depth)}" for sign in signs)

    def term(self, depth: int) -> str:
        match self.draw(st.sampled_from(["product", "product", "vector", "number", "function", "times", "brackets"])):
            case "vector":
                return self.vector()
            case "number":
                return f"{self.draw(st.sampled_from(['0.5', '2', '1']))} * {self.vector()}"
            case "function" if depth:
                return f"{self.draw(st.sampled_from(FUNCTIONS))}({self.sum(depth - 1)})"
            case "times" if depth:
                return f"({self.sum(depth - 1)}) * ({self.sum(depth - 1)})"
            case "brackets" if depth:
                return f"({self.sum(depth - 1)})"
            case _:
                return self.product("x" if self.draw(st.booleans()) else self.vector())

    def product(self, operand: str) -> str:
        self._weights += 1
        bias = f" + b_{operand}{self._weights}" if self.draw(st.booleans()) else ""
        return f"W_{operand}{self._weights} @ {operand}{bias}"

    def vector(self) -> str:
        name = self.draw(st.sampled_from(VECTORS))
        self.states |= {name} - self.assigned
        return name
