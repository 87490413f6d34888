"""What goes into every layer and what comes out: axes in letters beside sizes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rnninspect.facts import LayerFacts, ModelFacts
from rnninspect.tables.legend import legend, order
from rnninspect.tables.table import Cell, Column, Kind, Table

_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", repeats=True),
    Column("way", "way", repeats=True),
    Column("tensor", "tensor"),
    Column("axes", "axes", Kind.SHAPE),
    Column("shape", "shape", Kind.SHAPE),
    Column("dtype", "dtype"),
)


def shapes_table(model: ModelFacts) -> Table:
    """One row for each input, state and output of each layer."""
    rows = tuple(row for layer in model.layers for row in _rows(layer))
    tensors = [(layer.name, (*layer.inputs, *layer.outputs)) for layer in model.layers]
    letters = legend(tensor.axes for _, group in tensors for tensor in group)
    return Table("shapes", model.name, _COLUMNS, rows, notes=(letters, *order(tensors), *_handed_on(model)))


def _handed_on(model: ModelFacts) -> Iterator[str]:
    """Where a layer is not fed with the output above it, but with the last state (`feeds: last`)."""
    for layer, following in pairwise(model.layers):
        handed = following.inputs[0]
        if handed.shape != layer.outputs[0].shape:
            yield f"{layer.name} feeds {following.name} its last state only, {handed.shape}"


def _rows(layer: LayerFacts) -> Iterator[tuple[Cell, ...]]:
    for way, tensors in (("in", layer.inputs), ("out", layer.outputs)):
        for tensor in tensors:
            yield (layer.name, layer.type, way, tensor.name, tensor.axes, tensor.shape, tensor.dtype)
