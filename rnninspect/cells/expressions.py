"""Expressions of the equation language: from Python's syntax tree to the cell's, name by name."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Set
from math import isfinite

from rnninspect.cells.evaluate import number
from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.limits import MOST_NUMBER, quote
from rnninspect.cells.papers import SIDE_BY_SIDE, step_hint
from rnninspect.cells.tree import (
    Apply,
    Bias,
    Binary,
    CellError,
    Constant,
    Expr,
    Matrix,
    Negative,
    Number,
    Product,
    Value,
    WeightVector,
    is_number,
)
from rnninspect.errors import did_you_mean

_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
# Functions of two arguments, which are operators of the tree.
OF_TWO = ("max", "min")
_LONGEST_NAME = 40


def is_matrix(name: str) -> bool:
    """Whether a name is a matrix's."""
    return name.startswith("W")


def is_vector(name: str) -> bool:
    """Whether a name is that of x, a state or what an equation assigns, and not a weight's."""
    return not is_matrix(name) and name not in ("w", "b") and not name.startswith(("w_", "b_"))


def no_name(name: str) -> str:
    """Why a name is refused; "" where it is not."""
    if name.startswith("_") or "__" in name:
        return "names begin with a letter, and have no __"
    return f"names have at most {_LONGEST_NAME} characters" if len(name) > _LONGEST_NAME else ""


