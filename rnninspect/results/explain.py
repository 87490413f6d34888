"""A document explained: its Python, then of each layer the equations with their sizes, a legend, a picture, options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rnninspect.cells.write import Written
from rnninspect.errors import listed
from rnninspect.facts.models import FromFile, LayerFacts
from rnninspect.facts.tensors import TensorFact
from rnninspect.layers.signal import Signal
from rnninspect.results.conventions import about_cell, conventions
from rnninspect.results.head import picked
from rnninspect.results.legend import ROWS, halves
from rnninspect.results.table import Block, Code, Column, Drawing, Formula, Formulas, Kind, Table
from rnninspect.results.unrolled import draw, size_text
from rnninspect.results.weights import law_text
from rnninspect.study.code import Sketch
from rnninspect.study.explain import Explained, Recurrence, Reverse, Setting, Upper, is_first
from rnninspect.study.unrolled import Unrolled

# From what a data flow shows, the same drawn with characters, and the layer's name.
Flows = Callable[[Unrolled, Drawing, str], Block]
_VECTORS = (
    Column("symbol", "symbol", Kind.SYMBOL, repeats=True),
    Column("shape", "shape", Kind.SHAPE),
    Column("meaning", "what it is"),
)
_WEIGHTS = (*_VECTORS[:2], Column("packed", "where it is packed"), Column("meaning", "what it does"))
_MOST_STACKS = 6
_NOT_THERE = "not in the file"
# What the equations are written with where a file does not say it.
_WRITTEN_AS = {
    "nonlinearity": "written here with tanh",
    "activation": "written here with tanh",
    "recurrent_activation": "written here with sigmoid",
    "reset_after": "written here with the reset gate after the product",
}
_SIGNS = {
    "σ": "σ(v) is 1 / (1 + exp(-v))",
    "ReLU": "ReLU(v) is v where it is positive, else 0",
    "⊙": "⊙ multiplies element by element",
    "·": "· multiplies by a number",
}


def sketch_blocks(sketch: Sketch) -> Iterator[Block]:
    """The whole model in a line, and as Python."""
    if sketch.chain:
        yield _prose("from layer to layer", sketch.model, [sketch.chain])
    yield Code(title="in PyTorch", subject=sketch.model, lines=sketch.code, notes=sketch.notes)


def file_blocks(sketch: Sketch, given: FromFile) -> Iterator[Block]:
    """What of a layer is its file's affair; and torch's module, where torch has one that is this layer."""
    if sentences := tuple(_about_file(given)):
        yield _prose("in the file", sketch.model, sentences)
    if not given.module:
        yield Code(title="in PyTorch", subject=sketch.model, lines=sketch.code, notes=sketch.notes)


def _about_file(given: FromFile) -> Iterator[str]:
    yield from filter(None, [given.module])
    if given.reverse:
        yield "It reads the sequence from its end."
    plainly = [key for key, words in given.unknown.items() if words == _NOT_THERE and key not in _WRITTEN_AS]
    if plainly:
        yield f"Not in the file: {listed(plainly)}."
    for key, words in given.unknown.items():
        if key not in plainly:
            written = f"; {_WRITTEN_AS[key]}" if key in _WRITTEN_AS else ""
            yield f"{key}: {words}{written}."
    yield from given.remarks


def explain_blocks(
    layers: Iterable[Explained],
    pictures: Mapping[str, Block] | None = None,
    wiring: Mapping[str, str] | None = None,
    *,
    flows: Flows | None = None,
) -> list[Block]:
    """All there is to say of each layer, in order.

    pictures: of cells by layer, for a format that shows them. wiring: by layer how it is connected, where a document
    says any wires. flows: what makes a picture of a data flow that is drawn with characters.
    """
    blocks = []
    for layer in layers:
        for block in _blocks(layer, pictures or {}, (wiring or {}).get(layer.facts.name, "")):
            if flows is not None and isinstance(block, Drawing) and layer.recurrence is not None:
                block = flows(layer.recurrence.unrolled, block, layer.facts.name)
            blocks.append(block._replace(section=_section(layer)))
    return blocks


def _section(layer: Explained) -> str:
    return f"{layer.facts.name} ({layer.facts.type})"


def _blocks(layer: Explained, pictures: Mapping[str, Block], wiring: str) -> Iterator[Block]:
    def title(what: str) -> str:
        # why: a layer of a file is a model by itself, whose name stands before the title.
        own = layer.facts.type if layer.facts.name == layer.model else _section(layer)
        return f"{own}: {what}"

    model = layer.model
    if not layer.equations:
        yield _prose(title("what it does"), model, [_in_one_line(layer), *[wiring] * bool(wiring), *layer.remarks])
        return
    if wiring:
        yield _prose(title("wiring"), model, [wiring])
    yield Formulas(
        title=title("equations"), subject=model, items=_formulas(layer.equations), notes=tuple(_about_equations(layer))
    )
    if layer.facts.name in pictures:
        yield pictures[layer.facts.name]
    if sentences := tuple(conventions(layer)):
        yield _prose(title("besides the equations"), model, sentences)
    vectors = tuple((entry.symbol, entry.shape, entry.meaning) for entry in layer.entries if entry.packed is None)
    yield Table(title=title("vectors"), subject=model, columns=_VECTORS, rows=vectors)
    weights = tuple((e.symbol, e.shape, e.packed, e.meaning) for e in layer.entries if e.packed is not None)
    if weights or layer.recurrence is not None:
        notes = tuple(_about_packing(layer.facts))
        yield Table(title=title("weights"), subject=model, columns=_WEIGHTS, rows=weights, notes=notes)
    if layer.recurrence is not None:
        yield from _over_time(layer, layer.recurrence, title)
    if layer.remarks:
        yield _prose(title("beside textbooks and copied notes"), model, layer.remarks)


def _over_time(layer: Explained, recurrence: Recurrence, title: Callable[[str], str]) -> Iterator[Block]:
    """What only a layer that runs over time has: more layers, another direction, its picture, and its options."""
    model, unrolled, upper, reverse = layer.model, recurrence.unrolled, recurrence.upper, recurrence.reverse
    if upper is not None:
        which = "layer 1" if upper.layers == 1 else f"layers 1 to {upper.layers:,}"
        notes = tuple(_about_upper(upper, layer.facts, unrolled.output[0]))
        yield Formulas(title=title(which), subject=model, items=_formulas(upper.equations), notes=notes)
    if reverse is not None:
        equations = tuple(
            formula._replace(sizes="", latex_sizes="", mathml_sizes=None) for formula in _formulas(reverse.equations)
        )
        notes = tuple(_about_reverse(reverse, layer, unrolled))
        yield Formulas(title=title("reverse direction"), subject=model, items=equations, notes=notes)
    notes = tuple(_about_flow(unrolled, layer.signal))
    yield Drawing(title=title("data flow"), subject=model, lines=draw(unrolled), notes=notes)
    if recurrence.settings:
        notes = tuple(_about_setting(setting, layer.facts) for setting in recurrence.settings)
        yield _prose(title("options"), model, notes)


def _prose(title: str, model: str, notes: Sequence[str]) -> Table:
    return Table(title=title, subject=model, columns=(), rows=(), notes=tuple(notes))


def _formulas(equations: Iterable[Written]) -> tuple[Formula, ...]:
    return tuple(Formula(**picked(written, *Formula._fields)) for written in equations)


def _in_one_line(layer: Explained) -> str:
    given, put_out = layer.facts.inputs[0], layer.facts.outputs[0]
    weights = [f"{weight.name} {weight.shape}, at first {law_text(weight.init)}" for weight in layer.facts.weights]
    parts = [f"{given.shape_text} → {put_out.shape_text}", *weights]
    return f"{layer.summary} {'; '.join(parts)}."


def _about_equations(layer: Explained) -> Iterator[str]:
    texts = " ".join(written.text for written in layer.equations)
    signs = [meaning for sign, meaning in _SIGNS.items() if sign in texts]
    unrolled = layer.recurrence.unrolled if layer.recurrence is not None else None
    if unrolled is None:
        shared = "the weights are the same for all" if layer.facts.weights else "all are treated alike"
        what = f"For one {'token' if layer.signal.is_sequence else 'sequence'}; {shared}"
    else:
        where = (
            f" of layer 0{', forward' * (unrolled.directions > 1)}" if unrolled.depth * unrolled.directions > 1 else ""
        )
        steps = f"every step, t = 0 to {_number(unrolled.last)}" if unrolled.steps != 1 else "the one step there is"
        what = f"One step{where}, for one sequence; the weights are the same at {steps}"
    yield f"{what}."
    matrices = [entry.shape for entry in layer.entries if len(entry.shape) == 2]
    for shape in matrices[:1]:
        product = f"A matrix {shape} times a vector {shape[1:]} is a vector {shape[:1]}"
        yield f"{'; '.join([product, *signs])}."
    if layer.recurrence is None and not matrices and signs:
        yield f"{'; '.join(signs)}."
    if layer.summary:
        yield layer.summary
    if layer.recurrence is not None:
        yield from about_cell(layer.recurrence)
    if layer.of_file:
        return  # what checks a model reads a document
    of_torch = layer.recurrence is None or layer.recurrence.cell.of_torch
    held = "torch's results" if of_torch else "what is run and trained"
    yield f"rnninspect verify CONFIG evaluates exactly these equations, in float64, and holds {held} to them."


def _number(number: int | str) -> str:
    """A size of the batch, or its letter where nobody says the size."""
    return number if isinstance(number, str) else f"{number:,}"


def _about_packing(facts: LayerFacts) -> Iterator[str]:
    stacked = [
        f"{weight.name} {weight.shape} is [{'; '.join(gate.name for gate in weight.gates)}]"
        for weight in facts.weights
        if weight.gates and len(weight.shape) == 2 and is_first(weight)
    ]
    if stacked:
        more = f", and {len(stacked) - _MOST_STACKS:,} more so" * (len(stacked) > _MOST_STACKS)
        yield (
            "Matrices that multiply one vector are stacked as rows, their biases alike: "
            f"{', '.join(stacked[:_MOST_STACKS])}{more}."
        )


def _about_upper(upper: Upper, facts: LayerFacts, put_out: str) -> Iterator[str]:
    output = facts.outputs[0]
    which = "layer 0" if upper.layers == 1 else "the layer below"
    shared = output.layout[-1]
    both, whose = (", both directions side by side,", f": {halves(shared)}") if shared else ("", "")
    same = ", as wide as in layer 0, so that every size stays"
    width = f"{size_text(upper.width)}{same if upper.width == upper.below else f' instead of {size_text(upper.below)}'}"
    yield f"x_t is what {which} puts out at step t, its {put_out}_t{both} {width}{whose}."
    for first, above in upper.weights:
        yield f"So {above.name} is {above.shape}, where {first.name} is {first.shape}; every other size stays."
    yield f"The weights are its own: {', '.join(upper.own)}{', and so on' * (upper.layers > 1)}."


def _about_reverse(reverse: Reverse, layer: Explained, unrolled: Unrolled) -> Iterator[str]:
    last, row = unrolled.last, unrolled.depth * 2 - 1
    output, *states = layer.facts.outputs
    state, _ = unrolled.output
    swapped = listed([f"{after} in place of {before}" for before, after in reverse.states])
    shorter = ", a shorter one from its own last step" if layer.signal.batch.lengths is not None else ""
    yield f"It reads the sequence from t = {_number(last)} down to t = 0{shorter}: with {swapped}. Every size stays."
    yield f"The weights are its own: {', '.join(reverse.own)}{', and so on' * (unrolled.depth > 1)}."
    ends = [f"{tensor.name.removesuffix('_n')}_0 and {tensor.name}" for tensor in states]
    yield f"output[t] holds the {state}_t of both, {halves(output.layout[-1] or ())}; along {', '.join(ends)}, {ROWS}."
    if unrolled.output in unrolled.states:
        yield (
            f"The reverse one's last state, {state}_n[{row}], is the one at t = 0, which stands in "
            f"{unrolled.output_at(0)}; {unrolled.output_at(last)} holds its first."
        )


def _about_flow(unrolled: Unrolled, signal: Signal) -> Iterator[str]:
    batch = signal.batch
    drawn, size = "", "L" if unrolled.steps is None else f"{unrolled.steps:,}"
    if unrolled.steps is None or unrolled.steps > 3:
        drawn = f" Drawn are the steps 0, 1 and {_number(unrolled.last)} of {size}."
    alike = "" if batch.size is None else f"; the {_number(batch.size)} of the batch run alike"
    direction = " and direction" * (unrolled.directions > 1)
    first, _ = unrolled.output
    states = [state for state, _ in unrolled.states]
    others = [state for state in states if state != first]
    if unrolled.inner is None:
        yield f"A box is one step of one layer{direction}, for one sequence{alike}.{drawn}"
    else:
        inner, _ = unrolled.inner
        yield (
            f"Two boxes are one step, {inner} and {first} above it, for one sequence{alike}. The arrow to the next "
            f"step leaves above: {first} is fed back, where Elman's network feeds back {inner}.{drawn}"
        )
    if others:
        way = "to the next step and up" if first in states else "up only"
        yield f"{first} goes {way}; {listed(others)} to the next step only."
    if unrolled.directions > 1:
        above, width = size_text(unrolled.above), size_text(unrolled.output[1])
        yield f"{above} is {width} of the forward direction, then of the reverse one."
    if batch.lengths is not None:
        state = first if first in states else states[0]
        starts = ", and where the reverse direction starts" if unrolled.directions > 1 else ""
        yield f"Drawn is a longest sequence; one of n steps ends at t = n - 1, where its {state}_n is from{starts}."


def _about_setting(setting: Setting, facts: LayerFacts) -> str:
    sentence = f"{setting.option}: {_value(setting.value)}. {setting.says}"
    if setting.after is None:
        return f"{sentence} There is no other value that torch would take here."
    return f"{sentence} With {_value(setting.other)} instead: {_effect(facts, setting.after)}."


def _effect(facts: LayerFacts, after: LayerFacts) -> str:
    """What another value makes of the tensors, the parameters and the operations."""
    tensors = [
        f"{new.name} {new.shape_text}"
        for old, new in zip(_shown(facts), _shown(after), strict=True)
        if (new.axes, new.shape) != (old.axes, old.shape)
    ]
    counts = [
        f"{name} {before:,} → {now:,}"
        for name, before, now in (
            ("parameters", facts.counts.parameters, after.counts.parameters),
            ("forward MACs" + " of a token" * facts.per_token, facts.forward.macs, after.forward.macs),
        )
        if before != now
    ]
    if not tensors and not counts:
        return "the same shapes, parameters and MACs"
    return "; ".join([", ".join(tensors) or "the same shapes", ", ".join(counts) or "the same parameters and MACs"])


def _shown(facts: LayerFacts) -> Sequence[TensorFact]:
    """The input and what comes out; the initial states have the shapes of the final ones."""
    return (facts.inputs[0], *facts.outputs)


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
