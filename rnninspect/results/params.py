"""Counts: parameters, the operations of one forward and one backward pass, and the memory of a training step."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.facts import LayerFacts, ModelFacts
from rnninspect.results.model import counts_of
from rnninspect.results.table import Cell, Column, Kind, Table

_COUNTS = (
    Column("parameters", "parameters", Kind.COUNT),
    Column("parameters_trainable", "trainable", Kind.COUNT),
    Column("recurrent_weights", "recurrent weights", Kind.COUNT),
    Column("parameters_one_bias", "with one bias", Kind.COUNT),
    Column("parameters_keras", "in Keras", Kind.COUNT),
    Column("parameter_bytes", "bytes", Kind.BYTES),
    Column("macs", "forward MACs", Kind.COUNT),
    Column("elementwise_ops", "forward elementwise", Kind.COUNT),
    Column("flops", "forward FLOPs", Kind.COUNT),
    Column("backward_macs", "backward MACs", Kind.COUNT),
    Column("backward_elementwise_ops", "backward elementwise", Kind.COUNT),
    Column("backward_flops", "backward FLOPs", Kind.COUNT),
)
_MEMORY = (
    Column("output_bytes", "outputs", Kind.BYTES),
    Column("kept_for_backward_bytes", "kept for backward", Kind.BYTES),
    Column("gradient_bytes", "gradients", Kind.BYTES),
    Column("adam_bytes", "Adam's moments", Kind.BYTES),
    Column("training_bytes", "a training step", Kind.BYTES),
)
_LAYER = (Column("layer", "layer", repeats=True), Column("type", "type", repeats=True))
_MODEL = (
    Column("model", "model", repeats=True),
    Column("file", "file", repeats=True),
    Column("layers", "layers", Kind.COUNT),
)

_NOTES = (
    "recurrent weights: the matrices that multiply what depends on the state of the step before; with one bias: the "
    "count with one bias vector where torch has two, as most papers count; in Keras: GRU has two there, SimpleRNN and "
    "LSTM one, and nothing stands where Keras has no such layer.",
    "Operations are for the document's whole batch. MACs: multiply-accumulates of matrix products; elementwise: "
    "one per element for each +, -, * and each sigmoid, tanh, relu; FLOPs = 2 x MACs + elementwise. backward: what "
    "autograd runs for a loss after the last layer: gradients of what trains, and of what lies between it and the loss "
    "(--input-grad: of the input, h_0 and c_0 too).",
)
_BY_EQUATIONS = (
    "kept for backward: what the forward pass of a training step keeps for the backward pass, by the equations alone, "
    "which is the least; a device's kernels may keep more (without --plan that is added where it is known)."
)
_BY_KERNELS = (
    "kept for backward: an estimate, not measured: what the equations need of a training step's forward pass, and on a "
    "CPU what torch's kernels are known to keep besides."
)
_TRAINING = (
    "What a layer reads is counted once, where it is first kept. outputs: final states too. a training step: "
    "parameters, gradients, Adam's two moments, what is kept for backward; without the loss and what the optimizer "
    "works with."
)


def params_tables(models: Sequence[ModelFacts]) -> list[Table]:
    """A table of counts and one of memory for each model, a row for each layer; for several models both over all."""
    tables = [table for model in models for table in _by_layer(model)]
    if len(models) > 1:
        about = [(model.name, model.source, len(model.layers)) for model in models]
        for title, columns in (("models", _COUNTS), ("memory of models", _MEMORY)):
            rows = tuple((*one, *_cells(model, columns)) for one, model in zip(about, models, strict=True))
            tables.append(Table(title=title, subject="all", columns=(*_MODEL, *columns), rows=rows, summary=True))
    proven = any(model.measured is not None for model in models)
    *others, counts, held = tables
    notes = (_BY_KERNELS if proven else _BY_EQUATIONS, _TRAINING)
    return [*others, counts._replace(notes=_NOTES), held._replace(notes=notes)]


def _by_layer(model: ModelFacts) -> tuple[Table, Table]:
    """The counts, in which scripts find memory too, and memory as people see it."""
    hidden = tuple(column._replace(for_scripts=True) for column in _MEMORY)
    return (
        _with_total(Table(title="params", subject=model.name, columns=(*_COUNTS, *hidden), rows=()), model),
        _with_total(Table(title="memory", subject=model.name, columns=_MEMORY, rows=(), summary=True), model),
    )


def _with_total(table: Table, model: ModelFacts) -> Table:
    """The table filled: a row for each layer, and the model's own last."""
    return table._replace(
        columns=(*_LAYER, *table.columns),
        rows=tuple((layer.name, layer.type, *_cells(layer, table.columns)) for layer in model.layers),
        total=("total", None, *_cells(model, table.columns)),
    )


def _cells(facts: LayerFacts | ModelFacts, columns: Sequence[Column]) -> tuple[Cell, ...]:
    counts = counts_of(facts)
    return tuple(counts[column.key] for column in columns)
