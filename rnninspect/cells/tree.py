"""What the text of a cell is parsed into: a small tree of frozen records, and what can be asked of it as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple


class CellError(Exception):
    """The text of a cell is wrong.

    line, column: where in the text, from 1; None where it is not about one place. hint: what to write instead.
    whose: what its line begins with.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.hint, self.whose = message, line, column, hint, ""

    def __str__(self) -> str:
        """All of it in one line."""
        place = "" if self.line is None else f"line {self.line}: "
        if self.column is not None:
            place = f"line {self.line}, column {self.column}: "
        return self.whose + place + self.message + (f" ({self.hint})" if self.hint else "")


class NeedsBiasError(CellError):
    """The equations cannot be had without biases: one is more than a term of a sum."""


# why each says its kind: named tuples are equal where their fields are, so that W as a matrix would be W as a bias.


class Value(NamedTuple):
    """A vector. version 0 came from outside (x, what else is given, or a state after the step before), 1 is the first
    assignment."""

    name: str
    version: int
    kind: Literal["value"] = "value"


class Matrix(NamedTuple):
    """A weight matrix, `W_if`; only ever the left side of @. One of a family, `W_n[2]`, is named `W_n_2`."""

    name: str
    kind: Literal["matrix"] = "matrix"


class WeightVector(NamedTuple):
    """A weight vector, `w_ci`, which takes part element by element; one wide it is a number that is learnt."""

    name: str
    kind: Literal["weight vector"] = "weight vector"


class Bias(NamedTuple):
    """A bias vector, `b_if`; it belongs to the matrix of the same suffix where there is one."""

    name: str
    kind: Literal["bias"] = "bias"


class Number(NamedTuple):
    """A number that stands in the text."""

    value: float
    kind: Literal["number"] = "number"


class Constant(NamedTuple):
    """A number with a name, with the value it has in this cell."""

    name: str
    value: float
    kind: Literal["constant"] = "constant"


class Negative(NamedTuple):
    """-operand."""

    operand: Expr
    kind: Literal["negative"] = "negative"


class Apply(NamedTuple):
    """A function of `functions.FUNCTIONS`."""

    function: str
    argument: Expr


class Binary(NamedTuple):
    """left op right, element by element; op is one of + - * / ** max min."""

    op: str
    left: Expr
    right: Expr


class Product(NamedTuple):
    """matrix @ operand, or matrix.T @ operand."""

    matrix: Matrix
    operand: Expr
    transposed: bool = False


Weight = Matrix | WeightVector | Bias
Expr = Value | WeightVector | Bias | Number | Constant | Negative | Apply | Binary | Product


class Equation(NamedTuple):
    """target = expression."""

    target: Value
    expression: Expr

    @property
    def biases(self) -> tuple[str, ...]:
        """The names of its biases, in the order of the text."""
        return tuple(node.name for node in walk(self.expression) if isinstance(node, Bias))


@dataclass(frozen=True)
class Cell:
    """One step of a recurrence: equations in the order they are computed.

    output: the vector that the step puts out. fixed: the weights that are not trained. stacked: matrices of one
    operand are rows of one parameter. lines: where in the text each equation stands.
    """

    equations: tuple[Equation, ...]
    output: str
    fixed: frozenset[str] = frozenset()
    stacked: bool = True
    lines: tuple[int, ...] = field(default=(), compare=False)

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The vectors fed back from one step to the next, in the order they are first read."""
        return states_of(self.equations)

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """Every node of every expression, in the order of the text."""
        return tuple(node for equation in self.equations for node in walk(equation.expression))

    @cached_property
    def weights(self) -> tuple[Weight, ...]:
        """Every weight, once, in the order of the text."""
        symbols = (symbol for equation in self.equations for symbol in symbols_of(equation.expression))
        return tuple(dict.fromkeys(symbol for symbol in symbols if not isinstance(symbol, Value)))

    @cached_property
    def _lasts(self) -> dict[str, Value]:
        return {equation.target.name: equation.target for equation in self.equations}

    def last(self, name: str) -> Value:
        """The final version of the vector `name`: what the step hands on."""
        if name not in self._lasts:
            raise CellError(f"{name!r} is read but never assigned")
        return self._lasts[name]

    @property
    def result(self) -> Value:
        """What the step puts out."""
        return self.last(self.output)


def states_of(equations: tuple[Equation, ...]) -> tuple[str, ...]:
    """The vectors that are read before they are assigned, in the order they are first read."""
    nodes = (node for equation in equations for node in walk(equation.expression))
    read = dict.fromkeys(node.name for node in nodes if isinstance(node, Value) and node.version == 0)
    # why asked: x is never assigned, and nor is what else comes from outside.
    assigned = {equation.target.name for equation in equations}
    return tuple(name for name in read if name in assigned and name != "x")


def walk(expression: Expr) -> Iterator[Expr]:
    """`expression` and everything under it, left to right."""
    rest = [expression]
    while rest:
        node = rest.pop()
        yield node
        rest.extend(reversed(parts(node)))


def parts(expression: Expr) -> tuple[Expr, ...]:
    """What stands directly under an expression, left to right."""
    match expression:
        case Apply(argument=part) | Negative(operand=part) | Product(operand=part):
            return (part,)
        case Binary(left=left, right=right):
            return left, right
        case _:
            return ()


def symbols_of(expression: Expr) -> Iterator[Value | Weight]:
    """Every vector and weight of an expression, left to right."""
    for node in walk(expression):
        match node:
            case Value() | WeightVector() | Bias():
                yield node
            case Product(matrix=matrix):
                yield matrix


def is_number(expression: Expr) -> bool:
    """Whether an expression is made of numbers alone, so that it is worked out once and for all."""
    match expression:
        case Number() | Constant():
            return True
        case Product() | Value() | WeightVector() | Bias():
            return False
        case _:
            return all(map(is_number, parts(expression)))
