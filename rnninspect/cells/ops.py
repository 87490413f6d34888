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

A `Number` operand makes an operation with a constant; the gradient of the weights falls away where they are frozen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rnninspect.cells.language import Apply, Bias, Binary, Cell, Expr, Number, Product, Value
from rnninspect.cells.widths import Declared, Widths, widths
from rnninspect.facts import Ops, shape_of

_DERIVATIVE_OPS = {"sigmoid": 3, "tanh": 3, "relu": 1}


def forward_ops(cell: Cell, declared: Declared, sizes: Mapping[str, int]) -> Ops:
    """Operations of one step for one sequence, forward."""
    solved = widths(cell, declared)
    total = Ops(0, 0)
    for node in cell.nodes():
        match node:
            case Product():
                total += Ops(_product_macs(node, solved, sizes), 0)
            case Apply() | Binary():
                total += Ops(0, _length(node, solved, sizes))
    return total


def backward_ops(cell: Cell, declared: Declared, sizes: Mapping[str, int], *, trainable: bool) -> Ops:
    """Operations of one step for one sequence, backward; the input's gradient is counted."""
    solved = widths(cell, declared)
    total = Ops(0, 0)
    for node in cell.nodes():
        match node:
            case Product():
                total += Ops(_product_macs(node, solved, sizes) * (1 + trainable), 0)
            case Apply(function=function):
                total += Ops(0, _DERIVATIVE_OPS[function] * _length(node, solved, sizes))
            case Binary(op="*", left=left, right=right):
                factors = sum(not isinstance(side, Number) for side in (left, right))
                total += Ops(0, factors * _length(node, solved, sizes))
            case Binary(op="-", right=right):
                total += Ops(0, 0 if isinstance(right, Number) else _length(node, solved, sizes))
            case Bias():
                total += Ops(0, trainable * _length(node, solved, sizes))
    for value, uses in _uses(cell).items():
        total += Ops(0, (uses - 1) * _length(value, solved, sizes))
    return total


def _product_macs(product: Product, solved: Widths, sizes: Mapping[str, int]) -> int:
    rows, columns = shape_of((solved.length(product.matrix), solved.operand(product.operand)), sizes)
    return rows * columns


def _length(node: Expr, solved: Widths, sizes: Mapping[str, int]) -> int:
    match node:
        case Value() | Bias():
            return shape_of((solved.length(node),), sizes)[0]
        case Product(matrix=matrix):
            return shape_of((solved.length(matrix),), sizes)[0]
        case Apply(argument=argument):
            return _length(argument, solved, sizes)
        case Binary(left=left, right=right):
            return _length(right if isinstance(left, Number) else left, solved, sizes)
        case Number():
            return 1


def _uses(cell: Cell) -> Counter[Value]:
    products = [node for node in cell.nodes() if isinstance(node, Product)]
    uses = Counter(node for node in cell.nodes() if isinstance(node, Value))
    # why: nodes() names a product's operand too; the gates of one packed weight are one product.
    uses -= Counter(product.operand for product in products)
    uses += Counter({product.operand for product in products})
    handed_on = [cell.last(state) for state in cell.states]
    return uses + Counter(handed_on) + Counter(handed_on[:1])
