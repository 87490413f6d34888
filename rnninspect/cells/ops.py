"""What one step of a cell costs forward, counted on its equations.

A product W @ v costs rows x columns multiply-accumulates, and so does W.T @ v; each sign, max and min costs one
elementwise operation per element of its result, and each function what `functions` says. What is made of numbers alone
is worked out once and for all, and costs nothing; an operation with a number is one with a constant. A weight that is
used twice is multiplied twice, and an expression that is written twice is worked out twice. Counted is in letters, so
that a cell is walked once however many layers use it; the sizes are put in last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from math import prod
from typing import NamedTuple

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.tree import Apply, Binary, Cell, Negative, Product, Value, is_number
from rnninspect.cells.widths import Declared, Widths, widths
from rnninspect.facts.amounts import Ops
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
            case Apply(function=function) if not is_number(node):
                lengths[solved.of(node)] += FUNCTIONS[function].forward
            case Binary() | Negative() if not is_number(node):
                lengths[solved.of(node)] += 1
    return Terms(products, lengths)


@cache
def state_terms(cell: Cell, declared: Declared) -> Terms:
    """Of that, the products whose operand is a state, as the step before has left it."""
    solved, states = widths(cell, declared), {Value(name, 0) for name in cell.states}
    products = (node for node in cell.nodes if isinstance(node, Product) and node.operand in states)
    return Terms(Counter(axes_of(product, solved) for product in products), {})


def axes_of(product: Product, solved: Widths) -> tuple[str, str]:
    """The letters of the rows and columns of a product's matrix."""
    return solved.length(product.matrix), solved.columns(product.matrix)
