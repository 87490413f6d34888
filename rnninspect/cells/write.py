"""A cell's equations as people write them: in plain text and in LaTeX, with names and with sizes.

    i = sigmoid(W_ii @ x + b_ii + W_hi @ h + b_hi)

is written

    i_t = σ(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)
    (50,) = σ((50, 300)·(300,) + (50,) + (50, 50)·(50,) + (50,))

and all of it is read off the tree, so that a new kind needs nothing here. ⊙ is element by element, as in torch's
documentation; a matrix stands before its vector without a sign between, and `·` between their sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

from rnninspect.cells.language import (
    FUNCTIONS,
    Apply,
    Bias,
    Binary,
    Cell,
    Equation,
    Expr,
    Matrix,
    Number,
    Product,
    Value,
)
from rnninspect.cells.widths import Declared, widths
from rnninspect.letters import shape_of

Symbol = Value | Bias | Matrix
Shapes = Callable[[Symbol], tuple[int, ...]]

# How tightly each part binds, loosest first; W h binds tighter than the signs around it: r ⊙ W h is r ⊙ (W h).
_SUM, _TIMES, _WHOLE = 1, 2, 3
_BINDS = {"+": _SUM, "-": _SUM, "*": _TIMES}


class Written(NamedTuple):
    """One equation. sizes: its text with the shape of every term in place of the term's name.

    latex_sizes: its LaTeX with the shape under every name.
    """

    target: Value
    text: str
    sizes: str
    latex: str
    latex_sizes: str


def write(cell: Cell, shape: Shapes, *, reverse: bool = False, timed: bool = True) -> tuple[Written, ...]:
    """Every equation of the cell, in the order they are computed.

    shape: of every symbol, as `shapes` gives it. reverse: the sequence is read from its end, so that the step before
    is t+1. timed: the vectors belong to a step t; without, they are written bare.
    """
    notations = [kind(cell, shape, reverse=reverse, timed=timed) for kind in (_Text, _Sizes, _Latex, _LatexSizes)]
    return tuple(
        Written(equation.target, *(_equation(equation, notation) for notation in notations))
        for equation in cell.equations
    )


def python(cell: Cell) -> tuple[str, ...]:
    """Every equation as a statement on torch's tensors, one row a sequence: `h = torch.tanh(x_t @ W_ih.T + b_ih)`."""
    notation = _Python(cell, _no_shape, reverse=False, timed=False)
    return tuple(_equation(equation, notation) for equation in cell.equations)


def name(cell: Cell, symbol: Symbol, *, reverse: bool = False, timed: bool = True) -> str:
    """One symbol as the equations' text has it: `W_ii`, `x_t`, `h_{t-1}`, `h'_t`."""
    return _Text(cell, _no_shape, reverse=reverse, timed=timed).symbol(symbol)


def shapes(cell: Cell, declared: Declared, sizes: Mapping[str, int]) -> Shapes:
    """What gives the shape of every symbol: (rows, columns) of a matrix, (length,) of a vector or a bias."""
    solved = widths(cell, declared)
    operands = {node.matrix: node.operand for node in cell.nodes if isinstance(node, Product)}

    def shape(symbol: Symbol) -> tuple[int, ...]:
        columns = [solved.operand(operands[symbol])] if isinstance(symbol, Matrix) else []
        return shape_of([solved.length(symbol), *columns], sizes)

    return shape


def _no_shape(symbol: Symbol) -> tuple[int, ...]:
    return ()


# --- notations --------------------------------------------------------------------------------------------


