"""What autograd does for one step of a cell: which gradients it works out, what they cost, and what it keeps for them.

Autograd goes back to what wants a gradient, and to what lies between that and the loss. Counted is reverse-mode
differentiation of the equations:

    W @ v        the operand's gradient (W' g) and the weight's (g v'): rows x columns MACs each
    a + b        nothing: the gradient passes through
    a - b        one sign change for b
    a * b        one multiplication for each factor
    sigmoid      s (1 - s) g: 3;  tanh: (1 - t t) g: 3;  relu: a mask: 1
    a bias       its gradient is summed over the tokens: 1
    a vector     one addition for each use beyond the first; the products of one packed weight are one use, and a
                 state is also used by the next step, the step's output by whoever reads it

each where the operand, weight, factor or vector wants a gradient; the rest falls away. What is kept for it from the
forward pass is v of a W that trains, the other factor of a * b, and the value of a function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from rnninspect.cells.language import Apply, Bias, Binary, Cell, Expr, Number, Product, Value
from rnninspect.cells.ops import Terms, axes_of, length_of
from rnninspect.cells.reach import Sources, is_reached, reached
from rnninspect.cells.widths import Declared, widths

_DERIVATIVE_OPS = {"sigmoid": 3, "tanh": 3, "relu": 1}
_X = Value("x", 0)


class Kept(NamedTuple):
    """What a step keeps for one sequence: vectors by the letter of their length.

    input: x is kept too, and not among them. output: what the step puts out is among them.
    """

    lengths: Mapping[str, int]
    input: bool
    output: bool


def gradient_sources(cell: Cell, *, matrices: bool, biases: bool, x: bool, states: bool) -> tuple[Sources, ...]:
    """What wants a gradient at every step, from the first on; all further steps are like the last of these.

    states: what the first step reads of them wants one; later steps read what the step before has worked out.
    """
    first = frozenset({_X} if x else ()) | frozenset(Value(name, 0) for name in cell.states if states)
    steps = [Sources(first, matrices, biases)]
    while True:
        vectors = reached(cell, steps[-1])
        carried = frozenset(Value(name, 0) for name in cell.states if cell.last(name) in vectors)
        following = Sources(first | carried, matrices, biases)
        if following == steps[-1]:
            return tuple(steps)
        steps.append(following)


@cache
def backward_terms(cell: Cell, declared: Declared, sources: Sources) -> Terms:
    """One step for one sequence, backward."""
    solved = widths(cell, declared)
    products: Counter[tuple[str, str]] = Counter()
    lengths: Counter[str] = Counter()
    vectors = reached(cell, sources)
    for node in cell.nodes:
        length = length_of(node, solved)
        match node:
            case Product(operand=operand):
                products[axes_of(node, solved)] += sources.matrices + (operand in vectors)
            case Apply(function=function) if is_reached(node, sources, vectors):
                lengths[length] += _DERIVATIVE_OPS[function]
            case Binary(op="*", left=left, right=right):
                lengths[length] += sum(is_reached(side, sources, vectors) for side in (left, right))
            case Binary(op="-", right=right):
                lengths[length] += is_reached(right, sources, vectors)
            case Bias():
                lengths[length] += sources.biases
    for value, uses in _uses(cell).items():
        if value in vectors:
            lengths[solved.length(value)] += uses - 1
    return Terms(products, lengths)


@cache
def kept(cell: Cell, declared: Declared, sources: Sources) -> Kept:
    """What one step keeps for one sequence until its backward pass, weights apart."""
    solved = widths(cell, declared)
    # why: what a vector is set to is that vector, and a state as it was read is what the step before has handed on.
    same: dict[Expr, Expr] = {equation.expression: equation.target for equation in cell.equations}
    same |= {Value(name, 0): cell.last(name) for name in cell.states}
    held = {same.get(node, node) for node in _operands(cell, sources)}
    own = [node for node in held if node != _X and not isinstance(node, Bias)]
    return Kept(
        Counter(length_of(node, solved) for node in own),
        input=_X in held,
        output=bool(cell.states) and cell.last(cell.states[0]) in held,
    )


def _operands(cell: Cell, sources: Sources) -> Iterator[Expr]:
    """What gradients are worked out with."""
    vectors = reached(cell, sources)
    for node in cell.nodes:
        match node:
            case Product(operand=operand) if sources.matrices:
                yield operand
            case Apply() if is_reached(node, sources, vectors):
                yield node
            case Binary(op="*", left=left, right=right):
                for side, other in ((left, right), (right, left)):
                    if is_reached(side, sources, vectors) and not isinstance(other, Number):
                        yield other


def _uses(cell: Cell) -> Counter[Value]:
    products = [node for node in cell.nodes if isinstance(node, Product)]
    uses = Counter(node for node in cell.nodes if isinstance(node, Value))
    # why: `nodes` has a product's operand too; the gates of one packed weight are one product.
    uses -= Counter(product.operand for product in products)
    uses += Counter({product.operand for product in products})
    handed_on = [cell.last(state) for state in cell.states]
    return uses + Counter(handed_on) + Counter(handed_on[:1])
