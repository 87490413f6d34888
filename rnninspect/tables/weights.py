"""Every parameter tensor: its symbol in the equations, its shape, what its first values are drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rnninspect.facts import Init, ModelFacts, WeightFact
from rnninspect.tables.legend import legend
from rnninspect.tables.table import Cell, Column, Kind, Table

_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", repeats=True),
    Column("stacked", "stacked", Kind.COUNT, for_scripts=True),
    Column("direction", "direction", for_scripts=True),
    Column("dtype", "dtype", for_scripts=True),
    Column("trainable", "trainable", for_scripts=True),
    Column("shared_with", "shared with", for_scripts=True),
    Column("parameter", "parameter"),
    Column("symbol", "symbol"),
    Column("axes", "axes", Kind.SHAPE),
    Column("shape", "shape", Kind.SHAPE),
    Column("count", "count", Kind.COUNT),
    Column("bytes", "bytes", Kind.BYTES),
    Column("init", "init"),
    Column("bound", "bound", Kind.NUMBER),
)
_STATS = (
    Column("minimum", "min", Kind.NUMBER),
    Column("maximum", "max", Kind.NUMBER),
    Column("mean", "mean", Kind.NUMBER),
    Column("std", "std", Kind.NUMBER),
    Column("peak_ratio", "max |w| / bound", Kind.NUMBER),
    Column("std_ratio", "std / law's std", Kind.NUMBER),
)


def weights_table(model: ModelFacts, *, gates: bool = False, stats: bool = False) -> Table:
    """One row for each parameter; with `gates` its gate blocks below it, with `stats` what its values are.

    There are no values on meta and in the plan, and so no columns for them.
    """
    stats = stats and any(weight.observed for layer in model.layers for weight in layer.weights)
    columns = _COLUMNS + (_STATS if stats else ())
    rows: list[tuple[Cell, ...]] = []
    for layer in model.layers:
        for weight in layer.weights:
            about = (layer.name, layer.type, *_about(weight))
            rows.append((*about, *_weight(weight), *(_observed(weight) if stats else ())))
            if gates:
                blank = (None,) * (len(_STATS) if stats else 0)
                rows += [(*about, *gate, *blank) for gate in _gates(weight)]
    counts = model.counts
    total = dict.fromkeys((column.key for column in columns), None) | {
        "layer": "total",
        "count": counts.parameters,
        "bytes": counts.nbytes,
    }
    notes = (legend(weight.axes for layer in model.layers for weight in layer.weights),)
    return Table("weights", model.name, columns, tuple(rows), tuple(total.values()), notes)


def _about(weight: WeightFact) -> tuple[Cell, ...]:
    trainable = "true" if weight.trainable else "false"
    return (weight.layer, weight.direction, weight.dtype, trainable, weight.shared_with)


def _weight(weight: WeightFact) -> tuple[Cell, ...]:
    law = f"is {weight.shared_with}" if weight.shared_with else _law(weight.init)
    return (
        weight.name,
        weight.symbol,
        weight.axes,
        weight.shape,
        None if weight.shared_with else weight.count,
        None if weight.shared_with else weight.nbytes,
        law if weight.trainable else f"{law}, frozen",
        weight.init.bound,
    )


def _law(init: Init) -> str:
    words = init.law if init.std is None else f"{init.law}, std {init.std:g}"
    return words if init.zero_row is None else f"{words}, row {init.zero_row} zero"


def _gates(weight: WeightFact) -> Iterator[tuple[Cell, ...]]:
    """Gate blocks as slices of the parameter: `weight_ih_l0[50:100]` is W_if."""
    for gate in weight.gates:
        axes = (weight.axes[0].removeprefix("G*"), *weight.axes[1:])
        start, stop = gate.rows
        yield (f"{weight.name}[{start}:{stop}]", gate.name, axes, gate.shape, math.prod(gate.shape), None, None, None)


def _observed(weight: WeightFact) -> tuple[Cell, ...]:
    seen = weight.observed
    if seen is None:
        return (None,) * len(_STATS)
    return (seen.minimum, seen.maximum, seen.mean, seen.std, seen.peak_ratio, seen.std_ratio)
