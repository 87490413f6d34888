"""A cell's equations without biases: what is left of them where every bias term is dropped."""

from __future__ import annotations

from rnninspect.cells.tree import Apply, Bias, Binary, Equation, Expr, NeedsBiasError, Negative, Product


def without_biases(equation: Equation) -> Equation:
    """The equation without its bias terms.

    Raises NeedsBiasError where nothing is left, or where a bias is more than a term of a sum.
    """
    remaining = _without(equation.expression)
    if remaining is None:
        raise NeedsBiasError(f"without biases nothing is left of {equation.target.name!r}")
    return Equation(equation.target, remaining)


def _without(expression: Expr) -> Expr | None:
    match expression:
        case Bias():
            return None
        case Apply(function=function, argument=argument):
            inner = _without(argument)
            return None if inner is None else Apply(function, inner)
        case Negative(operand=operand):
            inner = _without(operand)
            return None if inner is None else Negative(inner)
        case Product(matrix=matrix, operand=operand, transposed=transposed):
            inner = _without(operand)
            return None if inner is None else Product(matrix, inner, transposed)
        case Binary(op=op, left=left, right=right):
            a, b = _without(left), _without(right)
            if a is None or b is None:
                if op != "+":
                    raise NeedsBiasError(f"a bias may only be added, not stand beside {op!r}")
                return a or b
            return Binary(op, a, b)
        case _:
            return expression
