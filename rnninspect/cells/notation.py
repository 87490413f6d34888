"""An equation as plain text, part by part: what every other notation goes by, with its own signs.

Where brackets stand, which step a vector is of and how often it is primed is decided here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.tree import (
    Apply,
    Bias,
    Binary,
    Cell,
    Constant,
    Equation,
    Expr,
    Matrix,
    Negative,
    Number,
    Product,
    Value,
    WeightVector,
    is_number,
)

Symbol = Value | WeightVector | Bias | Matrix
Shapes = Callable[[Symbol], tuple[int, ...]]

# How tightly each part binds, loosest first; W h binds tighter than the signs around it: r ⊙ W h is r ⊙ (W h).
SUM, TIMES, WHOLE, BASE = 1, 2, 3, 4
MOST_PRIMES = 4
BINDS = {"+": SUM, "-": SUM, "*": TIMES, "/": TIMES, "**": WHOLE, "max": BASE, "min": BASE}


class Text:
    """How each part of an equation is written: `i_t = σ(W_ii x_t + b_ii)`. Others change what they write otherwise.

    shape: of every symbol. reverse: the step before is t+1. timed: the vectors belong to a step t.
    """

    # why two for *: ⊙ stands between vectors, and a number multiplies all of one.
    operators: ClassVar[Mapping[str, str]] = {"+": "+", "-": "-", "*": "⊙", "/": "/"}
    times: ClassVar[str] = "·"
    sign: ClassVar[str] = " "
    # How tightly a product binds, and a quotient.
    binds: ClassVar[int] = WHOLE
    quotient: ClassVar[int] = TIMES

    def __init__(self, cell: Cell, shape: Shapes, *, reverse: bool, timed: bool) -> None:
        self.cell, self.shape = cell, shape
        self.before = "{t+1}" if reverse else "{t-1}"
        self.timed = timed

    def product(self, product: Product) -> str:
        """A matrix and what it multiplies."""
        matrix = self.symbol(product.matrix) + ("ᵀ" if product.transposed else "")
        return matrix + self.sign + self.factor(product.operand)

    def apply(self, function: str, argument: Expr) -> str:
        """A function."""
        return FUNCTIONS[function].text.format(self.expression(argument))

    def negative(self, operand: Expr) -> str:
        """A minus with nothing before it."""
        return f"-{self.expression(operand, TIMES)}"

    def of_two(self, op: str, left: Expr, right: Expr) -> str:
        """The larger or the smaller of two."""
        return f"{op}({self.expression(left)}, {self.expression(right)})"

    def power(self, base: Expr, exponent: Expr) -> str:
        """A power."""
        return f"{self.expression(base, BASE)}^{self.expression(exponent, BASE)}"

    def binary(self, op: str, left: Expr, right: Expr) -> str:
        """What stands on both sides of a sign."""
        binds = BINDS[op]
        sign = self.times if op == "*" and (is_number(left) or is_number(right)) else self.operators[op]
        # why + 1: signs of one kind group from the left, so that a - (b - c) keeps its brackets.
        return f"{self.expression(left, binds)} {sign} {self.expression(right, binds + 1)}"

    def numeral(self, value: float) -> str:
        """A number."""
        return repr(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)

    def constant(self, constant: Constant) -> str:
        """A number with a name."""
        return constant.name

    def symbol(self, symbol: Symbol) -> str:
        """A name, with the step that a vector belongs to."""
        if not isinstance(symbol, Value):
            return symbol.name
        return "_".join(filter(None, [symbol.name + self.primes(symbol), self.step(symbol)]))

    def primes(self, value: Value) -> str:
        """A vector that is assigned several times has its plain name last, as it leaves the step: h'_t, then h_t.

        Of one that is assigned often the others are counted: h^(7)_t.
        """
        # why not x: its plain name is what comes in.
        last = value.name != "x" and value.version > 0 and value == self.cell.last(value.name)
        if last or value.version == 0:
            return ""
        return "'" * value.version if self.cell.last(value.name).version <= MOST_PRIMES else f"^({value.version})"

    def step(self, value: Value) -> str:
        """The subscript of a vector."""
        if not self.timed:
            return ""
        if value.version == 0 and value.name in self.cell.states:
            return self.before
        return "t" if value.version > 0 or value.name == "x" else ""

    def equation(self, equation: Equation) -> str:
        """A whole equation."""
        return f"{self.symbol(equation.target)} = {self.expression(equation.expression)}"

    def factor(self, expression: Expr) -> str:
        """An expression as a matrix multiplies it."""
        return self.expression(expression, WHOLE)

    def expression(self, expression: Expr, least: int = SUM) -> str:
        """An expression, in brackets where it binds looser than `least`."""
        text, binds = self._bare(expression)
        return text if binds >= least else self.bracketed(text, expression)

    def bracketed(self, text: str, expression: Expr) -> str:
        """An expression that is written already, in brackets."""
        return f"({text})"

    def _bare(self, expression: Expr) -> tuple[str, int]:
        """An expression without brackets, and how tightly it binds."""
        match expression:
            case Number(value=value):
                return self.numeral(value), SUM if value < 0 else BASE
            case Constant():
                return self.constant(expression), BASE
            case Value() | Bias() | WeightVector():
                return self.symbol(expression), BASE
            case Product():
                return self.product(expression), self.binds
            case Negative(operand=operand):
                return self.negative(operand), SUM
            case Apply(function=function, argument=argument):
                return self.apply(function, argument), BASE
            case Binary(op="max" | "min" as op, left=left, right=right):
                return self.of_two(op, left, right), BASE
            case Binary(op="**", left=left, right=right):
                return self.power(left, right), WHOLE
            case Binary(op=op, left=left, right=right):
                return self.binary(op, left, right), self.quotient if op == "/" else BINDS[op]
