"""What is printed of a live model: a row for each recurrent layer, the rest in a line, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.errors import counted
from rnninspect.letters import tuple_text
from rnninspect.live.document import model_facts
from rnninspect.live.records import LayerRecord, ModelRecord
from rnninspect.results.caption import caption, each_once
from rnninspect.results.differences import differences_table
from rnninspect.results.table import Cell, Column, Kind, Table

_COLUMNS = (
    Column("layer", "layer"),
    Column("type", "type", for_scripts=True),
    Column("module", "module"),
    Column("input", "input", Kind.SHAPE),
    Column("states", "states"),
    Column("output", "output", Kind.SHAPE),
    Column("calls", "calls", Kind.COUNT),
    Column("parameters", "parameters", Kind.COUNT),
    Column("macs", "MACs", Kind.SHORT),
    Column("macs_per_token", "MACs/token", Kind.SHORT),
)


def tables(result: ModelRecord) -> list[Table]:
    """The page: the layers, and a table of what differs where anything does."""
    differing = [item for layer in result.layers for item in layer.differences]
    return [layers_table(result), *([differences_table(model_facts(result), differing)] if differing else [])]


def layers_table(result: ModelRecord) -> Table:
    """A row for each recurrent layer in the model's order."""
    ran = any(layer.calls for layer in result.layers)
    hidden = {"macs_per_token"} if ran else {"macs", "calls", "states"}
    total: tuple[Cell, ...] | None = None
    if len(result.layers) > 1:
        known = [layer.macs for layer in result.layers if layer.calls]
        macs = None if None in known or not ran else sum(filter(None, known))
        total = ("total", None, None, None, None, None, None, result.parameters, macs, None)
    if not result.layers:
        nothing = "no recurrent layer"
        return Table(title=nothing, subject=result.name, columns=(), rows=(), notes=(_others(result), *_notes(result)))
    return Table(
        title=counted(len(result.layers), "recurrent layer"),
        subject=result.name,
        columns=tuple(column._replace(for_scripts=column.for_scripts or column.key in hidden) for column in _COLUMNS),
        rows=tuple(map(_row, result.layers)),
        total=total,
        foot=_others(result),
        notes=tuple(_notes(result)),
    )


def last_line(result: ModelRecord) -> str:
    """Whether plan and modules agree, and what they were held against."""
    from torch import __version__ as version

    weights = sum(len(layer.facts.weights) for layer in result.layers)
    came = sum(layer.held_tensors for layer in result.layers)
    if not result.layers:
        verdict = "no layer of torch.nn.RNN, LSTM, GRU or their cells"
    elif result.agrees:
        held = counted(weights, "weight") + (f", {counted(came, 'tensor')} that came out" if came else "")
        verdict = f"plan and modules agree: {held}"
    else:
        verdict = "plan and modules differ"
    return caption(
        verdict,
        f"torch {version}",
        each_once(layer.device for layer in result.layers),
        each_once(layer.dtype for layer in result.layers),
    )


def _row(layer: LayerRecord) -> tuple[Cell, ...]:
    return (
        layer.name,
        layer.type,
        layer.module_text,
        layer.inputs[0].shape if layer.inputs else None,
        _states(layer),
        layer.outputs[0].shape if layer.outputs else None,
        layer.calls,
        layer.parameters,
        layer.macs,
        layer.macs_per_token,
    )


def _states(layer: LayerRecord) -> str | None:
    """Where the first states are from."""
    if not layer.calls:
        return None if layer.calls is None else "never ran"
    given = layer.calls_with_states
    if given in (0, layer.calls):
        # why apart: what such a forward begins with is its own affair.
        return "given" if given else "not given" if layer.own_forward else "zeros"
    return f"given {given:,} of {layer.calls:,}"


def _others(result: ModelRecord) -> str:
    if not (result.other_modules or result.other_parameters or result.lazy):
        return "no other layers"
    lazy = f", {counted(result.lazy, 'lazy parameter')} without a size yet" if result.lazy else ""
    modules, parameters = counted(result.other_modules, "module"), f"{result.other_parameters:,} parameters"
    return f"other layers: {modules}, {parameters}, counted by torch{lazy}"


def _notes(result: ModelRecord) -> Iterator[str]:
    for layer in result.layers:
        if layer.lengths is not None:
            yield f"{layer.name}: packed, {tuple_text((len(layer.lengths),))[1:-2]} sequences of {_span(layer.lengths)}"
        yield from (f"{layer.name}: {note}" for note in layer.notes)
    yield from (f"not read: {sentence}" for sentence in result.not_read)
    yield from result.notes


def _span(lengths: Sequence[int]) -> str:
    least, most = min(lengths), max(lengths)
    return counted(most, "step") if least == most else f"{least:,} to {most:,} steps"