class Expressions:
    """Reads expressions one after the other, and knows which vectors have been assigned before.

    text: where the expressions are from. numbers: by name. counters: of the loops that are being unrolled.
    """

    def __init__(self, text: str, numbers: Mapping[str, float]) -> None:
        self.numbers = numbers
        self.counters: dict[str, int] = {}
        self._text = text
        self._versions: dict[str, int] = {}
        self._first_reads: dict[str, ast.Name] = {}
        # What each weight is called in the text: `W_n[0]`, or `W_n_0`.
        self._written: dict[str, str] = {}

    def read(self, node: ast.expr) -> Expr:
        """The tree of an expression. Raises CellError for what the language does not have."""
        match node:
            case ast.Name() | ast.Subscript():
                return self._leaf(node)
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(node, value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return self._number(node, -value)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._worked_out(node, Negative(self.read(operand)))
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._product(node, left, right)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
                return self._worked_out(node, Binary(_SIGNS[type(op)], self.read(left), self.read(right)))
            case ast.Call(func=ast.Name(id=function), args=[left, right], keywords=[]) if function in OF_TWO:
                return self._worked_out(node, Binary(function, self.read(left), self.read(right)))
            case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if function in FUNCTIONS:
                return self._worked_out(node, Apply(function, self.read(argument)))
            case _:
                raise self.fault(node, f"not in the equation language: {self.quoted(node)}", _hint(node))

    def assigned(self, name: str) -> Value:
        """The next version of a vector."""
        self._versions[name] = self._versions.get(name, 0) + 1
        return Value(name, self._versions[name])

    def is_assigned(self, name: str) -> bool:
        """Whether a vector has been assigned."""
        return name in self._versions

    def whole(self, node: ast.expr) -> int:
        """A whole number made of numbers and the counters of loops. Raises CellError where it is none."""
        expression = self.read(node)
        if not is_number(expression):
            raise self.fault(
                node, f"expected a whole number, got {self.quoted(node)}", "a number of constants or sizes"
            )
        value = number(expression)
        if not value.is_integer() or value < 0:
            raise self.fault(node, f"expected a whole number >= 0, and {self.quoted(node)} is {value:g}")
        return int(value)

    def check_states(self, assigned: Set[str]) -> None:
        """Raise CellError for a vector that is read and never assigned."""
        for name, node in self._first_reads.items():
            if name not in assigned:
                hint = (
                    step_hint(name)
                    or f"a weight vector is w_{name}, a matrix W_{name}, a bias b_{name}, and a number needs a value"
                )
                if name in FUNCTIONS or name in OF_TWO:
                    hint = f"it is a function: {name}(...)"
                raise self.fault(node, f"{name!r} is read but never assigned", hint)

    def quoted(self, node: ast.expr | ast.stmt) -> str:
        """What stands in the text, in one line."""
        return quote(ast.get_source_segment(self._text, node) or "")

    @staticmethod
    def fault(node: ast.expr | ast.stmt, message: str, hint: str = "") -> CellError:
        """A fault at a place in the text."""
        return CellError(message, line=node.lineno, column=node.col_offset + 1, hint=hint)

    def _leaf(self, node: ast.Name | ast.Subscript) -> Expr:
        name, index = self._name(node)
        if is_matrix(name):
            raise self.fault(
                node,
                f"not in the equation language: {self.quoted(node)} by itself",
                f"a matrix stands left of @, as in {name} @ h; what takes part element by element is w{name[1:]}",
            )
        if is_vector(name):
            if index is not None:
                raise self.fault(
                    node, f"not in the equation language: {self.quoted(node)}", "only weights have an index, as W[k]"
                )
            return self._vector(node, name)
        symbol = self._weight(node, name, index)
        return Bias(symbol) if name.startswith("b") else WeightVector(symbol)

    def _name(self, node: ast.Name | ast.Subscript) -> tuple[str, int | None]:
        """A name, and its index where it is one of a family."""
        match node:
            case ast.Name(id=name):
                index = None
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Name() | ast.Constant() | ast.BinOp() as place):
                index = self.whole(place) if not is_vector(name) else 0
            case _:
                raise self.fault(node, f"not in the equation language: {self.quoted(node)}", _hint(node))
        if reason := no_name(name):
            raise self.fault(node, f"{quote(name)} is refused: {reason}")
        return name, index

    def _vector(self, node: ast.expr, name: str) -> Expr:
        if name in self.counters:
            return Number(float(self.counters[name]))
        if name in self.numbers:
            return Constant(name, float(self.numbers[name]))
        if name not in self._versions and name != "x" and isinstance(node, ast.Name):
            self._first_reads.setdefault(name, node)
        return Value(name, self._versions.get(name, 0))

    def _weight(self, node: ast.expr, name: str, index: int | None) -> str:
        symbol = name if index is None else f"{name}_{index}"
        written = name if index is None else f"{name}[{index}]"
        if self._written.setdefault(symbol, written) != written:
            raise self.fault(node, f"{written} and {self._written[symbol]} would be one weight", "rename one of them")
        return symbol

    def _number(self, node: ast.expr, value: float) -> Expr:
        # why: float() of a whole number of hundreds of digits fails.
        if abs(value) > MOST_NUMBER if isinstance(value, int) else not isfinite(value):
            raise self.fault(node, f"not in the equation language: {self.quoted(node)}", "too large a number")
        return Number(float(value))

    def _product(self, node: ast.BinOp, left: ast.expr, right: ast.expr) -> Product:
        transposed = False
        if isinstance(left, ast.Attribute) and left.attr == "T":
            left, transposed = left.value, True
        if isinstance(left, ast.Name | ast.Subscript):
            name, index = self._name(left)
            if is_matrix(name):
                operand = self.read(right)
                if not is_number(operand) and not isinstance(operand, Bias | WeightVector):
                    return Product(Matrix(self._weight(left, name, index)), operand, transposed)
                hint = "what a matrix multiplies is a vector"
            elif isinstance(right, ast.Name) and is_matrix(right.id):
                hint = f"left of @ stands the matrix: {right.id} @ {name}"
            else:
                _, _, gate = name.partition("_")
                # why h before z: papers have U_z @ h, where torch has W_hz.
                own = f"W_{right.id}{gate}" if gate and isinstance(right, ast.Name) else f"W_{name}"
                hint = f"left of @ stands a matrix, whose name begins with W: {own}"
        else:
            hint = "left of @ stands a matrix; @ binds as * does, from the left, so that W @ x has brackets here"
        raise self.fault(node, f"not in the equation language: {self.quoted(node)}", hint)

    def _worked_out(self, node: ast.expr, expression: Expr) -> Expr:
        """The expression, once it is known that its numbers have a value."""
        match expression:
            case Binary(op="/", right=right) if is_number(right) and number(right) == 0:
                raise self.fault(node, f"{self.quoted(node)} divides by zero")
        if is_number(expression):
            try:
                value = number(expression)
            except (ArithmeticError, ValueError, TypeError) as error:
                raise self.fault(node, f"{self.quoted(node)} has no value: {error}") from error
            if not isfinite(value):
                raise self.fault(node, f"{self.quoted(node)} is {value}")
        return expression


def _hint(node: ast.expr) -> str:
    """What to write instead of an expression that the language does not have."""
    match node:
        case ast.Call(func=ast.Name(id=function)) if function in FUNCTIONS or function in OF_TWO:
            of = "two arguments" if function in OF_TWO else "one argument"
            return f"{function} takes {of} and no options"
        case ast.Call(func=ast.Name(id=function)) if is_matrix(function):
            return f"a matrix multiplies with @: {function} @ (...)"
        case ast.Call(func=ast.Name(id=function)):
            return did_you_mean(function, (*FUNCTIONS, *OF_TWO))
        case ast.Attribute(attr="T"):
            return "a transposed matrix stands left of @"
        case ast.List() | ast.Tuple():
            return SIDE_BY_SIDE
        case ast.UnaryOp(op=ast.UAdd()):
            return "leave the + out"
        case ast.BinOp(op=ast.BitXor()):
            return "a power is written **"
        case _:
            return "it has + - * / ** @, max, min and functions"
