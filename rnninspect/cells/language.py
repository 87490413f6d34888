"""The equation language: a recurrent cell as text in Python's expression syntax, parsed into a small tree.

    h = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)

Names decide. One that begins with `W` is a matrix, which stands left of `@` (`W.T @ v` is its transpose); `w` and `w_*`
are weight vectors, `b` and `b_*` biases; a name that was given a value is a number; any other is a vector. `x` is the
input; a vector read before it is assigned is a *state*, and what is read is its value after the step before.

Allowed are + - * / ** and @, max and min of two, the functions of `functions`, and loops over `range` with constant
bounds, which are unrolled; in them `W_n[k]` is one of a family. Nothing is ever executed.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from math import isfinite

from rnninspect.cells.expressions import OF_TWO, Expressions, is_vector, no_name
from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.limits import MOST_EQUATIONS, MOST_PARTS, MOST_ROUNDS, check_depth, checked, quote
from rnninspect.cells.papers import syntax_hint
from rnninspect.cells.tree import (
    Apply,
    Bias,
    Binary,
    Cell,
    CellError,
    Equation,
    Expr,
    NeedsBiasError,
    Negative,
    Product,
    Value,
    states_of,
    symbols_of,
    walk,
)

# Python's reasons quote what they are about.
_LONGEST_REASON = 100
Numbers = tuple[tuple[str, float], ...]


@cache
def parse(
    text: str,
    *,
    bias: bool = True,
    output: str | None = None,
    numbers: Numbers = (),
    fixed: tuple[str, ...] = (),
    stacked: bool = True,
    given: tuple[str, ...] = (),
) -> Cell:
    """Parse a cell's equations; with `bias` false every bias term is dropped.

    output: the vector that a step puts out; None for the first state, or the last vector where there is no state.
    numbers: constants and sizes by name. fixed: weights that are not trained, by name or with wildcards.
    stacked: matrices of one operand are rows of one parameter. given: vectors that come from outside, as x does, and
    are the same for every token. Raises CellError for whatever the language does not
    have, NeedsBiasError where it cannot do without biases.
    """
    check_numbers(numbers)
    lines = checked(text)
    body = _parsed(lines)
    reader = _Reader(lines, dict(numbers))
    reader.read(body)
    if not reader.equations:
        raise CellError("a cell needs at least one equation")
    reader.expressions.check_states({*given, *(equation.target.name for equation in reader.equations)})
    equations = []
    for line, equation in zip(reader.lines, reader.equations, strict=True):
        with located(line):
            equations.append(equation if bias else without_biases(equation))
    states = states_of(tuple(equations))
    chosen = output or (states[0] if states else equations[-1].target.name)
    if chosen not in {equation.target.name for equation in equations}:
        raise CellError(f"the output {chosen!r} is never assigned")
    return Cell(
        tuple(equations), chosen, fixed=_fixed(reader.equations, fixed), stacked=stacked, lines=tuple(reader.lines)
    )


@contextmanager
def located(line: int) -> Iterator[None]:
    """A block in which a fault without a place is about the equation on `line`."""
    try:
        yield
    except CellError as error:
        error.line = line if error.line is None else error.line
        raise


@contextmanager
def faults_of(kind: str) -> Iterator[None]:
    """A block in which a fault in the equations of a layer kind names that kind."""
    try:
        yield
    except CellError as error:
        error.whose = f"layer type {kind}: "
        raise


def _fixed(equations: Sequence[Equation], patterns: Sequence[str]) -> frozenset[str]:
    symbols = (symbol for equation in equations for symbol in symbols_of(equation.expression))
    names = list(dict.fromkeys(symbol.name for symbol in symbols if not isinstance(symbol, Value)))
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise CellError(f"no weight is called {pattern!r}", hint=f"the weights: {', '.join(names)}")
    return frozenset(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))


def check_numbers(numbers: Numbers) -> None:
    """Raise CellError for a number whose name the language reads otherwise, and for one that is not finite."""
    for name, value in numbers:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or not is_vector(name) or name == "x" or name in FUNCTIONS:
            raise CellError(f"a number cannot be called {name!r}", hint="not as weights, functions and x are")
        if not isfinite(value):
            raise CellError(f"{name} is {value}, no number to reckon with")


def _parsed(text: str) -> list[ast.stmt]:
    # why stripped: the text may be indented as a whole, and its first line is where it begins.
    start = len(text) - len(text.lstrip())
    lines, column = text[:start].count("\n"), start - text.rfind("\n", 0, start) - 1
    try:
        with warnings.catch_warnings(action="ignore"):
            body = ast.parse(text.strip()).body
    except SyntaxError as error:
        line = error.lineno or 1
        raise CellError(
            f"not in Python's syntax: {quote(error.text or '')}",
            line=line + lines,
            column=(error.offset or 1) + (column if line == 1 else 0),
            # why only then: what Python has a word for (a bracket that is never closed) is no habit of papers.
            hint=(error.msg.startswith("invalid syntax") and syntax_hint(error.text or ""))
            or error.msg[:_LONGEST_REASON],
        ) from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise CellError("not in Python's syntax") from error
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.expr | ast.stmt):
                node.col_offset += column if node.lineno == 1 else 0
                node.end_col_offset = (node.end_col_offset or 0) + (column if node.end_lineno == 1 else 0)
                node.lineno, node.end_lineno = node.lineno + lines, (node.end_lineno or node.lineno) + lines
    return body


class _Reader:
    """Reads statements in order, loops unrolled. lines: where each equation stands."""

    def __init__(self, text: str, numbers: dict[str, float]) -> None:
        self.expressions = Expressions(text, numbers)
        self.equations: list[Equation] = []
        self.lines: list[int] = []
        self._rounds = self._parts = 0

    def read(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            match statement:
                case ast.For(target=ast.Name() as counter, iter=iterated, body=inner, orelse=[]) if is_vector(
                    counter.id
                ):
                    self._loop(counter, iterated, inner)
                case ast.Assign(targets=[ast.Name() as target], value=value) if is_vector(target.id):
                    check_depth(statement)
                    self._equation(target, value)
                case _:
                    message = f"not of the form `vector = expression`: {self.expressions.quoted(statement)}"
                    raise self.expressions.fault(statement, message, _statement_hint(statement))

    def _equation(self, target: ast.Name, value: ast.expr) -> None:
        self._check_target(target)
        expression = self.expressions.read(value)
        self.equations.append(Equation(self.expressions.assigned(target.id), expression))
        self.lines.append(target.lineno)
        if len(self.equations) > MOST_EQUATIONS:
            raise self.expressions.fault(target, f"more than {MOST_EQUATIONS:,} equations, with loops unrolled")
        self._parts += sum(1 for _ in walk(expression))
        if self._parts > MOST_PARTS:
            message = f"more than {MOST_PARTS:,} names, numbers and operations, with loops unrolled"
            raise self.expressions.fault(target, message)

    def _loop(self, variable: ast.Name, iterated: ast.expr, body: Sequence[ast.stmt]) -> None:
        self._check_target(variable)
        if self.expressions.is_assigned(variable.id):
            raise self.expressions.fault(variable, f"{variable.id!r} is a vector already")
        for k in self._range(iterated):
            self._rounds += 1
            if self._rounds > MOST_ROUNDS:
                raise self.expressions.fault(variable, f"loops of more than {MOST_ROUNDS:,} rounds")
            self.expressions.counters[variable.id] = k
            self.read(body)
        self.expressions.counters.pop(variable.id, None)

    def _range(self, iterated: ast.expr) -> range:
        match iterated:
            case ast.Call(func=ast.Name(id="range"), args=[_] | [_, _], keywords=[]):
                return range(*map(self.expressions.whole, iterated.args))
            case _:
                raise self.expressions.fault(
                    iterated, f"not a range: {self.expressions.quoted(iterated)}", "range(n) or range(first, n)"
                )

    def _check_target(self, target: ast.Name) -> None:
        name, reason = target.id, no_name(target.id)
        if name in FUNCTIONS or name in (*OF_TWO, "range"):
            reason = "it is a function"
        if name in self.expressions.numbers or name in self.expressions.counters:
            reason = "it is a number"
        if reason:
            raise self.expressions.fault(target, f"{quote(name)} cannot be assigned: {reason}")


def _statement_hint(statement: ast.stmt) -> str:
    """What to write instead of a statement that is no equation."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=name)):
            return f"write {name} = {name} and the rest"
        case ast.If():
            return "there are no conditions: a gate, max or min"
        case ast.Assign(targets=[ast.Tuple()]):
            return "an equation for each vector"
        case ast.Assign(targets=[ast.Name(id=name)]):
            return f"{name} is a weight: what is assigned is a vector, with a name that does not begin so"
        case _:
            return ""


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
        case Apply(argument=argument):
            inner = _without(argument)
            return None if inner is None else expression._replace(argument=inner)
        case Negative(operand=operand) | Product(operand=operand):
            inner = _without(operand)
            return None if inner is None else expression._replace(operand=inner)
        case Binary(op=op, left=left, right=right):
            a, b = _without(left), _without(right)
            if a is None or b is None:
                if op != "+":
                    raise NeedsBiasError(f"a bias may only be added, not stand beside {op!r}")
                return a or b
            return Binary(op, a, b)
        case _:
            return expression
