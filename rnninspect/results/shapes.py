"""What goes into every layer and what comes out: axes in letters beside sizes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rnninspect.facts import LayerFacts, ModelFacts
from rnninspect.results.legend import legend, order
from rnninspect.results.table import Cell, Column, Kind, Table

_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", repeats=True),
    Column("way", "way", repeats=True),
    Column("tensor", "tensor"),
    Column("axes", "axes", Kind.SHAPE),
    Column("shape", "shape", Kind.SHAPE),
    Column("dtype", "dtype"),
    Column("unpacked_shape", "unpacked", Kind.SHAPE, for_scripts=True),
)


def shapes_table(model: ModelFacts) -> Table:
    """One row for each input, state and output of each layer."""
    rows = tuple(row for layer in model.layers for row in _rows(layer))
    tensors = [(layer.name, (*layer.inputs, *layer.outputs)) for layer in model.layers]
    letters = legend(
        axes for _, group in tensors for tensor in group for axes in (tensor.axes, tensor.unpacked_axes or ())
    )
    return Table(
        title="shapes",
        subject=model.name,
        columns=_COLUMNS,
        rows=rows,
        notes=(letters, *order(tensors), *_unpacked(model), *_handed_on(model)),
    )


def _unpacked(model: ModelFacts) -> Iterator[str]:
    """What a packed batch is once it is unpacked, which is no size that seq_len says."""
    given = [tensor for layer in model.layers for tensor in (*layer.inputs, *layer.outputs)]
    packed = [tensor for tensor in given if tensor.unpacked_axes is not None]
    if packed:
        shapes = dict.fromkeys(f"{tensor.shape} is {tensor.unpacked_shape}" for tensor in packed)
        lead = (packed[0].unpacked_axes or ())[:2]
        yield (
            f"unpacked again by pad_packed_sequence{'(batch_first=True)' * (lead == ('N', 'L'))}, T is "
            f"{' and '.join(lead)}: {', '.join(shapes)}; L = max(lengths), whatever seq_len is, and the sequences are "
            "in the document's order (enforce_sorted=False)"
        )


def _handed_on(model: ModelFacts) -> Iterator[str]:
    """Where a layer is not fed with the output above it, but with the last state (`feeds: last`)."""
    for layer, following in pairwise(model.layers):
        handed = following.inputs[0]
        if handed.shape != layer.outputs[0].shape:
            yield f"{layer.name} feeds {following.name} its last state only, {handed.shape}"


def _rows(layer: LayerFacts) -> Iterator[tuple[Cell, ...]]:
    for way, tensors in (("in", layer.inputs), ("out", layer.outputs)):
        for tensor in tensors:
            yield (
                layer.name,
                layer.type,
                way,
                tensor.name,
                tensor.axes,
                tensor.shape,
                tensor.dtype,
                tensor.unpacked_shape,
            )
