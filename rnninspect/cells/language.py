"""The equation language: a recurrent cell as text in Python's expression syntax, parsed into a small tree.

    h = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)

A name that starts with `W` is a matrix, with `b` (alone or before `_`) a bias, any other a vector. `x` is the
input; a vector read before it is assigned is a *state*, and what is read is its value after the step before.
Allowed are names, numbers, + - * @ and sigmoid, tanh, relu; nothing is ever executed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from math import isfinite
from typing import NamedTuple

FUNCTIONS = ("sigmoid", "tanh", "relu")
_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


class CellError(Exception):
    """The text of a cell is wrong: a fault of whoever wrote the layer kind, not of a document."""


class Value(NamedTuple):
    """A vector. version 0 came from outside (x, or a state after the step before), 1 is the first assignment."""

    name: str
    version: int


class Matrix(NamedTuple):
    """A weight matrix, `W_if`; only ever the left side of @."""

    name: str


class Bias(NamedTuple):
    """A bias vector, `b_if`; it belongs to the matrix of the same suffix."""

    name: str


class Number(NamedTuple):
    """A constant."""

    value: float


class Apply(NamedTuple):
    """A function applied to each element."""

    function: str
    argument: Expr


class Binary(NamedTuple):
    """left op right, element by element; op is one of + - *."""

    op: str
    left: Expr
    right: Expr


class Product(NamedTuple):
    """matrix @ operand."""

    matrix: Matrix
    operand: Value


Expr = Value | Bias | Number | Apply | Binary | Product


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
    """One step of a recurrence: equations in the order they are computed."""

    equations: tuple[Equation, ...]

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The vectors fed back from one step to the next, in the order they are first read."""
        read = dict.fromkeys(
            node.name for node in self.nodes if isinstance(node, Value) and node.version == 0 and node.name != "x"
        )
        return tuple(read)

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """Every node of every expression, in the order of the text; of a product its operand too."""
        return tuple(node for equation in self.equations for node in walk(equation.expression))

    def last(self, name: str) -> Value:
        """The final version of the vector `name`: what the step hands on."""
        versions = [equation.target for equation in self.equations if equation.target.name == name]
        if not versions:
            raise CellError(f"{name!r} is read but never assigned")
        return versions[-1]


def walk(expression: Expr) -> Iterator[Expr]:
    """`expression` and everything under it, left to right."""
    yield expression
    match expression:
        case Apply(argument=argument):
            yield from walk(argument)
        case Binary(left=left, right=right):
            yield from walk(left)
            yield from walk(right)
        case Product(operand=operand):
            yield operand


@cache
def parse(text: str, *, bias: bool = True) -> Cell:
    """Parse a cell's equations; with `bias` false every bias term is dropped.

    Raises CellError for whatever the language does not have.
    """
    versions: dict[str, int] = {}
    equations = []
    try:
        statements = ast.parse(text.strip()).body
    except (SyntaxError, ValueError) as error:
        raise CellError(f"not in Python's syntax: {text!r}") from error
    for number, statement in enumerate(statements, 1):
        with _located(number, statement):
            equations.append(_equation(statement, versions, bias=bias))
    if not equations:
        raise CellError("a cell needs at least one equation")
    cell = Cell(tuple(equations))
    for number, (statement, equation) in enumerate(zip(statements, equations, strict=True), 1):
        with _located(number, statement):
            for node in walk(equation.expression):
                if isinstance(node, Value) and node.version == 0 and node.name != "x":
                    cell.last(node.name)
    return cell


@contextmanager
def faults_of(kind: str) -> Iterator[None]:
    """A block in which a fault in the equations of a layer kind names that kind."""
    try:
        yield
    except CellError as error:
        raise CellError(f"layer type {kind}: {error}") from error


@contextmanager
def _located(number: int, statement: ast.stmt) -> Iterator[None]:
    """A block in which a fault names the equation, counted from 1."""
    try:
        yield
    except CellError as error:
        raise CellError(f"equation {number}, `{ast.unparse(statement)}`: {error}") from error


def _equation(statement: ast.stmt, versions: dict[str, int], *, bias: bool) -> Equation:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_vector(name):
            expression = _expression(value, versions)
            versions[name] = versions.get(name, 0) + 1
            remaining = expression if bias else _without_bias(expression)
            if remaining is None:
                raise CellError(f"without biases nothing is left of {ast.unparse(statement)!r}")
            return Equation(Value(name, versions[name]), remaining)
        case _:
            raise CellError(f"not of the form `vector = expression`: {ast.unparse(statement)!r}")


def _is_vector(name: str) -> bool:
    return not name.startswith("W") and name != "b" and not name.startswith("b_")


def _expression(node: ast.expr, versions: dict[str, int]) -> Expr:
    match node:
        case ast.Name(id=name) if _is_vector(name):
            return Value(name, versions.get(name, 0))
        case ast.Name(id=name) if not name.startswith("W"):
            return Bias(name)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool) and isfinite(value):
            return Number(float(value))
        case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if function in FUNCTIONS:
            return Apply(function, _expression(argument, versions))
        case ast.BinOp(left=ast.Name(id=matrix), op=ast.MatMult(), right=ast.Name(id=operand)) if matrix.startswith(
            "W"
        ) and _is_vector(operand):
            return Product(Matrix(matrix), Value(operand, versions.get(operand, 0)))
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() as op, right=right):
            return Binary(_OPERATORS[type(op)], _expression(left, versions), _expression(right, versions))
        case _:
            raise CellError(f"not in the equation language: {ast.unparse(node)!r}")


def _without_bias(expression: Expr) -> Expr | None:
    match expression:
        case Bias():
            return None
        case Apply(function=function, argument=argument):
            inner = _without_bias(argument)
            return None if inner is None else Apply(function, inner)
        case Binary(op=op, left=left, right=right):
            a, b = _without_bias(left), _without_bias(right)
            if a is None or b is None:
                if op != "+":
                    raise CellError(f"a bias may only be added, not stand beside {op!r}")
                return a or b
            return Binary(op, a, b)
        case _:
            return expression
