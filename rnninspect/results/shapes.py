"""What goes into every layer and what comes out: axes in letters beside sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from rnninspect.errors import listed
from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.letters import tuple_text
from rnninspect.results.legend import legend, order
from rnninspect.results.shape_rows import Row
from rnninspect.results.table import MOST_NAMED, Cell, Column, Kind, Table

_MOST_LENGTHS = 12
_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", repeats=True),
    Column("way", "way", for_scripts=True),
    Column("tensor", "tensor"),
    Column("goes", "way", for_eyes=True),
    Column("axes", "axes", Kind.SHAPE),
    Column("shape", "shape", Kind.SHAPE),
    Column("dtype", "dtype", for_scripts=True),
    Column("unpacked_shape", "unpacked", Kind.SHAPE, for_scripts=True),
)


def shapes_table(model: ModelFacts) -> Table:
    """One row for each input, state and output of each layer; people see what a layer hands on once."""
    if model.outputs:
        from rnninspect.results.shapes_wires import wired_notes, wired_rows  # why here: few models have wires

        rows, others = list(wired_rows(model)), tuple(wired_notes(model))
    else:
        rows = list(_rows(model.layers, chain=not model.apart))
        others = tuple(_not_in_file(model)) if model.checkpoint else () if model.apart else tuple(_handed_on(model))
    shown = [row for row in rows if row.shown]
    letters = legend(axes for row in shown for axes in (row.tensor.axes, row.tensor.unpacked_axes or ()))
    whose = order((layer.name, (*layer.inputs, *layer.outputs)) for layer in model.layers)
    return Table(
        title="shapes",
        subject=model.name,
        columns=_COLUMNS,
        rows=tuple(map(_cells, rows)),
        notes=(letters, *whose, *_other_dtypes(model, shown), *_unpacked(model), *_lengths(model), *others),
        shown=tuple(k for k, row in enumerate(rows) if row.shown),
    )


def _rows(layers: Sequence[LayerFacts], *, chain: bool) -> Iterator[Row]:
    """chain: each layer reads what the one before puts out, as those of a document do."""
    for before, layer, after in zip((None, *layers), layers, (*layers[1:], None), strict=False):
        given, *states = layer.inputs
        shown = not chain or before is None or not _reads_whole(before, layer)
        yield Row(layer, given, way="in", goes="in", shown=shown)
        yield from (Row(layer, state, way="in", goes="in") for state in states)
        output, *states = layer.outputs
        reader = after.name if chain and after is not None and _reads_whole(layer, after) else None
        yield Row(layer, output, way="out", goes="out" if reader is None else f"→ {reader}")
        yield from (Row(layer, state, way="out", goes="out") for state in states)


def _reads_whole(layer: LayerFacts, following: LayerFacts) -> bool:
    """Whether what the next layer reads is this one's output, and not its last state alone (`feeds: last`)."""
    return layer.handed_on is None and following.inputs[0].shape == layer.outputs[0].shape


def _cells(row: Row) -> tuple[Cell, ...]:
    layer, tensor = row.layer, row.tensor
    about = (layer.name, layer.type, row.way, tensor.name, row.goes)
    return (*about, tensor.axes, tensor.shape, tensor.dtype, tensor.unpacked_shape)


def _other_dtypes(model: ModelFacts, rows: Iterable[Row]) -> Iterator[str]:
    """What is not of the model's own dtype, which the page's last line says."""
    others = [
        f"{row.layer.name}'s {row.tensor.name} {row.tensor.dtype}" for row in rows if row.tensor.dtype != model.dtype
    ]
    if others:
        yield f"dtype: {', '.join(others)}; all else {model.dtype}"


def _unpacked(model: ModelFacts) -> Iterator[str]:
    """What a packed batch is once it is unpacked, which is no size that seq_len says."""
    given = [tensor for layer in model.layers for tensor in (*layer.inputs, *layer.outputs)]
    packed = [tensor for tensor in given if tensor.unpacked_axes is not None]
    if packed:
        shapes = dict.fromkeys(f"{tensor.shape_text} is {tensor.unpacked_shape}" for tensor in packed)
        lead = (packed[0].unpacked_axes or ())[:2]
        yield (
            f"unpacked again by pad_packed_sequence{'(batch_first=True)' * (lead == ('N', 'L'))}, T is "
            f"{' and '.join(lead)}: {', '.join(shapes)}; L = max(lengths), whatever seq_len is, and the sequences are "
            "in the document's order (enforce_sorted=False)"
        )


def _lengths(model: ModelFacts) -> Iterator[str]:
    """What becomes of the lengths of a packed batch."""
    for layer in model.layers:
        lengths = layer.outputs[0].lengths or ()
        more = f", and {len(lengths) - _MOST_LENGTHS:,} more" * (len(lengths) > _MOST_LENGTHS)
        if lengths:
            yield f"lengths after {layer.name}: {', '.join(map(str, lengths[:_MOST_LENGTHS]))}{more}"


def _not_in_file(model: ModelFacts) -> Iterator[str]:
    """What of the axes a file does not say, and which layers go through them the other way."""
    for layer in model.layers:
        given = layer.from_file
        if given is not None and given.reverse:
            yield f"{layer.name} reads the sequence from its end"
        if given is not None and given.merge is None:
            yield f"merge_mode of {layer.name} is not in the file: its output is that of concat"
        elif given is not None and given.merge:
            yield f"merge_mode of {layer.name} is {given.merge}: its output stands here as it is before that"
    either = [
        layer
        for layer in model.layers
        if layer.from_file and "batch_first" in layer.from_file.unknown and layer.inputs[0].axes[:2] == ("L", "N")
    ]
    if either:
        inputs = {tuple_text((n, length, *rest)) for length, n, *rest in (layer.inputs[0].shape for layer in either)}
        names = listed([layer.name for layer in either], MOST_NAMED)
        which = f" of {names}" * (len(either) < len(model.layers))
        read = f"the input is {inputs.pop()}" if len(inputs) == 1 else "N stands before L in input and output"
        yield f"batch_first{which} is not in the file: with batch_first=True {read}"


def _handed_on(model: ModelFacts) -> Iterator[str]:
    """Where a layer is not fed with the output above it, and what leaves the last one where that is not its output."""
    for layer, following in pairwise((*model.layers, None)):
        if layer is not None and layer.handed_on is not None:
            words, tensor = layer.handed_on
            to = f"feeds {following.name} its" if following is not None else "hands on its"
            yield f"{layer.name} {to} {words}, {tensor.shape_text}"
        elif layer is not None and following is not None and not _reads_whole(layer, following):
            yield f"{layer.name} feeds {following.name} its last state only, {following.inputs[0].shape_text}"
