"""Equations run fast enough to train with: whatever reads no state is worked out ahead, for all steps at once.

What is left to a step has its weights bound, and its sums of products stacked: of an LSTM one `addmm` for all gates.
Nothing else is rearranged, and autograd keeps of a step what `cells.backward` says.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from rnninspect.cells.evaluate import OPERATORS, number
from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.tree import (
    Apply,
    Bias,
    Binary,
    Cell,
    Expr,
    Matrix,
    Negative,
    Product,
    Value,
    WeightVector,
    is_number,
)
from rnninspect.runtime.functions import OF_TWO, ROWS
from rnninspect.runtime.recurrence import Block, Level, Moment, Pace, RecurrentModule, States, Step, Watch


class EquationRNN(RecurrentModule):
    """How a kind that torch lacks is run; a row of each vector is one sequence."""

    @override
    def step_of(self, level: Level, data: Tensor, pace: Pace, watch: Watch | None) -> Step:
        cell, ahead = self.layer.cell, _Ahead(self.layer.cell, self.blocks(level), data, pace)
        vectors = {equation.target.name: ahead.vector(cell.last(equation.target.name)) for equation in cell.equations}
        program, output, after = ahead.program, vectors[cell.output], [vectors[name] for name in cell.states]

        def step(t: int, states: States) -> tuple[Tensor, States]:
            values = list(states)
            for part in program:
                values.append(part(values, t))
            if watch is not None:
                columns = {name: vector(values, t).T for name, vector in vectors.items()}
                watch(Moment(stacked=level.stacked, direction=level.direction, t=t, vectors=columns))
            return output(values, t), tuple(vector(values, t) for vector in after)

        return step


class _Known(NamedTuple):
    """What is worked out ahead: a number or a vector of weights, the same at every step, or a vector of each step."""

    value: Any
    timed: bool


# What is left to a step: from its values so far, the states first, and its position.
_Later = Callable[[list[Any], int], Any]
_Part = _Known | _Later


class _Affine(NamedTuple):
    """The part of a sum that stacks: matrices with what they multiply, and biases."""

    products: tuple[tuple[Expr, str], ...]
    biases: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(matrix for _, matrix in self.products), *self.biases)


class _Ahead:
    """A cell's equations with the weights and the whole input put in.

    program: what is left to every step, each adding one to its values; `vector` says how one is read.
    """

    def __init__(self, cell: Cell, blocks: Mapping[str, Block], x: Tensor, pace: Pace) -> None:
        self._blocks, self._pace = blocks, pace
        self._stacks = _stacks(cell, blocks)
        self._made: dict[tuple[_Affine, ...], _Part] = {}
        self._states = len(cell.states)
        self.program: list[_Later] = []
        self._vectors: dict[Value, _Part] = {Value("x", 0): _Known(x, timed=True)}
        self._vectors |= {Value(name, 0): _reader(index) for index, name in enumerate(cell.states)}
        for equation in cell.equations:
            part = self._part(equation.expression)
            self._vectors[equation.target] = part if isinstance(part, _Known) else self._stored(part)

    def vector(self, value: Value) -> _Later:
        """A vector as a step has it, (B, H)."""
        part = self._vectors[value]
        later = self._later(part)
        if isinstance(part, _Known) and not part.timed:
            return lambda values, t: later(values, t).expand(len(values[0]), -1)
        return later

    def _stored(self, part: _Later) -> _Later:
        self.program.append(part)
        return _reader(self._states + len(self.program) - 1)

    def _later(self, part: _Part) -> _Later:
        """A part as a step reads it."""
        if not isinstance(part, _Known):
            return part
        value = part.value
        if not part.timed:
            return lambda values, t: value
        steps = self._pace.cut(value)
        return lambda values, t: steps[t]

    def _part(self, expression: Expr) -> _Part:
        if is_number(expression):
            return _Known(number(expression), timed=False)
        match expression:
            case Bias(name=name) | WeightVector(name=name):
                return _Known(self._blocks[name].values, timed=False)
            case Value():
                return self._vectors[expression]
            case Apply(function=function, argument=argument):
                return self._apply(ROWS[function], self._part(argument))
            case Product(matrix=matrix, operand=operand, transposed=True):
                return self._product(self._blocks[matrix.name].values.T, self._part(operand), None)
            case Binary(op="+" | "-") | Product() | Negative():
                return self._sum(expression)
            case Binary(op=op, left=left, right=right):
                return self._apply(OF_TWO.get(op, OPERATORS[op]), self._part(left), self._part(right))
            case _:
                raise AssertionError(expression)

    def _apply(self, function: Callable[..., Any], *parts: _Part) -> _Part:
        """A function of parts: at once where all are known."""
        known = [part for part in parts if isinstance(part, _Known)]
        if len(known) == len(parts):
            return _Known(function(*(part.value for part in known)), timed=any(part.timed for part in known))
        if len(parts) == 1:
            (only,) = map(self._later, parts)
            return lambda values, t: function(only(values, t))
        left, right = map(self._later, parts)
        return lambda values, t: function(left(values, t), right(values, t))

    def _sum(self, expression: Expr) -> _Part:
        """A sum, known terms first."""
        affine, others = _affine(expression, self._blocks)
        signed = [(sign, self._part(term)) for sign, term in others]
        if affine.products:
            signed.insert(0, ("+", self._stacked(affine)))
        (sign, total), *more = sorted(signed, key=lambda term: (not isinstance(term[1], _Known), term[0] == "-"))
        total = self._apply(operator.neg, total) if sign == "-" else total
        for sign, part in more:
            total = self._apply(operator.add if sign == "+" else operator.sub, total, part)
        return total

    def _stacked(self, affine: _Affine) -> _Part:
        """One sum of products, cut out of its stack where it is in one."""
        waiting = self._stacks.get(affine)
        stack = waiting.pop(0) if waiting else (affine,)
        if len(stack) == 1:
            return self._products(stack)
        count, index = len(stack), stack.index(affine)
        if stack not in self._made:
            whole = self._apply(lambda value: value.chunk(count, -1), self._products(stack))
            self._made[stack] = whole if isinstance(whole, _Known) else self._stored(whole)
        return self._apply(operator.itemgetter(index), self._made[stack])

    def _products(self, stack: tuple[_Affine, ...]) -> _Part:
        """Sums of products and biases, side by side."""
        weights = [
            _rows([self._blocks[name] for name in names]) for names in zip(*(a.names for a in stack), strict=True)
        ]
        count = len(stack[0].products)
        biases = weights[count:]
        total: _Part | None = _Known(sum(biases[1:], biases[0]), timed=False) if biases else None
        operands = [
            (self._part(operand), weight) for (operand, _), weight in zip(stack[0].products, weights, strict=False)
        ]
        for operand, weight in sorted(operands, key=lambda pair: not isinstance(pair[0], _Known)):
            total = self._product(weight, operand, total)
        assert total is not None
        return total

    def _product(self, weight: Tensor, operand: _Part, total: _Part | None) -> _Part:
        """`total` and a product, which is known only if `total` is."""
        if isinstance(operand, _Known):
            assert total is None or isinstance(total, _Known)
            bias = total.value if total is not None and not total.timed else None
            product = _Known(functional.linear(operand.value, weight, bias), operand.timed)
            return product if total is None or bias is not None else self._apply(operator.add, total, product)
        columns = weight.T
        if total is None:
            return lambda values, t: torch.mm(operand(values, t), columns)
        before = self._later(total)
        return lambda values, t: torch.addmm(before(values, t), operand(values, t), columns)


def _reader(index: int) -> _Later:
    return lambda values, t: values[index]


def _rows(blocks: Sequence[Block]) -> Tensor:
    """Blocks that follow one another in a parameter."""
    parameter, rows = blocks[0].parameter, sum(block.rows for block in blocks)
    return parameter if rows == len(parameter) else parameter.narrow(0, blocks[0].start, rows)


_OTHER = {"+": "-", "-": "+"}


def _terms(expression: Expr, sign: str = "+") -> Iterator[tuple[str, Expr]]:
    """What is added up, left to right, each with its sign."""
    match expression:
        case Binary(op="+" | "-" as op, left=left, right=right):
            yield from _terms(left, sign)
            yield from _terms(right, sign if op == "+" else _OTHER[sign])
        case Negative(operand=operand):
            yield from _terms(operand, _OTHER[sign])
        case _:
            yield sign, expression


def _affine(expression: Expr, blocks: Mapping[str, Block]) -> tuple[_Affine, list[tuple[str, Expr]]]:
    """A sum's products and biases, as long as each other, and its other terms; all where it has no products."""
    products, biases, others = [], [], []
    terms = list(_terms(expression))
    stacking = (term for sign, term in terms if sign == "+" and isinstance(term, Product) and not term.transposed)
    rows = next((blocks[term.matrix.name].rows for term in stacking), None)
    for sign, term in terms:
        match sign, term:
            case "+", Product(matrix=Matrix(name=name), operand=operand, transposed=False) if blocks[name].rows == rows:
                products.append((operand, name))
            case "+", Bias(name=name) if blocks[name].rows == rows:
                biases.append(name)
            case _:
                others.append((sign, term))
    if not products:
        return _Affine((), ()), terms
    return _Affine(tuple(products), tuple(biases)), others


