"""Sums and products of any number of parts, read off a tree of twos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rnninspect.cells.tree import Binary, Expr, Negative, Product, Value, walk

PLUS, MINUS, TIMES, OVER = "+", "−", "•", "÷"
_OPPOSITE = {PLUS: MINUS, MINUS: PLUS, TIMES: OVER, OVER: TIMES}


class Part(NamedTuple):
    """A term or a factor with its sign."""

    sign: str
    expression: Expr


def is_sum(expression: Expr) -> bool:
    """Whether something is added, or taken away."""
    return isinstance(expression, Negative) or (isinstance(expression, Binary) and expression.op in "+-")


def is_product(expression: Expr) -> bool:
    """Whether something is multiplied element by element, or divided."""
    return isinstance(expression, Binary) and expression.op in "*/"


def terms(expression: Expr, sign: str = PLUS) -> Iterator[Part]:
    """What is added up, in the order of the text."""
    match expression:
        case Binary(op="+" | "-" as op, left=left, right=right):
            yield from terms(left, sign)
            yield from terms(right, sign if op == "+" else _OPPOSITE[sign])
        case Negative(operand=operand):
            yield from terms(operand, _OPPOSITE[sign])
        case _:
            yield Part(sign, expression)


def factors(expression: Expr, sign: str = TIMES) -> Iterator[Part]:
    """What is multiplied, in the order of the text."""
    match expression:
        case Binary(op="*" | "/" as op, left=left, right=right):
            yield from factors(left, sign)
            yield from factors(right, sign if op == "*" else _OPPOSITE[sign])
        case _:
            yield Part(sign, expression)


def vectors(expression: Expr) -> list[Value]:
    """The vectors that stand in an expression, each as often as it does."""
    return [node for node in walk(expression) if isinstance(node, Value)]


def has_matrix(expression: Expr) -> bool:
    """Whether a matrix product stands in it."""
    return any(isinstance(node, Product) for node in walk(expression))