class _Text:
    """How each part of an equation is written. This is plain text; the others change what they write otherwise."""

    functions: ClassVar[Mapping[str, str]] = {"sigmoid": "σ", "tanh": "tanh", "relu": "ReLU"}
    operators: ClassVar[Mapping[str, str]] = {"+": "+", "-": "-", "*": "⊙"}
    sign: ClassVar[str] = " "
    # How tightly a product binds.
    binds: ClassVar[int] = _WHOLE

    def __init__(self, cell: Cell, shape: Shapes, *, reverse: bool, timed: bool) -> None:
        self.cell, self.shape = cell, shape
        self.before = "{t+1}" if reverse else "{t-1}"
        self.timed = timed

    def product(self, product: Product) -> str:
        """A matrix and its vector."""
        return self.symbol(product.matrix) + self.sign + self.symbol(product.operand)

    def symbol(self, symbol: Symbol) -> str:
        """A name, with the step that a vector belongs to."""
        if not isinstance(symbol, Value):
            return symbol.name
        return "_".join(filter(None, [symbol.name + self.primes(symbol), self.step(symbol)]))

    def primes(self, value: Value) -> str:
        """A vector that is assigned several times has its plain name last, as it leaves the step: h'_t, then h_t."""
        # why not x: its plain name is what comes in.
        last = value.name != "x" and value.version > 0 and value == self.cell.last(value.name)
        return "" if last else "'" * value.version

    def step(self, value: Value) -> str:
        """The subscript of a vector."""
        if not self.timed:
            return ""
        return self.before if value.version == 0 and value.name in self.cell.states else "t"


class _Sizes(_Text):
    sign = "·"

    def symbol(self, symbol: Symbol) -> str:
        return str(self.shape(symbol))


class _Python(_Text):
    functions: ClassVar[Mapping[str, str]] = {name: f"torch.{name}" for name in FUNCTIONS}
    operators: ClassVar[Mapping[str, str]] = {sign: sign for sign in _BINDS}
    binds = _TIMES

    def product(self, product: Product) -> str:
        return f"{self.symbol(product.operand)} @ {product.matrix.name}.T"

    def symbol(self, symbol: Symbol) -> str:
        return "x_t" if symbol.name == "x" else symbol.name


class _Latex(_Text):
    functions: ClassVar[Mapping[str, str]] = {"sigmoid": r"\sigma", "tanh": r"\tanh", "relu": r"\mathrm{ReLU}"}
    operators: ClassVar[Mapping[str, str]] = {"+": "+", "-": "-", "*": r"\odot"}

    def symbol(self, symbol: Symbol) -> str:
        base, _, index = symbol.name.partition("_")
        marks = ""
        if isinstance(symbol, Value):
            step = self.step(symbol)
            marks, index = self.primes(symbol), f"{index},{step}" if index and step else index or step
        index = index.replace("_", r"\_")
        if len(index) > 1 and not index.startswith("{"):
            index = f"{{{index}}}"
        base = base if len(base) == 1 else rf"\mathrm{{{base}}}"
        return f"{base}{marks}_{index}" if index else base + marks


class _LatexSizes(_Latex):
    def symbol(self, symbol: Symbol) -> str:
        shape = str(self.shape(symbol)).replace(",)", "{,})")  # why braces: a comma is followed by a space else
        return rf"\underset{{{shape}}}{{{super().symbol(symbol)}}}"


# --- the tree ---------------------------------------------------------------------------------------------


def _equation(equation: Equation, notation: _Text) -> str:
    return f"{notation.symbol(equation.target)} = {_written(equation.expression, notation)}"


def _written(expression: Expr, notation: _Text, least: int = _SUM) -> str:
    """An expression, in brackets where it binds looser than `least`."""
    match expression:
        case Number(value=value):
            return repr(int(value)) if value.is_integer() else repr(value)
        case Value() | Bias():
            return notation.symbol(expression)
        case Product():
            text = notation.product(expression)
            return text if notation.binds >= least else f"({text})"
        case Apply(function=function, argument=argument):
            return f"{notation.functions[function]}({_written(argument, notation)})"
        case Binary(op=op, left=left, right=right):
            binds = _BINDS[op]
            # why + 1: signs of one kind group from the left, so that a - (b - c) keeps its brackets.
            sides = _written(left, notation, binds), _written(right, notation, binds + 1)
            text = f"{sides[0]} {notation.operators[op]} {sides[1]}"
            return text if binds >= least else f"({text})"
