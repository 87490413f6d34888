"""Counts: parameters, the operations of one forward and one backward pass, and the memory of a training step."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.facts import LayerFacts, ModelFacts, memory
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
        for title, columns, cells in (("models", _COUNTS, _counts), ("memory of models", _MEMORY, _memory)):
            rows = tuple((*one, *cells(model)) for one, model in zip(about, models, strict=True))
            tables.append(Table(title=title, subject="all", columns=(*_MODEL, *columns), rows=rows, summary=True))
    proven = any(model.measured is not None for model in models)
    *others, counts, held = tables
    notes = (_BY_KERNELS if proven else _BY_EQUATIONS, _TRAINING)
    return [*others, counts._replace(notes=_NOTES), held._replace(notes=notes)]


def _by_layer(model: ModelFacts) -> tuple[Table, Table]:
    """The counts, in which scripts find memory too, and memory as people see it."""
    hidden = tuple(column._replace(for_scripts=True) for column in _MEMORY)
    rows = tuple((layer.name, layer.type, *_counts(layer), *_memory(layer)) for layer in model.layers)
    total: tuple[Cell, ...] = ("total", None, *_counts(model), *_memory(model))
    counts = Table(title="params", subject=model.name, columns=(*_LAYER, *_COUNTS, *hidden), rows=rows, total=total)
    seen = tuple((layer.name, layer.type, *_memory(layer)) for layer in model.layers)
    whole: tuple[Cell, ...] = ("total", None, *_memory(model))
    return counts, Table(
        title="memory", subject=model.name, columns=(*_LAYER, *_MEMORY), rows=seen, total=whole, summary=True
    )


def _counts(facts: LayerFacts | ModelFacts) -> tuple[Cell, ...]:
    counts, forward, backward = facts.counts, facts.forward, facts.backward
    return (
        counts.parameters,
        counts.trainable,
        counts.recurrent,
        counts.one_bias,
        counts.keras,
        counts.nbytes,
        forward.macs,
        forward.elementwise,
        forward.flops,
        backward.macs if backward else None,
        backward.elementwise if backward else None,
        backward.flops if backward else None,
    )


def _memory(facts: LayerFacts | ModelFacts) -> tuple[Cell, ...]:
    held = memory(facts)
    return tuple(held[column.key] for column in _MEMORY)