def _stacks(cell: Cell, blocks: Mapping[str, Block]) -> dict[_Affine, list[tuple[_Affine, ...]]]:
    """By sum of products the stack that it is in, one for each time that the text has it.

    why only the arguments of functions whose gradient needs the result: of what a gradient needs itself, as a factor or
    as a vector that is multiplied, autograd would keep the whole stack.
    """
    stacks: list[list[_Affine]] = []
    for node in cell.nodes:
        if not isinstance(node, Apply) or FUNCTIONS[node.function].keeps != "result":
            continue
        affine, _ = _affine(node.argument, blocks)
        if affine.products:
            stack = next((stack for stack in stacks if _follows(stack[-1], affine, blocks)), None)
            if stack is None:
                stacks.append([affine])
            else:
                stack.append(affine)
    places: dict[_Affine, list[tuple[_Affine, ...]]] = {}
    for stack in stacks:
        for affine in stack:
            places.setdefault(affine, []).append(tuple(stack))
    return places


def _follows(first: _Affine, second: _Affine, blocks: Mapping[str, Block]) -> bool:
    """Whether every weight of `second` is in the same parameter as that of `first`, right after it."""
    if [value for value, _ in first.products] != [value for value, _ in second.products]:
        return False
    if len(first.biases) != len(second.biases):
        return False
    pairs = ((blocks[a], blocks[b]) for a, b in zip(first.names, second.names, strict=True))
    return all(a.parameter is b.parameter and (b.start, b.rows) == (a.start + a.rows, a.rows) for a, b in pairs)
