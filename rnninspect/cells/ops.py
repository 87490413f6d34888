"""What one step of a cell costs forward, counted on its equations.

A product W @ v costs rows x columns multiply-accumulates; each + - * and each function costs one elementwise operation
per element of its result. Counted is in letters, so that a cell is walked once however many layers use it; the sizes
are put in last. An operation with a `Number` is one with a constant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from math import prod
from typing import NamedTuple

from rnninspect.cells.language import Apply, Bias, Binary, Cell, Expr, Number, Product, Value
from rnninspect.cells.widths import Declared, Widths, widths
from rnninspect.facts import Ops
from rnninspect.letters import shape_of


class Terms(NamedTuple):
    """A cost in letters: how many products of (rows, columns), and how many elementwise operations of a length."""

    products: Mapping[tuple[str, str], int]
    lengths: Mapping[str, int]

    def ops(self, sizes: Mapping[str, int]) -> Ops:
        """The cost for these sizes."""
        macs = sum(times * prod(shape_of(axes, sizes)) for axes, times in self.products.items())
        return Ops(macs, sum(times * shape_of((length,), sizes)[0] for length, times in self.lengths.items()))


@cache
def forward_terms(cell: Cell, declared: Declared) -> Terms:
    """One step for one sequence, forward."""
    solved = widths(cell, declared)
    products: Counter[tuple[str, str]] = Counter()
    lengths: Counter[str] = Counter()
    for node in cell.nodes:
        match node:
            case Product():
                products[axes_of(node, solved)] += 1
            case Apply() | Binary():
                lengths[length_of(node, solved)] += 1
    return Terms(products, lengths)


@cache
def state_terms(cell: Cell, declared: Declared) -> Terms:
    """Of that, the products whose operand is a state, as the step before has left it."""
    solved, states = widths(cell, declared), {Value(name, 0) for name in cell.states}
    products = (node for node in cell.nodes if isinstance(node, Product) and node.operand in states)
    return Terms(Counter(axes_of(product, solved) for product in products), {})


def axes_of(product: Product, solved: Widths) -> tuple[str, str]:
    """The letters of a product's rows and columns."""
    return solved.length(product.matrix), solved.operand(product.operand)


def length_of(node: Expr, solved: Widths) -> str:
    """The letter of an expression's length; of a constant 1."""
    match node:
        case Value() | Bias():
            return solved.length(node)
        case Product(matrix=matrix):
            return solved.length(matrix)
        case Apply(argument=argument):
            return length_of(argument, solved)
        case Binary(left=left, right=right):
            return length_of(right if isinstance(left, Number) else left, solved)
        case Number():
            return "1"
