"""What running a recurrent layer takes: operations forward and backward, and what is kept between the two.

A step of one cell is counted on its equations (`cells.ops`, `cells.backward`); here it is counted how often it is run:
over steps, directions and stacked layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rnninspect.cells import backward
from rnninspect.cells.ops import forward_terms
from rnninspect.cells.reach import Sources
from rnninspect.cells.tree import Value
from rnninspect.facts.amounts import ITEM_BYTES, Ops
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Stack, Wants
from rnninspect.layers.signal import Signal
from rnninspect.layers.weights import first_of
from rnninspect.letters import shape_of


def forward_ops(layer: Stack, signal: Signal) -> Ops:
    """The operations of one forward pass."""
    cell, sizes = layer.cell, layer.sizes()
    ops = _sum(layer, lambda k, direction: forward_terms(cell, layer.declared(k)).ops(sizes).times(signal.tokens))
    if not layer.works_on:
        return ops
    from rnninspect.layers import feeding  # why here, and below: few layers have it

    return ops + feeding.forward_ops(layer, signal)


def backward_ops(layer: Stack, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
    """The operations of one backward pass."""
    cell, sizes, above = layer.cell, layer.sizes(), _above(layer, wants)

    def of_stacked(k: int, direction: int) -> Ops:
        steps = _steps(layer, signal, above if k else wants, direction)
        each = (
            backward.backward_terms(cell, layer.declared(k), sources, read).ops(sizes).times(tokens)
            for sources, read, tokens in steps
        )
        return sum(each, Ops(0, 0))

    # why: both directions read the same x, so their gradients of it are added.
    shared = wants.input * layer.width_in + above.input * (layer.depth - 1) * layer.width_out
    ops = _sum(layer, of_stacked) + Ops(0, (layer.directions - 1) * shared * signal.tokens)
    learned = [first_of(state) for state in layer.learned]
    starts = [weight.count for weight in weights if weight.symbol in learned and weight.trainable]
    ops += Ops(0, sum(starts) * signal.batch.letters["N"])
    if not (layer.works_on and above.input):
        return ops
    from rnninspect.layers import feeding

    return ops + feeding.backward_ops(layer, signal)


def kept(layer: Stack, signal: Signal, dtype: str, wants: Wants) -> Kept:
    """What is kept for backward, by the equations and by what is worked out from the output."""
    whole = kept_of_equations(layer, signal, dtype, wants)
    if not (layer.works_on and _above(layer, wants).input):
        return whole
    from rnninspect.layers import feeding

    return feeding.kept(layer, signal, dtype, whole)


def kept_of_equations(layer: Stack, signal: Signal, dtype: str, wants: Wants) -> Kept:
    """What the equations keep. What a stacked layer reads is what the one below has put out, and is kept once."""
    above = _above(layer, wants)
    first, rest = _kept(layer, 0, signal, dtype, wants), _kept(layer, 1, signal, dtype, above)
    between = layer.kept_between(above, first, rest) * layer.width_out * signal.tokens * ITEM_BYTES[dtype]
    nbytes = layer.directions * (first.nbytes + (layer.depth - 1) * rest.nbytes) + (layer.depth - 1) * between
    return Kept(nbytes, first.input, first.output)


def _kept(layer: Stack, k: int, signal: Signal, dtype: str, wants: Wants) -> Kept:
    """What stacked layer `k` keeps in one direction."""
    sizes, learned = layer.sizes(), frozenset(Value(state, 0) for state in layer.learned)

    def numbers(step: backward.Kept) -> int:
        return sum(times * shape_of((axis,), sizes)[0] for axis, times in step.lengths.items())

    total, held = 0, NOTHING_KEPT
    for i, (sources, _, tokens) in enumerate(_steps(layer, signal, wants, direction=0)):
        step = backward.kept(layer.cell, layer.declared(k), sources)
        total += tokens * numbers(step)
        if i == 0 and learned:
            # why: what is learned is a parameter, which every sequence reads, and no value of each.
            first = backward.kept(layer.cell, layer.declared(k), sources, learned)
            total -= signal.batch.letters["N"] * (numbers(step) - numbers(first))
        held = Kept(total * ITEM_BYTES[dtype], step.input, step.output)
    return held


def _above(layer: Stack, wants: Wants) -> Wants:
    """What the stacked layers above the first want: their input is the output of the one below."""
    return wants._replace(input=layer.trains or wants.input or wants.states)


def _steps(
    layer: Stack, signal: Signal, wants: Wants, direction: int
) -> Iterator[tuple[Sources, frozenset[Value], int]]:
    """What wants a gradient at a step of one cell, what of it the loss reads, and how many tokens that is true of.

    The last stands for all steps that are not among the first or last few.
    why not all alike: nobody wants the gradient of h_0, and nobody reads what the last step hands on.
    """
    train = layer.trainable
    # why not as one: a learned first state is a parameter, and no input.
    states = [name for name in layer.cell.states if (train if name in layer.learned else wants.states)]
    sources = backward.gradient_sources(layer.cell, matrices=train, biases=train, x=wants.input, states=states)
    read = backward.read_by_loss(layer.cell, wants.taken)
    early, late, length = len(sources) - 1, len(read) - 1, signal.batch.letters["L"]
    rest = signal.tokens
    for step in sorted({*range(min(early, length)), *range(max(length - late, 0), length)}):
        # why from the end: the reverse direction of a packed batch begins with its longest sequences alone, and what
        # joins them later is one tensor with what they have come to.
        running = signal.batch.running(length - 1 - step if direction else step)
        rest -= running
        yield sources[min(step, early)], read[min(length - 1 - step, late)], running
    yield sources[-1], read[-1], rest


def _sum(layer: Stack, of_stacked: Callable[[int, int], Ops]) -> Ops:
    """The sum over all stacked layers and directions."""
    total = Ops(0, 0)
    for direction in range(layer.directions):
        # why: layers above the first are alike, so 10,000 of them cost no more than two.
        total += of_stacked(0, direction)
        if layer.depth > 1:
            total += of_stacked(1, direction).times(layer.depth - 1)
    return total
