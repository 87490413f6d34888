"""What one step of a cell costs, forward and backward, counted on its equations.

Forward: a product W @ v costs rows x columns multiply-accumulates; each + - * and each function costs one
elementwise operation per element of its result. Backward is reverse-mode differentiation of the same tree:

    W @ v        the operand's gradient (W' g) and the weight's (g v'): rows x columns MACs each
    a + b        nothing: the gradient passes through
    a - b        one sign change for b
    a * b        one multiplication for each factor that is not a constant
    sigmoid      s (1 - s) g: 3;  tanh: (1 - t t) g: 3;  relu: a mask: 1
    a bias       its gradient is summed over the tokens: 1
    a vector     one addition for each use beyond the first; the products of one packed weight are one use, and a
                 state is also used by the next step, the step's output by whoever reads it

Counted is in letters, so that a cell is walked once however many layers use it; the sizes are put in last. An operation
with a `Number` is one with a constant; the gradients of weights fall away where they are frozen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from rnninspect.cells.language import Apply, Bias, Binary, Cell, Expr, Number, Product, Value
from rnninspect.cells.widths import Declared, Widths, widths
from rnninspect.facts import Ops, shape_of

_DERIVATIVE_OPS = {"sigmoid": 3, "tanh": 3, "relu": 1}


class Terms(NamedTuple):
    """A cost in letters: how many products of (rows, columns), and how many elementwise operations of a length."""

    products: Mapping[tuple[str, str], int]
    lengths: Mapping[str, int]

    def ops(self, sizes: Mapping[str, int]) -> Ops:
        """The cost for these sizes."""
        macs = 0
        for axes, times in self.products.items():
            rows, columns = shape_of(axes, sizes)
            macs += times * rows * columns
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
                products[_axes(node, solved)] += 1
            case Apply() | Binary():
                lengths[_length(node, solved)] += 1
    return Terms(products, lengths)


@cache
def backward_terms(cell: Cell, declared: Declared, *, matrices: bool, biases: bool) -> Terms:
    """One step for one sequence, backward; the gradient of the step's input is counted.

    matrices, biases: whether they are trained, and so have gradients.
    """
    solved = widths(cell, declared)
    products: Counter[tuple[str, str]] = Counter()
    lengths: Counter[str] = Counter()
    for node in cell.nodes:
        match node:
            case Product():
                products[_axes(node, solved)] += 1 + matrices
            case Apply(function=function):
                lengths[_length(node, solved)] += _DERIVATIVE_OPS[function]
            case Binary(op="*", left=left, right=right):
                lengths[_length(node, solved)] += sum(not isinstance(side, Number) for side in (left, right))
            case Binary(op="-", right=right):
                lengths[_length(node, solved)] += not isinstance(right, Number)
            case Bias():
                lengths[_length(node, solved)] += biases
    for value, uses in _uses(cell).items():
        lengths[solved.length(value)] += uses - 1
    return Terms(products, lengths)


def _axes(product: Product, solved: Widths) -> tuple[str, str]:
    return solved.length(product.matrix), solved.operand(product.operand)


def _length(node: Expr, solved: Widths) -> str:
    """The letter of an expression's length; of a constant 1."""
    match node:
        case Value() | Bias():
            return solved.length(node)
        case Product(matrix=matrix):
            return solved.length(matrix)
        case Apply(argument=argument):
            return _length(argument, solved)
        case Binary(left=left, right=right):
            return _length(right if isinstance(left, Number) else left, solved)
        case Number():
            return "1"


def _uses(cell: Cell) -> Counter[Value]:
    products = [node for node in cell.nodes if isinstance(node, Product)]
    uses = Counter(node for node in cell.nodes if isinstance(node, Value))
    # why: `nodes` has a product's operand too; the gates of one packed weight are one product.
    uses -= Counter(product.operand for product in products)
    uses += Counter({product.operand for product in products})
    handed_on = [cell.last(state) for state in cell.states]
    return uses + Counter(handed_on) + Counter(handed_on[:1])
