"""Run a cell's equations on anything that has Python's operators: floats, or tensors with one column a sequence."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from rnninspect.cells.language import Apply, Bias, Binary, Cell, Expr, Number, Product, Value

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def step(cell: Cell, given: Mapping[str, Any], functions: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """One step: from x, the states and the weights by name to every vector the equations assign.

    With B sequences a vector is (H, B), a matrix (rows, columns) and a bias (rows, 1), so that `W @ x + b` reads
    as it is written.
    """
    values = dict(given)
    for equation in cell.equations:
        values[equation.target.name] = _evaluate(equation.expression, values, functions)
    return {equation.target.name: values[equation.target.name] for equation in cell.equations}


def _evaluate(expression: Expr, values: Mapping[str, Any], functions: Mapping[str, Callable[[Any], Any]]) -> Any:
    match expression:
        case Number(value=value):
            return value
        case Value(name=name) | Bias(name=name):
            return values[name]
        case Product(matrix=matrix, operand=operand):
            return values[matrix.name] @ values[operand.name]
        case Apply(function=function, argument=argument):
            return functions[function](_evaluate(argument, values, functions))
        case Binary(op=op, left=left, right=right):
            return _OPERATORS[op](_evaluate(left, values, functions), _evaluate(right, values, functions))
