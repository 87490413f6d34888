"""What torch does with a layer that its equations do not say: first states and values, axes, dropout."""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.cells.scan import Reads
from rnninspect.errors import listed
from rnninspect.facts.weights import Init
from rnninspect.results.weights import law_text
from rnninspect.study.cell_facts import MOST_ROUNDS, CellFacts
from rnninspect.study.explain import Explained, Recurrence, is_first


def conventions(layer: Explained) -> Iterator[str]:
    """A sentence each, of what this document has."""
    if layer.recurrence is not None:
        yield from _about_states(layer, layer.recurrence.cell)
    if not layer.of_file:
        yield from _about_first_values(layer)
        yield from _about_other_laws(layer)
    yield from _about_fixed(layer)
    if layer.recurrence is not None:
        yield from _about_options(layer, layer.recurrence)
        yield from _about_what_goes_on(layer, layer.recurrence)


def about_cell(recurrence: Recurrence) -> Iterator[str]:
    """What a layer's equations come to that they do not say themselves, a sentence each."""
    cell, steps = recurrence.cell, recurrence.unrolled.steps
    length = "L" if steps is None else f"L = {steps:,}"
    if cell.source:
        yield f"From {cell.source}."
    if cell.numbers:
        yield f"{listed([f'{name} is {value:g}' for name, value in cell.numbers.items()])}."
    if cell.rounds > MOST_ROUNDS:
        yield f"Its loop has {cell.rounds:,} rounds, of which the first two and the last are shown."
    if cell.open:
        are = "the widths" if len(cell.open) > 1 else "the width"
        yield f"The equations leave {are} of {listed(cell.open)} open: hidden_size."
    match cell.scan:
        case Reads.BOUND:
            yield f"Sequential: {length} steps, each of which needs the one before."
        case Reads.NOTHING:
            yield f"No state depends on the one before: all {length.removeprefix('L = ')} steps could be run at once."
        case linear:
            of = " of matrix products" * (linear is Reads.MATRIX)
            rounds = "" if steps is None else f" = {(steps - 1).bit_length()}"
            yield (
                f"Linear in its states, with factors that read none: log2 L{rounds} rounds{of} "
                f"could do (a parallel scan); here it is run in {length} steps."
            )


def _about_states(layer: Explained, cell: CellFacts) -> Iterator[str]:
    first = [tensor.name for tensor in layer.facts.inputs[1:]]
    last = [tensor.name for tensor in layer.facts.outputs[1:]]
    zeros = [name for name in first if name not in cell.firsts]
    wires = layer.facts.wires
    if wires is not None and wires.state_from:
        zeros, handed = [], listed([name.replace("_0", "_n") for name in first])
        yield f"{listed(first)} {'are' if len(first) > 1 else 'is'} given: {wires.state_from}'s {handed}."
    for name, value in cell.firsts.items():
        as_here = ", as in this document" * (wires is None or not wires.state_from)
        yield f"{name} is {value:g} when not given{as_here}."
    if zeros:
        when = f"{listed(zeros)} {'are' if len(zeros) > 1 else 'is'} zeros when not given"
        if layer.signal.batch.state == "random":
            yield f"{when}; here they are given, filled at random (state: random)."
        else:
            yield f"{when}{', as in this document' * (not layer.of_file)}."
    if cell.learned:
        are = "are learned: parameters" if len(cell.learned) > 1 else "is learned: a parameter"
        yield f"{listed(cell.learned)} {are} of each stacked layer and direction, the same for every sequence."
    if len(last) > 1 and len(first) <= 1:
        yield f"The states come out as a tuple, ({', '.join(last)}); in goes {listed(first) if first else 'none'}."
    elif len(first) > 1:
        yield (
            f"The states go in and come out as a tuple, ({', '.join(first)}) and ({', '.join(last)}); a layer with one "
            "state has a tensor."
        )


def _about_first_values(layer: Explained) -> Iterator[str]:
    own = [weight for weight in layer.facts.weights if not weight.shared_with]
    uniform = [(weight, weight.init.bound) for weight in own if _is_torchs(weight.init) and weight.init.bound]
    if not uniform:
        return
    bound = uniform[0][1]
    size, fan = "hidden_size" if layer.recurrence is not None else "in_features", round(bound**-2)
    whole = len(uniform) == len(layer.facts.weights) and not any(weight.laws_differ for weight in own)
    biases = any(weight.is_bias for weight, _ in uniform)
    what = f"Weights{' and biases' * biases} start" if whole else "What has no other law starts"
    yield f"{what} uniform on ±1/sqrt({size}): 1/sqrt({fan:,}) = {bound:.4g}."


def _is_torchs(init: Init) -> bool:
    """Whether it is the law that torch draws most layers by."""
    return init.torchs and init.law == "uniform"


def _about_other_laws(layer: Explained) -> Iterator[str]:
    by_law: dict[str, list[str]] = {}
    for weight in filter(is_first, layer.facts.weights):
        for symbol, init in weight.laws.items():
            if not _is_torchs(init) and not weight.shared_with:
                by_law.setdefault(law_text(init), []).append(symbol)
    laws = [f"{listed(symbols)} {'are' if len(symbols) > 1 else 'is'} {law}" for law, symbols in by_law.items()]
    if laws:
        yield f"At first {'; '.join(laws)}."


def _about_fixed(layer: Explained) -> Iterator[str]:
    if layer.recurrence is not None and (fixed := layer.recurrence.cell.fixed):
        are = "are fixed: counted as parameters" if len(fixed) > 1 else "is fixed: counted as a parameter"
        yield f"{listed(fixed)} {are}, and not trained."


def _about_options(layer: Explained, recurrence: Recurrence) -> Iterator[str]:
    set_to = {setting.option: setting.value for setting in recurrence.settings}
    if set_to.get("batch_first") and layer.signal.axes == ("N", "L"):
        states = listed([f"{tensor.name} {tensor.shape_text}" for tensor in layer.facts.outputs[1:]])
        yield f"batch_first puts N first in input and output alone; in {states} it stays second."
    dropout = set_to.get("dropout")
    if isinstance(dropout, float) and dropout > 0 and recurrence.unrolled.depth > 1:
        scale = f"multiplies what it leaves by 1/(1 - {dropout:g}) = {1 / (1 - dropout):.4g}" if dropout < 1 else ""
        yield f"While training dropout {scale or 'leaves nothing'}; in eval() it is off."


def _about_what_goes_on(layer: Explained, recurrence: Recurrence) -> Iterator[str]:
    """What the next layer gets where that is neither the output nor a last state."""
    if layer.facts.handed_on is None:
        return
    words, tensor = layer.facts.handed_on
    output = layer.facts.outputs[0]
    upper = ", between stacked layers they stand side by side" if recurrence.unrolled.depth > 1 else ""
    merged = upper if "two directions" in words else ""
    whole = "" if tensor.shape == output.shape else f", and not all of output, {output.shape_text}"
    yield f"It hands on its {words}, {tensor.shape_text}{whole}{merged}."
