"""Every parameter tensor: its symbol in the equations, its shape, what its first values are drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rnninspect.errors import listed
from rnninspect.facts.models import ModelFacts
from rnninspect.facts.weights import PACKED, GateFact, Init, Observed, WeightFact
from rnninspect.results.amounts import buffers
from rnninspect.results.legend import legend, order
from rnninspect.results.table import MOST_NAMED, Cell, Column, Kind, Table, total_row

# What stands together where a table is split.
_IS, _BEGINS, _VALUES = "what it is", "how it begins", "what its first values are"
_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", repeats=True),
    Column("stacked_layer", "stacked layer", Kind.COUNT, for_scripts=True),
    Column("direction", "direction", for_scripts=True),
    Column("dtype", "dtype", for_scripts=True),
    Column("trainable", "trainable", for_scripts=True),
    Column("shared_with", "shared with", for_scripts=True),
    Column("parameter", "parameter", for_scripts=True),
    Column("seen", "parameter", for_eyes=True),
    Column("symbol", "symbol", group=_IS),
    Column("axes", "axes", Kind.SHAPE, group=_IS),
    Column("shape", "shape", Kind.SHAPE, group=_IS),
    Column("count", "count", Kind.COUNT, group=_IS),
    Column("bytes", "bytes", Kind.BYTES, for_scripts=True),
    Column("init", "init", group=_BEGINS),
    Column("bound", "bound", Kind.NUMBER, group=_BEGINS),
)
_STATS = (
    Column("minimum", "min", Kind.NUMBER, group=_VALUES),
    Column("maximum", "max", Kind.NUMBER, group=_VALUES),
    Column("mean", "mean", Kind.NUMBER, group=_VALUES),
    Column("std", "std", Kind.NUMBER, group=_VALUES),
    Column("peak_ratio", "max |w| / bound", Kind.NUMBER, group=_VALUES),
    Column("std_ratio", "std / law's std", Kind.NUMBER, group=_VALUES),
)
_NOT_IN_FILES = ("trainable", "init", "bound")
# Shown to people where there is any, which is where a document asks for orthogonal or eye.
_DEVIATION = Column("deviation", "deviation", Kind.NUMBER, group=_VALUES)


def weights_table(model: ModelFacts, *, gates: bool = False, stats: bool = False) -> Table:
    """One row for each parameter; with `gates` its gate blocks below it, with `stats` what its values are.

    There are no values on meta and in the plan, and so no columns for them.
    """
    values = [weight.observed for layer in model.layers for weight in layer.weights if weight.observed]
    stats = stats and bool(values)
    deviates = stats and any(observed.deviation is not None for observed in values)
    observed = (*_STATS, _DEVIATION._replace(for_scripts=not deviates))
    columns = (*_COLUMNS, *observed)
    rows: list[tuple[Cell, ...]] = []
    for layer in model.layers:
        for weight in layer.weights:
            about = (layer.name, layer.type, *_about(weight))
            rows.append((*about, *_weight(weight), *_observed(weight.observed)))
            rows += [(*about, *_gate(weight, gate), *_observed(gate.observed)) for gate in weight.gates if gates]
    counts = model.counts
    table = Table(
        title="weights",
        subject=model.name,
        columns=columns,
        rows=tuple(rows),
        total=total_row(columns, layer="total", count=counts.parameters, bytes=counts.nbytes),
        notes=tuple(_notes(model, deviates=deviates)),
    )
    # why: what of it trains, and what it was drawn from, no file says.
    table = table.without(_NOT_IN_FILES) if model.checkpoint else table
    return table if stats else table.without([column.key for column in observed])


def _notes(model: ModelFacts, *, deviates: bool) -> Iterator[str]:
    """What stands below the table. deviates: it has a column of deviations."""
    yield legend(weight.axes for layer in model.layers for weight in layer.weights)
    yield from order((layer.name, layer.weights) for layer in model.layers)
    yield from buffers([model])
    yield from _conventions(model)
    if not model.checkpoint and any(_of_each_gate(weight) for layer in model.layers for weight in layer.weights):
        yield (
            "each gate: the law holds for the matrix of each gate by itself, such as W_hf, not for all of them as one."
        )
    if any(weight.init.law == PACKED and weight.gates for layer in model.layers for weight in layer.weights):
        yield (
            "as one matrix: all gates together are orthogonal, as orthogonal_(weight_hh_l0) makes them, and not the "
            "matrix of each gate by itself."
        )
    if deviates:
        yield "deviation: the largest element of |W W' - I| of any matrix that is orthogonal, of |W - I| for eye."


def _conventions(model: ModelFacts) -> Iterator[str]:
    """Who packs the layers otherwise than torch does, in whose packing they are shown."""
    layers: dict[str, list[str]] = {}
    for layer in model.layers:
        if layer.from_file is not None and layer.from_file.convention != "PyTorch":
            layers.setdefault(layer.from_file.convention, []).append(layer.name)
    for convention, names in layers.items():
        of = f" of {listed(names, MOST_NAMED)}" if len(names) < len(model.layers) else ""
        yield f"packed by what they multiply, as torch does; the file packs those{of} as {convention} does."


def _about(weight: WeightFact) -> tuple[Cell, ...]:
    trainable = "true" if weight.trainable else "false"
    return (weight.layer, weight.direction, weight.dtype, trainable, weight.shared_with)


def _weight(weight: WeightFact) -> tuple[Cell, ...]:
    law = f"is {weight.shared_with}" if weight.shared_with else _laws(weight)
    return (
        weight.name,
        weight.name,
        weight.symbol,
        weight.axes,
        weight.shape,
        None if weight.shared_with else weight.count,
        None if weight.shared_with else weight.nbytes,
        law if weight.trainable else f"{law}, frozen",
        weight.init.bound,
    )


def _of_each_gate(weight: WeightFact) -> bool:
    """Whether its law is that of the matrix of each gate by itself."""
    return bool(weight.gates) and weight.init.of_matrix and not weight.shared_with


def _laws(weight: WeightFact) -> str:
    """The law of a weight, and those that single gates have of their own: `uniform, b_if constant 1`."""
    each = ", each gate" * _of_each_gate(weight)
    own = (f", {gate.name} {law_text(gate.init)}" for gate in weight.gates if gate.init is not None)
    return law_text(weight.init) + each + "".join(own)


def law_text(init: Init) -> str:
    """A law in words: `uniform`, `normal, std 1, row 0 zero`."""
    words = init.law
    if init.law == "constant":
        words = f"constant {init.value:g}"
    elif init.law == "uniform" and not init.torchs:
        words = f"uniform ±{init.bound:g}"
    elif init.law == PACKED:
        words = f"{PACKED}, as one matrix"
    elif init.law != "orthogonal" and init.std is not None:
        words = f"{init.law}, std {init.std:g}"
    return words if init.zero_row is None else f"{words}, row {init.zero_row} zero"


def _gate(weight: WeightFact, gate: GateFact) -> tuple[Cell, ...]:
    """A gate's block as a slice of the parameter, `weight_ih_l0[50:100]` is W_if; its law where they differ.

    People see the slice alone: it stands below its parameter.
    """
    axes = (weight.axes[0].removeprefix("G*"), *weight.axes[1:])
    rows = "[{}:{}]".format(*gate.rows)
    init = gate.init or weight.init
    law, bound = (law_text(init), init.bound) if weight.laws_differ else (None, None)
    names = (f"{weight.name}{rows}", f"  {rows}", gate.name)
    return (*names, axes, gate.shape, math.prod(gate.shape), None, law, bound)


def _observed(values: Observed | None) -> tuple[Cell, ...]:
    return tuple(getattr(values, column.key, None) for column in (*_STATS, _DEVIATION))
