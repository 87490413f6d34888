"""What is printed of a live model: a row for each recurrent layer, the rest in a line, what differs; and its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.errors import counted
from rnninspect.facts.models import Measured, ModelFacts
from rnninspect.letters import tuple_text
from rnninspect.live.records import LayerRecord, ModelRecord
from rnninspect.results.caption import caption, each_once
from rnninspect.results.differences import differences_table
from rnninspect.results.head import picked
from rnninspect.results.model import Report, document
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


def live_document(result: ModelRecord) -> dict[str, object]:
    """A live model as one object: what the commands have of a model, and under `live` what was seen of it."""
    differing = [item for layer in result.layers for item in layer.differences]
    model = model_facts(result)
    differences = [(model, differing)] if differing else []
    report = Report(models=[model], ledger="plan" if differing else "agreed", seed=0, differences=differences)
    return {
        **document(report),
        "seed": None,
        "live": {
            **picked(result, "ran", "agrees", "parameters", "other_parameters", "other_modules"),
            "lazy_parameters": result.lazy,
            "not_read": list(result.not_read),
            "notes": list(result.notes),
            "layers": [_layer(layer) for layer in result.layers],
        },
    }


def model_facts(result: ModelRecord) -> ModelFacts:
    """The recurrent layers as a model's."""
    from torch import __version__ as version

    devices = {layer.device for layer in result.layers}
    dtypes = [layer.dtype for layer in result.layers]
    run = Measured(device=", ".join(sorted(devices)), torch=version, seed=0, finite=None, peak_bytes=None)
    return ModelFacts(
        name=result.name,
        source="",
        dtype=dtypes[0] if dtypes else "float32",
        layers=tuple(layer.facts for layer in result.layers),
        measured=run if result.layers else None,
    )


def _layer(layer: LayerRecord) -> dict[str, object]:
    run = ("calls", "calls_with_states", "lengths", "other_inputs", "parameters", "macs", "macs_per_token", "agrees")
    named = {**picked(layer, "name", "names", "type"), "class": layer.class_name, "arguments": layer.arguments}
    return {**named, **picked(layer, *run, "device", "dtype", "notes")}
