"""What there is to say of a layer in this document: its equations with their sizes, its symbols, its options.

All of it is derived: the equations and their shapes from the layer's cell, where a symbol is packed from the plan,
what an option does by planning the same layer with another value. A kind adds only the words (see `Layer.meanings`,
`Layer.options` and `Layer.remarks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from string import Template
from typing import NamedTuple

from rnninspect.cells.notation import Shapes, Symbol
from rnninspect.cells.tree import (
    Bias,
    Binary,
    Cell,
    Equation,
    Expr,
    Matrix,
    Product,
    Value,
    Weight,
    WeightVector,
    symbols_of,
    walk,
)
from rnninspect.cells.write import Written, name, shapes, write
from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.errors import listed
from rnninspect.facts.models import LayerFacts
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.families import SequenceLayer
from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import TYPES, kind_of
from rnninspect.layers.signal import ModelInput, Signal
from rnninspect.plan import plan
from rnninspect.study.cell_facts import CellFacts, facts_of, role, shown
from rnninspect.study.unrolled import Unrolled, unrolled_layer

# In a loop a weight may be used a hundred times.
_MOST_USES = 3


class LegendEntry(NamedTuple):
    """One symbol of the equations. packed: `rows 0-49 of weight_ih_l0`, None for what is no parameter."""

    symbol: str
    shape: tuple[int, ...]
    packed: str | None
    meaning: str


class Upper(NamedTuple):
    """What differs in the stacked layers above the first, `layers` of them.

    width: of x_t there; below: in the first layer. equations: those in which a size differs.
    weights: the parameters of another shape, each beside the first layer's; own: the names of all, of layer 1.
    """

    layers: int
    width: int
    below: int
    equations: tuple[Written, ...]
    weights: tuple[tuple[WeightFact, WeightFact], ...]
    own: tuple[str, ...]


class Reverse(NamedTuple):
    """What differs in the reverse direction. states: (h_{t-1}, h_{t+1}) for each; own: its parameters in layer 0."""

    equations: tuple[Written, ...]
    states: tuple[tuple[str, str], ...]
    own: tuple[str, ...]


class Setting(NamedTuple):
    """One option that the document sets: its value here, and what the plan says of the same layer with another value.

    other is None where there is no other that torch would take.
    """

    option: str
    value: object
    says: str
    other: object
    after: LayerFacts | None


class Recurrence(NamedTuple):
    """What only a layer that runs over time has."""

    cell: CellFacts
    unrolled: Unrolled
    upper: Upper | None
    reverse: Reverse | None
    settings: tuple[Setting, ...]


class Explained(NamedTuple):
    """One layer. summary: the one line of a kind without equations, which then has nothing else but remarks.

    Of others how eval mode and training mode differ, where they do. of_file: it was found in a checkpoint, so that
    nothing is known of what it starts from, and no document says it.
    """

    model: str
    facts: LayerFacts
    signal: Signal
    summary: str
    equations: tuple[Written, ...] = ()
    entries: tuple[LegendEntry, ...] = ()
    remarks: tuple[str, ...] = ()
    recurrence: Recurrence | None = None
    of_file: bool = False


def explain_layers(spec: Spec, only: str | None = None) -> Iterator[Explained]:
    """Every layer of the document in order, or the one that is called `only`."""
    for link, facts in zip(spec.links, plan(spec).layers, strict=True):
        if only in (None, facts.name):
            yield _explained(spec, link, facts)


def _explained(spec: Spec, link: Link, facts: LayerFacts) -> Explained:
    layer, cell = link.layer, link.layer.cell
    summary, *besides = layer.in_sentences(link.signal)
    if cell is None:
        return Explained(model=spec.name, facts=facts, signal=link.signal, summary=summary, remarks=tuple(besides))
    timed = link.signal.is_sequence
    shape = shapes(cell, layer.declared(0), layer.sizes())
    recurrence = _recurrence(spec, layer, cell, facts, link.signal, shape) if isinstance(layer, Recurrent) else None
    entries = tuple(_entries(layer, cell, facts, shape, timed))
    return Explained(
        model=spec.name,
        facts=facts,
        signal=link.signal,
        summary=" ".join(besides),
        equations=_written(cell, shape, timed=timed),
        entries=entries,
        remarks=tuple(_remarks(layer, cell, facts, entries, timed)),
        recurrence=recurrence,
        of_file=bool(spec.checkpoint),
    )


def _written(cell: Cell, shape: Shapes, *, reverse: bool = False, timed: bool = True) -> tuple[Written, ...]:
    """The equations that a page shows."""
    targets = shown(cell)
    written = write(cell, shape, reverse=reverse, timed=timed)
    return tuple(equation for equation in written if equation.target in targets)


# --- symbols ----------------------------------------------------------------------------------------------


def _entries(layer: Layer, cell: Cell, facts: LayerFacts, shape: Shapes, timed: bool) -> Iterator[LegendEntry]:
    """The vectors in the order the equations name them, then the parameters as they are packed."""
    packed = _packed(facts.weights)
    targets = shown(cell)
    equations = [equation for equation in cell.equations if equation.target in targets]
    symbols = dict.fromkeys(symbol for equation in equations for symbol in _symbols(equation))
    vectors = [symbol for symbol in symbols if isinstance(symbol, Value)]
    parameters = [symbol for symbol in symbols if not isinstance(symbol, Value)]
    order = list(packed)
    for symbol in vectors:
        meaning = _meaning_of_vector(layer, cell, symbol, timed)
        yield LegendEntry(symbol=name(cell, symbol, timed=timed), shape=shape(symbol), packed=None, meaning=meaning)
    for parameter in sorted(parameters, key=lambda parameter: order.index(parameter.name)):
        meaning = _meaning_of_parameter(layer, cell, parameter, timed)
        yield LegendEntry(symbol=parameter.name, shape=shape(parameter), packed=packed[parameter.name], meaning=meaning)


def _symbols(equation: Equation) -> Iterator[Symbol]:
    """Every symbol of an equation, its target last: what goes in before what comes out."""
    yield from symbols_of(equation.expression)
    yield equation.target


def is_first(weight: WeightFact) -> bool:
    """Whether a parameter is the first stacked layer's, in the forward direction: the one that is explained."""
    return (weight.layer or 0, weight.direction or "forward") == (0, "forward")


