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
        vectors = tuple((name, ("H_cell", "H_out")) for name in VECTORS if f"{name} = " in self.text)
        return (*vectors, ("*", ("H_cell",)))


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
FUNCTIONS = (*BOUNDED, "relu", "sin", "softplus", "silu", "gelu", "hardsigmoid", "softsign", "abs", "softmax")
TERMS = (
    *("product", "product", "vector", "number", "function", "times", "brackets"),
    *("weight", "transposed", "expression", "quotient", "power", "two"),
)


class _Writer:
    """Writes expressions; assigned: the vectors that are so far, states: those that were read before they were."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.assigned: set[str] = set()
        self.states: set[str] = set()
        self._weights = 0

    def sum(self, depth: int) -> str:
        signs = self.draw(st.lists(st.sampled_from("+-"), max_size=3))
        first = self.term(depth)
        if self.draw(st.integers(0, 2)) == 2:
            first = f"-({first})"
        return first + "".join(f" {sign} {self.term(depth)}" for sign in signs)

    def term(self, depth: int) -> str:
        match self.draw(st.sampled_from(TERMS)):
            case "vector":
                return self.vector()
            case "weight":
                return f"{self.draw(st.sampled_from(['w_1', 'w_2', 'b_free', '-w_2', '(1 - w_1)']))} * {self.vector()}"
            case "transposed":
                return f"W_t.T @ (W_t @ {self.vector()})"
            case "expression" if depth:
                return f"W_e @ ({self.sum(depth - 1)})"
            case "quotient" if depth:
                return f"({self.sum(depth - 1)}) / (1 + abs({self.sum(depth - 1)}))"
            case "power" if depth:
                power = self.draw(st.sampled_from(["2", "0.5", f"sigmoid({self.vector()})"]))
                return f"(0.1 + abs({self.sum(depth - 1)})) ** {power}"
            case "two" if depth:
                of_two, other = (
                    self.draw(st.sampled_from(["max", "min"])),
                    self.draw(st.sampled_from(["0.1", "w_1", "h"])),
                )
                self.states |= {other} & {"h"} - self.assigned
                return f"{of_two}({self.sum(depth - 1)}, {other})"
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
