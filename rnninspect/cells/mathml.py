"""A cell's equations as MathML Core, with names, and with the size of every term under its name.

Each equation is a row of three columns, so that the equals signs of all stand under each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.notation import BASE, BINDS, Shapes, Symbol, Text
from rnninspect.cells.tree import Binary, Cell, Constant, Equation, Expr, Product, Value, is_number, walk
from rnninspect.letters import GREEK, GREEK_BELOW
from rnninspect.markup import Markup, tag

# why as references: in the source of a page nobody would see them.
_TIMES, _APPLY = Markup("&#x2062;"), Markup("&#x2061;")
_MINUS, _PRIME = "−", "′"
_SIGNS = {"+": "+", "-": _MINUS, "*": "⊙"}


def notations(cell: Cell, shape: Shapes, *, reverse: bool, timed: bool) -> tuple[_MathML, _MathML]:
    """What writes the cell's equations with names, and with sizes; the arguments are those of `write.write`."""
    return (_MathML(cell, shape, reverse=reverse, timed=timed), _Sizes(cell, shape, reverse=reverse, timed=timed))


@cache
def _mo(sign: str) -> Markup:
    return tag("mo", sign)


def _row(*parts: Markup) -> Markup:
    return parts[0] if len(parts) == 1 else tag("mrow", *parts)


class _MathML(Text):
    """With names."""

    between: ClassVar[str] = "0.12em"
    quotient = BASE

    def product(self, product: Product) -> Markup:
        matrix = self.symbol(product.matrix)
        if product.transposed:
            matrix = tag("msup", matrix, _mo("⊤"))
        return _row(matrix, _mo(_TIMES), tag("mspace", width=self.between), self.factor(product.operand))

    def apply(self, function: str, argument: Expr) -> Markup:
        written = self.expression(argument)
        match function:
            case "sqrt":
                return tag("msqrt", written)
            case "abs":
                return _row(_mo("|"), written, _mo("|"))
        name = FUNCTIONS[function].text.removesuffix("({})")
        return _row(tag("mi", name), _mo(_APPLY), self.bracketed(written, argument))

    def negative(self, operand: Expr) -> Markup:
        return _row(_mo(_MINUS), self.expression(operand, BINDS["*"]))

    def of_two(self, op: str, left: Expr, right: Expr) -> Markup:
        both = _row(self.expression(left), _mo(","), self.expression(right))
        return _row(tag("mi", op), _mo(_APPLY), self.bracketed(both, Binary(op, left, right)))

    def power(self, base: Expr, exponent: Expr) -> Markup:
        raised = self.expression(base, BASE)
        # why brackets: else it looks as if only what is above or below the line were raised.
        raised = self.bracketed(raised, base) if isinstance(base, Binary) and base.op == "/" else raised
        return tag("msup", raised, self.expression(exponent))

    def binary(self, op: str, left: Expr, right: Expr) -> Markup:
        if op == "/":
            return tag("mfrac", self.expression(left), self.expression(right))
        sign = "·" if op == "*" and (is_number(left) or is_number(right)) else _SIGNS[op]
        binds = BINDS[op]
        return _row(self.expression(left, binds), _mo(sign), self.expression(right, binds + 1))

    def numeral(self, value: float) -> Markup:
        written = super().numeral(abs(value))
        return _row(_mo(_MINUS), tag("mn", written)) if value < 0 else tag("mn", written)

    def constant(self, constant: Constant) -> Markup:
        return _named(constant.name)

    def symbol(self, symbol: Symbol) -> Markup:
        if not isinstance(symbol, Value):
            return _named(symbol.name)
        return _named(symbol.name, self.primes(symbol), self.step(symbol))

    def expression(self, expression: Expr, least: int = BINDS["+"]) -> Markup:
        return Markup(super().expression(expression, least))

    def factor(self, expression: Expr) -> Markup:
        return Markup(super().factor(expression))

    def bracketed(self, text: str, expression: Expr) -> Markup:
        # why no stretching else: it makes brackets grow around subscripts, each as it likes.
        stretches = None if any(map(_is_high, walk(expression))) else "false"
        return tag("mrow", tag("mo", "(", stretchy=stretches), Markup(text), tag("mo", ")", stretchy=stretches))

    def equation(self, equation: Equation) -> Markup:
        sides = self.symbol(equation.target), _mo("="), self.expression(equation.expression)
        return tag("mtr", *(tag("mtd", side) for side in sides))


class _Sizes(_MathML):
    """With the size of each name below it."""

    between = "0.6em"  # or 50×100 and 100 touch

    def symbol(self, symbol: Symbol) -> Markup:
        size = "×".join(map(str, self.shape(symbol)))
        return tag("munder", super().symbol(symbol), tag("mtext", size))


@cache  # why: an equation's terms are the same few names over and over
def _named(name: str, primes: str = "", step: str = "") -> Markup:
    """A name with its index and its step below, its primes above."""
    base, _, index = name.partition("_")
    below = [_letters(part, GREEK_BELOW) for part in re.split(r"_(?=\d+$)", index) if part]
    below += [_step(step)] if step else []
    return _scripted(_letters(base), below, _primed(primes) if primes else None)


def _scripted(base: Markup, below: Sequence[Markup], above: Markup | None) -> Markup:
    comma = _mo(",")
    sub = _row(*[part for each in below for part in (each, comma)][:-1]) if below else None
    if sub is None:
        return base if above is None else tag("msup", base, above)
    return tag("msub", base, sub) if above is None else tag("msubsup", base, sub, above)


def _primed(primes: str) -> Markup:
    """`''`, or of many `^(7)`."""
    if primes.startswith("'"):
        return _mo(_PRIME * len(primes))
    return _row(_mo("("), tag("mn", primes.strip("^()")), _mo(")"))


def _is_high(node: Expr) -> bool:
    return isinstance(node, Binary) and node.op == "/"


def _letters(name: str, greek: Mapping[str, str] = GREEK) -> Markup:
    return tag("mn" if name.isdecimal() else "mi", greek.get(name, name))


def _step(step: str) -> Markup:
    """`t`, or `{t-1}` with a minus as print has it."""
    if len(step) == 1:
        return tag("mi", step)
    later = step[2] == "+"
    return _row(tag("mi", step[1]), _mo("+" if later else _MINUS), tag("mn", step[3]))