def _packed(weights: Sequence[WeightFact]) -> dict[str, str]:
    """Where each matrix and bias of the first layer's forward direction is, in the order of torch's parameters."""
    places = {}
    for weight in filter(is_first, weights):
        for gate in weight.gates:
            start, stop = gate.rows
            rows = f"rows {start}-{stop - 1}" if stop - start > 1 else f"row {start}"
            places[gate.name] = f"{rows} of {weight.name}"
        if not weight.gates:
            places[weight.symbol] = weight.name + (f", which is {weight.shared_with}" if weight.shared_with else "")
    return places


def _meaning_of_vector(layer: Layer, cell: Cell, vector: Value, timed: bool) -> str:
    if vector.version == 0 and vector.name not in cell.states:
        return layer.meanings.get(vector.name, "")
    if vector.version == 0:
        return f"{vector.name} of the step before; before t = 0 it is {vector.name}_0"
    last = cell.last(vector.name)
    if vector == last:
        return layer.meanings.get(vector.name) or role(cell, vector.name)
    return f"{vector.name} on its way to {name(cell, last, timed=timed)}"


def _meaning_of_parameter(layer: Layer, cell: Cell, parameter: Weight, timed: bool) -> str:
    """What a matrix leads from and to, and what takes part with a vector: read off the equations it stands in."""
    equations = [equation for equation in cell.equations if parameter in _symbols(equation)]
    uses = [use for equation in equations for use in _uses(layer, cell, parameter, equation, timed)]
    return listed(list(dict.fromkeys(uses)), most=_MOST_USES)


def _uses(layer: Layer, cell: Cell, parameter: Weight, equation: Equation, timed: bool) -> Iterator[str]:
    """What a parameter does in one of the equations it stands in."""
    to = name(cell, equation.target, timed=timed)
    for product in [] if isinstance(parameter, WeightVector) else _products_of(equation, parameter):
        operand = name(cell, product.operand, timed=timed)
        if isinstance(parameter, Matrix):
            turned = "transposed " if product.transposed else ""
            yield f"{turned}from {operand} to {_short(layer, equation.target)} {to}".replace("  ", " ")
        else:
            yield f"added to {product.matrix.name} {operand}, in {to}"
            return
    match parameter:
        case Bias():
            yield f"added in {to}"
        case WeightVector():
            factor = _factor_of(equation, parameter)
            times = "" if factor is None else f"times {name(cell, factor, timed=timed)}, element by element, "
            yield f"{times}in {to}"


def _short(layer: Layer, vector: Value) -> str:
    """The name of a vector in words: what its meaning begins with."""
    words, colon, _ = layer.meanings.get(vector.name, "").partition(":")
    return words if colon else ""


def _products_of(equation: Equation, parameter: Weight) -> Iterator[Product]:
    """The products of a matrix, or of the matrix that a bias shares its suffix with."""
    for node in walk(equation.expression):
        if isinstance(node, Product) and node.matrix.name[1:] == parameter.name[1:]:
            yield node


