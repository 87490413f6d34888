"""A cell's equations as people write them: in plain text, LaTeX and MathML, with names and with sizes.

    i = sigmoid(W_ii @ x + b_ii + W_hi @ h + b_hi)

is written

    i_t = σ(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)
    (50,) = σ((50, 300)·(300,) + (50,) + (50, 50)·(50,) + (50,))

and all of it is read off the tree, so that a new kind needs nothing here. ⊙ is element by element, as in torch's
documentation, and · by a number; a matrix stands before its vector without a sign between, and `·` between their sizes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from rnninspect.cells.evaluate import number
from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.mathml import notations
from rnninspect.cells.notation import BASE, TIMES, Shapes, Symbol, Text
from rnninspect.cells.tree import Apply, Binary, Cell, Constant, Expr, Matrix, Number, Product, Value, is_number, walk
from rnninspect.cells.widths import Declared, widths
from rnninspect.letters import GREEK, GREEK_BELOW, shape_of
from rnninspect.markup import Markup


class Written(NamedTuple):
    """One equation. sizes: its text with the shape of every term in place of the term's name.

    latex_sizes: its LaTeX with the shape under every name. mathml, mathml_sizes: the same as a row of a table.
    """

    target: Value
    text: str
    sizes: str
    latex: str
    latex_sizes: str
    mathml: Markup
    mathml_sizes: Markup


def write(cell: Cell, shape: Shapes, *, reverse: bool = False, timed: bool = True) -> tuple[Written, ...]:
    """Every equation of the cell, in the order they are computed.

    shape: of every symbol, as `shapes` gives it. reverse: the sequence is read from its end, so that the step before
    is t+1. timed: the vectors belong to a step t; without, they are written bare.
    """
    plain, sizes, latex, latex_sizes = (
        kind(cell, shape, reverse=reverse, timed=timed) for kind in (Text, _Sizes, _Latex, _LatexSizes)
    )
    mathml, mathml_sizes = notations(cell, shape, reverse=reverse, timed=timed)
    return tuple(
        Written(
            target=equation.target,
            text=plain.equation(equation),
            sizes=sizes.equation(equation),
            latex=latex.equation(equation),
            latex_sizes=latex_sizes.equation(equation),
            mathml=mathml.equation(equation),
            mathml_sizes=mathml_sizes.equation(equation),
        )
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
    text = Text(cell, _no_shape, reverse=reverse, timed=timed)
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


class _Sizes(Text):
    sign = "·"

    def symbol(self, symbol: Symbol) -> str:
        return str(self.shape(symbol))


class _Python(Text):
    operators: ClassVar[Mapping[str, str]] = {sign: sign for sign in "+-*/"}
    times = "*"
    binds = TIMES

    def __init__(self, cell: Cell, names: Mapping[str, str]) -> None:
        super().__init__(cell, _no_shape, reverse=False, timed=False)
        self.names = names

    def product(self, product: Product) -> str:
        # why * + 1: @ binds as it does, from the left.
        operand = self.expression(product.operand, TIMES)
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
        return f"{self.expression(base, BASE)} ** {self.expression(exponent, BASE)}"

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


class _Latex(Text):
    operators: ClassVar[Mapping[str, str]] = {"+": "+", "-": "-", "*": r"\odot"}
    times = r"\cdot"
    quotient = BASE

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
        return f"{{{self.expression(base, BASE)}}}^{{{self.expression(exponent)}}}"

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
    if base in GREEK:
        return f"\\{base}"
    return base if len(base) == 1 else rf"\mathrm{{{base}}}"


def _index(index: str) -> str:
    """What stands after the first _ of a name: of a family, W_n_2, its number apart."""
    if index in GREEK_BELOW:
        return f"\\{index}"
    return re.sub(r"(?<=.)_(\d+)$", r",\1", index).replace("_", r"\_")


def _braced(index: str) -> str:
    return index if len(index) == 1 or index.startswith("{") else f"{{{index}}}"


class _LatexSizes(_Latex):
    def symbol(self, symbol: Symbol) -> str:
        shape = str(self.shape(symbol)).replace(",)", "{,})")  # why braces: a comma is followed by a space else
        return rf"\underset{{{shape}}}{{{super().symbol(symbol)}}}"
