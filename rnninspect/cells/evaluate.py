"""Run a cell's equations on anything that has Python's operators: floats, or tensors with one column a sequence."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.tree import (
    Apply,
    Bias,
    Binary,
    Cell,
    Constant,
    Expr,
    Negative,
    Number,
    Product,
    Value,
    WeightVector,
    is_number,
)

# What is done with two numbers; of vectors, the larger and the smaller come with the functions.
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "max": max,
    "min": min,
}
Functions = Mapping[str, Callable[..., Any]]


def step(cell: Cell, given: Mapping[str, Any], functions: Functions) -> dict[str, Any]:
    """One step: from x, the states and the weights by name to every vector the equations assign.

    With B sequences a vector is (H, B), a matrix (rows, columns) and a bias (rows, 1), so that `W @ x + b` reads
    as it is written. functions: of vectors by name, max and min among them.
    """
    values = dict(given)
    for equation in cell.equations:
        value = _evaluate(equation.expression, values, functions)
        # why times 1: `p = x` makes a vector of its own, whose gradient is not that of x.
        alone = isinstance(equation.expression, Value | WeightVector | Bias)
        values[equation.target.name] = value * 1 if alone else value
    return {equation.target.name: values[equation.target.name] for equation in cell.equations}


def number(expression: Expr) -> float:
    """The value of an expression of numbers alone.

    Raises ArithmeticError or ValueError where it has none, TypeError where it is no real number.
    """
    match expression:
        case Number(value=value) | Constant(value=value):
            return value
        case Negative(operand=operand):
            return -number(operand)
        case Apply(function=function, argument=argument):
            of_number = FUNCTIONS[function].number
            if of_number is None:
                raise ValueError(f"{function} takes a vector")
            return of_number(number(argument))
        case Binary(op=op, left=left, right=right):
            return float(OPERATORS[op](number(left), number(right)))
        case _:
            raise ValueError("not made of numbers alone")


def _evaluate(expression: Expr, values: Mapping[str, Any], functions: Functions) -> Any:
    if is_number(expression):
        return number(expression)
    match expression:
        case Value(name=name) | Bias(name=name) | WeightVector(name=name):
            return values[name]
        case Product(matrix=matrix, operand=operand, transposed=transposed):
            weight = values[matrix.name].T if transposed else values[matrix.name]
            return weight @ _evaluate(operand, values, functions)
        case Negative(operand=operand):
            return -_evaluate(operand, values, functions)
        case Apply(function=function, argument=argument):
            return functions[function](_evaluate(argument, values, functions))
        case Binary(op=op, left=left, right=right):
            of_two = functions[op] if op in ("max", "min") else OPERATORS[op]
            return of_two(_evaluate(left, values, functions), _evaluate(right, values, functions))
        case _:
            raise AssertionError(expression)