def _factor_of(equation: Equation, parameter: Weight) -> Expr | None:
    """What a weight vector is multiplied with."""
    products = (node for node in walk(equation.expression) if isinstance(node, Binary) and node.op == "*")
    sides = (sides for node in products for sides in ((node.left, node.right), (node.right, node.left)))
    return next((other for side, other in sides if side == parameter), None)


# --- the stack, and the other direction -------------------------------------------------------------------


def _recurrence(
    spec: Spec, layer: Recurrent, cell: Cell, facts: LayerFacts, signal: Signal, shape: Shapes
) -> Recurrence:
    unrolled = unrolled_layer(layer, cell, signal, shape)
    upper = _upper(layer, cell, facts, shape) if unrolled.depth > 1 else None
    reverse = _reverse(cell, facts, shape) if unrolled.directions > 1 else None
    settings = tuple(_settings(spec, layer, signal))
    return Recurrence(cell=facts_of(layer), unrolled=unrolled, upper=upper, reverse=reverse, settings=settings)


def _upper(layer: Recurrent, cell: Cell, facts: LayerFacts, shape: Shapes) -> Upper:
    first, above = _written(cell, shape), _written(cell, shapes(cell, layer.declared(1), layer.sizes()))
    weights = [[w for w in facts.weights if (w.layer, w.direction) == (k, "forward")] for k in (0, 1)]
    return Upper(
        layers=layer.depth - 1,
        width=layer.width_out,
        below=layer.width_in,
        equations=tuple(b for a, b in zip(first, above, strict=True) if a.sizes != b.sizes),
        weights=tuple((a, b) for a, b in zip(*weights, strict=True) if a.shape != b.shape),
        own=tuple(weight.name for weight in weights[1]),
    )


def _reverse(cell: Cell, facts: LayerFacts, shape: Shapes) -> Reverse:
    both = zip(_written(cell, shape), _written(cell, shape, reverse=True), strict=True)
    states = [Value(state, 0) for state in cell.states]
    return Reverse(
        equations=tuple(backward for forward, backward in both if forward.text != backward.text),
        states=tuple((name(cell, state), name(cell, state, reverse=True)) for state in states),
        own=tuple(weight.name for weight in facts.weights if (weight.layer, weight.direction) == (0, "reverse")),
    )


# --- options ----------------------------------------------------------------------------------------------


def _settings(spec: Spec, layer: Recurrent, signal: Signal) -> Iterator[Setting]:
    for field, option in layer.options.items():
        if field not in layer.model_fields_set:
            continue
        value, default = getattr(layer, field), type(layer).model_fields[field].default
        if spec.checkpoint and value == default:
            continue  # why: a document that sets it to its default asks what it is
        other = default if value != default else option.telling(layer)
        after = None if other == value else _with(spec, layer, signal, {field: other})
        yield Setting(option=field, value=value, says=option.says, other=None if after is None else other, after=after)


def _with(spec: Spec, layer: Recurrent, signal: Signal, update: Mapping[str, object]) -> LayerFacts:
    """The plan of the layer with other options, fed with the same batch in the order of axes that it then reads."""
    # why no init block: it may name what another value takes away, and the laws change neither shapes nor costs.
    changed = layer.model_copy(update={**update, "init": None})
    if isinstance(changed, SequenceLayer):
        batch = replace(signal.batch, batch_first=changed.batch_first)
        signal = replace(signal, batch=batch, axes=batch.padded_axes if len(signal.axes) == 2 else signal.axes)
    links = (Link(changed.fit(signal, {}), signal),)
    return plan(replace(spec, inputs=(ModelInput(INPUT, signal),), links=links, outputs=(), wired=False)).layers[0]


# --- remarks ----------------------------------------------------------------------------------------------


def _remarks(layer: Layer, cell: Cell, facts: LayerFacts, entries: Sequence[LegendEntry], timed: bool) -> Iterator[str]:
    """The kind's remarks, filled in; one that names what this layer does not have, or set, is not about it."""
    known = {tensor.name: f"{tensor.name} {tensor.shape_text}" for tensor in facts.outputs}
    parameters = {weight.name: weight for weight in cell.weights}
    for entry in entries:
        if entry.packed:
            parameter = parameters[entry.symbol]
            target = next(equation.target for equation in cell.equations if parameter in _symbols(equation))
            known[entry.symbol] = f"{entry.symbol} ({entry.packed}, in {name(cell, target, timed=timed)})"
    for remark in layer.remarks:
        template = Template(remark)
        names = template.get_identifiers()
        options = {key: key.removeprefix("has_") for key in names if key.startswith("has_")}
        owners = {
            key: listed([kind for kind in TYPES if option in kind_of(kind).model_fields])
            for key, option in options.items()
            if option in layer.model_fields_set
        }
        if known.keys() | owners.keys() >= set(names):
            yield template.substitute(known | owners)
