"""What autograd does for one step of a cell: which gradients it works out, what they cost, and what it keeps for them.

Autograd goes back to what wants a gradient, and to what lies between that and the loss. Counted is reverse-mode
differentiation of the equations:

    W @ v        the operand's gradient (W' g) and the weight's (g v'): rows x columns MACs each; W.T @ v the same
    a + b        nothing: the gradient passes through
    a - b, -b    one sign change for b
    a * b        one multiplication for each factor
    a / b        g / b for a: 1;  -g (a / b) / b for b: 4
    a ** b       b a**(b - 1) g for a: 3, of a power that is no number 4;  a**b log(a) g for b: 3
    max, min     a mask for each: 1
    a function   what `functions` says
    a bias       its gradient is summed over the tokens, as is that of a weight vector: 1
    a vector     one addition for each use beyond the first; the products of one packed weight are one use, and a
                 state is also used by the next step, the step's output by whoever reads it
    one number   beside a vector: its gradient is summed over the vector: 1

each where the operand, weight, factor or vector wants a gradient, and the loss depends on it, which reads the output of
every step: what the last step hands on, nobody reads. The rest falls away. What is kept for it from the
forward pass is v of a W that trains, the other factor of a * b, both sides of a quotient, a power or a maximum, and the
value of a function, or its argument where its derivative needs that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.ops import Terms, axes_of
from rnninspect.cells.reach import Sources, is_reached, leading_to, reached
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
    walk,
)
from rnninspect.cells.widths import Declared, Widths, widths

_X = Value("x", 0)


class Kept(NamedTuple):
    """What a step keeps for one sequence: vectors by the letter of their length.

    input: x is kept too, and not among them. output: what the step puts out is among them.
    """

    lengths: Mapping[str, int]
    input: bool
    output: bool


def gradient_sources(
    cell: Cell, *, matrices: bool, biases: bool, x: bool, states: Collection[str]
) -> tuple[Sources, ...]:
    """What wants a gradient at every step, from the first on; all further steps are like the last of these.

    matrices: they do, and weight vectors, those apart that are fixed. states: those of which what the first step reads
    wants one; later steps read what the step before has worked out.
    """
    first = frozenset({_X} if x else ()) | {Value(name, 0) for name in states}
    trained = (weight.name for weight in cell.weights if (biases if isinstance(weight, Bias) else matrices))
    weights = frozenset(trained) - cell.fixed
    steps = [Sources(first, weights)]
    while True:
        vectors = reached(cell, steps[-1])
        carried = frozenset(Value(name, 0) for name in cell.states if cell.last(name) in vectors)
        following = Sources(first | carried, weights)
        if following == steps[-1]:
            return tuple(steps)
        steps.append(following)


@cache
def read_by_loss(cell: Cell, taken: frozenset[str] = frozenset()) -> tuple[frozenset[Value], ...]:
    """What the loss depends on of the last step, of the one before it and so on: all before are like the last of these.

    The loss reads the output of every step; a step's states count as far as the step after it makes something of them.
    taken: the states that, after the last step, another layer starts from.
    """
    steps = [leading_to(cell, {cell.result, *map(cell.last, taken)})]
    while True:
        handed_on = {cell.last(name) for name in cell.states if Value(name, 0) in steps[-1]}
        before = leading_to(cell, {cell.result, *handed_on})
        if before == steps[-1]:
            return tuple(steps)
        steps.append(before)


@cache
def backward_terms(cell: Cell, declared: Declared, sources: Sources, read: frozenset[Value] | None = None) -> Terms:
    """One step for one sequence, backward. read: what the loss depends on, see `read_by_loss`; None: on all."""
    solved = widths(cell, declared)
    equations = (equation for equation in cell.equations if read is None or equation.target in read)
    nodes = [node for equation in equations for node in walk(equation.expression)]
    products: Counter[tuple[str, str]] = Counter()
    lengths: Counter[str] = Counter()
    vectors = reached(cell, sources)
    for node in nodes:
        match node:
            case Product(matrix=matrix, operand=operand):
                products[axes_of(node, solved)] += (matrix.name in sources.weights) + is_reached(
                    operand, sources, vectors
                )
            case Apply(function=function) if is_reached(node, sources, vectors):
                lengths[solved.of(node)] += FUNCTIONS[function].backward
            case Negative() if is_reached(node, sources, vectors):
                lengths[solved.of(node)] += 1
            case Binary(left=left, right=right):
                wanted = tuple(is_reached(side, sources, vectors) for side in (left, right))
                sums = sum(want for side, want in zip((left, right), wanted, strict=True) if solved.of(side) == "1")
                lengths[solved.of(node)] += _of_sides(node, *wanted) + sums * (solved.of(node) != "1")
            case Bias(name=name) | WeightVector(name=name):
                lengths[solved.of(node)] += name in sources.weights
    for value, uses in _uses(cell, nodes, solved).items():
        if value in vectors:
            lengths[solved.length(value)] += uses - 1
    return Terms(products, lengths)


def _of_sides(node: Binary, left: bool, right: bool) -> int:
    """Operations for the gradients of the sides that want one."""
    match node.op:
        case "-":
            return right
        case "*" | "max" | "min":
            return left + right
        case "/":
            return left + 4 * right
        case "**":
            return left * (3 if is_number(node.right) else 4) + 3 * right
        case _:
            return 0


@cache
def kept(cell: Cell, declared: Declared, sources: Sources, learned: frozenset[Value] = frozenset()) -> Kept:
    """What one step keeps for one sequence until its backward pass, weights apart.

    learned: the states that are parameters at this step, which is a first one.
    """
    solved = widths(cell, declared)
    given = Sources(frozenset({_X, *(Value(name, 0) for name in cell.states)}), frozenset())
    varying = reached(cell, given)
    # why by id: what is written twice is worked out twice.
    targets = {id(equation.expression): equation.target for equation in cell.equations}
    held: dict[Expr | int, Expr] = {}
    for node in _operands(cell, sources):
        # why: what reads weights alone is the same at every step.
        if is_reached(node, given, varying):
            vector = _stored(cell, node if isinstance(node, Value) else targets.get(id(node)), learned)
            held[vector or id(node)] = vector or node
    own = [node for node in held.values() if node != _X and node not in learned]
    output = bool(cell.states) and _stored(cell, cell.result) in held
    return Kept(Counter(map(solved.of, own)), input=_X in held, output=output)


def _stored(cell: Cell, vector: Value | None, learned: frozenset[Value] = frozenset()) -> Value | None:
    """The vector whose numbers these are: a state as it was read is what the step before has handed on, or learned."""
    expressions = {equation.target: equation.expression for equation in cell.equations}
    seen: list[Value] = []
    while vector is not None and vector not in (*seen, *learned):
        seen.append(vector)
        source = cell.last(vector.name) if vector.version == 0 and vector.name != "x" else expressions.get(vector)
        vector = source if isinstance(source, Value) else vector
    return vector


def _operands(cell: Cell, sources: Sources) -> Iterator[Expr]:
    """What gradients are worked out with."""
    vectors = reached(cell, sources)
    for node in cell.nodes:
        match node:
            case Product(matrix=matrix, operand=operand) if matrix.name in sources.weights:
                yield operand
            case Apply(function=function, argument=argument) if is_reached(node, sources, vectors):
                yield node if FUNCTIONS[function].keeps == "result" else argument
            case Binary(left=left, right=right):
                wanted = tuple(is_reached(side, sources, vectors) for side in (left, right))
                yield from (side for side in _kept_of(node, *wanted) if not is_number(side))


def _kept_of(node: Binary, left: bool, right: bool) -> Iterator[Expr]:
    """What the gradients of the sides are worked out with that want one."""
    match node.op:
        case "*":
            yield from [node.right] * left
            yield from [node.left] * right
        case "/":
            yield from [node.right] * (left or right)
            yield from [node.left] * right
        case "**":
            yield from (node.left, node.right) * (left or right)
            yield from [node] * right
        case "max" | "min":
            yield from (node.left, node.right) * (left or right)


def _uses(cell: Cell, nodes: Sequence[Expr], solved: Widths) -> Counter[Value]:
    products = [node for node in nodes if isinstance(node, Product)]
    uses = Counter(node for node in nodes if isinstance(node, Value))
    # why: `nodes` has a product's operand too; the gates of one packed weight are one product.
    uses -= Counter(product.operand for product in products if isinstance(product.operand, Value))
    stacks = {_stack(cell, product, solved) for product in products}
    uses += Counter(operand for operand, _ in stacks if isinstance(operand, Value))
    handed_on = [cell.last(state) for state in cell.states]
    return uses + Counter([*handed_on, cell.result])


def _stack(cell: Cell, product: Product, solved: Widths) -> tuple[Expr, Matrix | str]:
    """What the products have in common that are one: their operand, and the length of their rows."""
    alone = product.transposed or not cell.stacked
    return product.operand, product.matrix if alone else solved.length(product.matrix)
