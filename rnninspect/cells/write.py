"""A cell's equations as people write them: in plain text and in LaTeX, with names and with sizes.

    i = sigmoid(W_ii @ x + b_ii + W_hi @ h + b_hi)

is written

    i_t = σ(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)
    (50,) = σ((50, 300)·(300,) + (50,) + (50, 50)·(50,) + (50,))

and all of it is read off the tree, so that a new kind needs nothing here. ⊙ is element by element, as in torch's
documentation, and · by a number; a matrix stands before its vector without a sign between, and `·` between their sizes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

from rnninspect.cells.evaluate import number
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
    walk,
)
from rnninspect.cells.widths import Declared, widths
from rnninspect.letters import shape_of

Symbol = Value | WeightVector | Bias | Matrix
Shapes = Callable[[Symbol], tuple[int, ...]]

# How tightly each part binds, loosest first; W h binds tighter than the signs around it: r ⊙ W h is r ⊙ (W h).
_SUM, _TIMES, _WHOLE, _BASE = 1, 2, 3, 4
_MOST_PRIMES = 4
_BINDS = {"+": _SUM, "-": _SUM, "*": _TIMES, "/": _TIMES, "**": _WHOLE, "max": _BASE, "min": _BASE}
_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
        *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta"),
        *("Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    )
)


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
        Written(equation.target, *(notation.equation(equation) for notation in notations))
        for equation in cell.equations
    )


def python(cell: Cell, names: Mapping[str, str]) -> tuple[str, ...]:
    """Every equation as a statement on torch's tensors, one row a sequence: `h = torch.tanh(x_t @ W_ih.T + b_ih)`.

    names: what its vectors and constants are called.
    """
    notation = _Python(cell, names)
    return tuple(map(notation.equation, cell.equations))


def name(cell: Cell, part: Expr | Matrix, *, reverse: bool = False, timed: bool = True) -> str:
    """A symbol or an expression as the equations' text has it: `W_ii`, `x_t`, `h_{t-1}`, `h'_t`, `(f_t ⊙ h_{t-1})`."""
    text = _Text(cell, _no_shape, reverse=reverse, timed=timed)
    return text.symbol(part) if isinstance(part, Matrix) else text.factor(part)


def shapes(cell: Cell, declared: Declared, sizes: Mapping[str, int]) -> Shapes:
    """What gives the shape of every symbol: (rows, columns) of a matrix, (length,) of a vector or a bias."""
    solved = widths(cell, declared)

    def shape(symbol: Symbol) -> tuple[int, ...]:
        columns = [solved.columns(symbol)] if isinstance(symbol, Matrix) else []
        return shape_of([solved.length(symbol), *columns], sizes)

    return shape


def _no_shape(symbol: Symbol) -> tuple[int, ...]:
    return ()


# --- notations --------------------------------------------------------------------------------------------


class _Text:
    """How each part of an equation is written. This is plain text; the others change what they write otherwise."""

    # why two for *: ⊙ stands between vectors, and a number multiplies all of one.
    operators: ClassVar[Mapping[str, str]] = {"+": "+", "-": "-", "*": "⊙", "/": "/"}
    times: ClassVar[str] = "·"
    sign: ClassVar[str] = " "
    # How tightly a product binds, and a quotient.
    binds: ClassVar[int] = _WHOLE
    quotient: ClassVar[int] = _TIMES

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

    def of_two(self, op: str, left: Expr, right: Expr) -> str:
        """The larger or the smaller of two."""
        return f"{op}({self.expression(left)}, {self.expression(right)})"

    def power(self, base: Expr, exponent: Expr) -> str:
        """A power."""
        return f"{self.expression(base, _BASE)}^{self.expression(exponent, _BASE)}"

    def binary(self, op: str, left: Expr, right: Expr) -> str:
        """What stands on both sides of a sign."""
        binds = _BINDS[op]
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
        return "'" * value.version if self.cell.last(value.name).version <= _MOST_PRIMES else f"^({value.version})"

    def step(self, value: Value) -> str:
        """The subscript of a vector."""
        if not self.timed:
            return ""
        return self.before if value.version == 0 and value.name in self.cell.states else "t"

    def equation(self, equation: Equation) -> str:
        """A whole equation."""
        return f"{self.symbol(equation.target)} = {self.expression(equation.expression)}"

    def factor(self, expression: Expr) -> str:
        """An expression as a matrix multiplies it."""
        return self.expression(expression, _WHOLE)

    def expression(self, expression: Expr, least: int = _SUM) -> str:
        """An expression, in brackets where it binds looser than `least`."""
        text, binds = self._bare(expression)
        return text if binds >= least else f"({text})"

    def _bare(self, expression: Expr) -> tuple[str, int]:
        """An expression without brackets, and how tightly it binds."""
        match expression:
            case Number(value=value):
                return self.numeral(value), _SUM if value < 0 else _BASE
            case Constant():
                return self.constant(expression), _BASE
            case Value() | Bias() | WeightVector():
                return self.symbol(expression), _BASE
            case Product():
                return self.product(expression), self.binds
            case Negative(operand=operand):
                return f"-{self.expression(operand, _TIMES)}", _SUM
            case Apply(function=function, argument=argument):
                return self.apply(function, argument), _BASE
            case Binary(op="max" | "min" as op, left=left, right=right):
                return self.of_two(op, left, right), _BASE
            case Binary(op="**", left=left, right=right):
                return self.power(left, right), _WHOLE
            case Binary(op=op, left=left, right=right):
                return self.binary(op, left, right), self.quotient if op == "/" else _BINDS[op]


class _Sizes(_Text):
    sign = "·"

    def symbol(self, symbol: Symbol) -> str:
        return str(self.shape(symbol))


class _Python(_Text):
    operators: ClassVar[Mapping[str, str]] = {sign: sign for sign in "+-*/"}
    times = "*"
    binds = _TIMES

    def __init__(self, cell: Cell, names: Mapping[str, str]) -> None:
        super().__init__(cell, _no_shape, reverse=False, timed=False)
        self.names = names

    def product(self, product: Product) -> str:
        # why * + 1: @ binds as it does, from the left.
        operand = self.expression(product.operand, _TIMES)
        return f"{operand} @ {product.matrix.name}{'' if product.transposed else '.T'}"

    def apply(self, function: str, argument: Expr) -> str:
        return FUNCTIONS[function].python.format(self.expression(argument))

    def of_two(self, op: str, left: Expr, right: Expr) -> str:
        vector, other = (right, left) if is_number(left) else (left, right)
        if is_number(other):
            bound = "min" if op == "max" else "max"
            return f"torch.clamp({self.expression(vector)}, {bound}={self.expression(other)})"
        return f"torch.{op}imum({self.expression(left)}, {self.expression(right)})"

    def power(self, base: Expr, exponent: Expr) -> str:
        return f"{self.expression(base, _BASE)} ** {self.expression(exponent, _BASE)}"

    def symbol(self, symbol: Symbol) -> str:
        return self.names.get(symbol.name, symbol.name)

    def constant(self, constant: Constant) -> str:
        return self.names[constant.name]

    def _bare(self, expression: Expr) -> tuple[str, int]:
        # why not as it stands: torch's functions take no numbers.
        if is_number(expression) and any(_is_function(node) for node in walk(expression)):
            return super()._bare(Number(number(expression)))
        return super()._bare(expression)


def _is_function(node: Expr) -> bool:
    return isinstance(node, Apply) or (isinstance(node, Binary) and node.op in ("max", "min"))


class _Latex(_Text):
    operators: ClassVar[Mapping[str, str]] = {"+": "+", "-": "-", "*": r"\odot"}
    times = r"\cdot"
    quotient = _BASE

    def product(self, product: Product) -> str:
        matrix = self.symbol(product.matrix)
        if product.transposed:
            matrix = rf"{{{matrix}}}^\top"
        return f"{matrix} {self.factor(product.operand)}"

    def apply(self, function: str, argument: Expr) -> str:
        return FUNCTIONS[function].latex.format(self.expression(argument))

    def of_two(self, op: str, left: Expr, right: Expr) -> str:
        return "\\" + super().of_two(op, left, right)

    def power(self, base: Expr, exponent: Expr) -> str:
        # why braces: a prime is an exponent too.
        return f"{{{self.expression(base, _BASE)}}}^{{{self.expression(exponent)}}}"

    def binary(self, op: str, left: Expr, right: Expr) -> str:
        if op != "/":
            return super().binary(op, left, right)
        return rf"\frac{{{self.expression(left)}}}{{{self.expression(right)}}}"

    def constant(self, constant: Constant) -> str:
        base, _, index = constant.name.partition("_")
        return f"{_letter(base)}_{_braced(index)}" if index else _letter(base)

    def symbol(self, symbol: Symbol) -> str:
        base, _, index = symbol.name.partition("_")
        index, marks = _index(index), ""
        if isinstance(symbol, Value):
            step = self.step(symbol)
            marks = self.primes(symbol).replace("(", "{(").replace(")", ")}")
            index = f"{index},{step}" if index and step else index or step
        base = _letter(base)
        return f"{base}{marks}_{_braced(index)}" if index else base + marks


def _letter(base: str) -> str:
    """A name before its index."""
    if base in _GREEK:
        return f"\\{base}"
    return base if len(base) == 1 else rf"\mathrm{{{base}}}"


def _index(index: str) -> str:
    """What stands after the first _ of a name: of a family, W_n_2, its number apart."""
    if index in _GREEK:
        return f"\\{index}"
    return re.sub(r"(?<=.)_(\d+)$", r",\1", index).replace("_", r"\_")


def _braced(index: str) -> str:
    return index if len(index) == 1 or index.startswith("{") else f"{{{index}}}"


class _LatexSizes(_Latex):
    def symbol(self, symbol: Symbol) -> str:
        shape = str(self.shape(symbol)).replace(",)", "{,})")  # why braces: a comma is followed by a space else
        return rf"\underset{{{shape}}}{{{super().symbol(symbol)}}}"
