"""Counts: parameters, bytes, and the operations of one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.facts import Counts, LayerFacts, ModelFacts
from rnninspect.tables.table import Cell, Column, Kind, Table

_COUNTS = (
    Column("parameters", "parameters", Kind.COUNT),
    Column("parameters_trainable", "trainable", Kind.COUNT),
    Column("recurrent_weights", "recurrent weights", Kind.COUNT),
    Column("parameters_one_bias", "with one bias", Kind.COUNT),
    Column("parameter_bytes", "bytes", Kind.BYTES),
    Column("macs", "forward MACs", Kind.COUNT),
    Column("elementwise_ops", "forward elementwise", Kind.COUNT),
    Column("flops", "forward FLOPs", Kind.COUNT),
    Column("backward_macs", "backward MACs", Kind.COUNT),
    Column("backward_elementwise_ops", "backward elementwise", Kind.COUNT),
    Column("backward_flops", "backward FLOPs", Kind.COUNT),
)
_LAYER = (Column("layer", "layer", repeats=True), Column("type", "type", repeats=True))
_MODEL = (
    Column("model", "model", repeats=True),
    Column("file", "file", repeats=True),
    Column("layers", "layers", Kind.COUNT),
)

_NOTES = (
    "recurrent weights: the matrices that multiply the state of the step before; with one bias: the count with "
    "one bias vector where torch has two, as most papers count, and Keras for SimpleRNN and LSTM.",
    "Operations are for the document's whole batch. MACs: multiply-accumulates of matrix products; elementwise: "
    "one per element for each +, -, * and each sigmoid, tanh, relu; FLOPs = 2 x MACs + elementwise. backward: the "
    "gradients of every trainable weight and every input.",
)


def params_tables(models: Sequence[ModelFacts]) -> list[Table]:
    """One table a model, a row for each layer; for several models a last one with a row for each model."""
    tables = [_by_layer(model) for model in models]
    if len(models) > 1:
        rows = tuple((model.name, model.source, len(model.layers), *_counts(model)) for model in models)
        tables.append(Table("models", "all", (*_MODEL, *_COUNTS), rows, summary=True))
    return [*tables[:-1], tables[-1]._replace(notes=_NOTES)]


def _by_layer(model: ModelFacts) -> Table:
    rows = tuple((layer.name, layer.type, *_counts(layer)) for layer in model.layers)
    return Table("params", model.name, (*_LAYER, *_COUNTS), rows, ("total", None, *_counts(model)))


def _counts(facts: LayerFacts | ModelFacts) -> tuple[Cell, ...]:
    counts: Counts = facts.counts
    backward = facts.backward
    return (
        counts.parameters,
        counts.trainable,
        counts.recurrent,
        counts.one_bias,
        counts.nbytes,
        facts.forward.macs,
        facts.forward.elementwise,
        facts.forward.flops,
        backward.macs if backward else None,
        backward.elementwise if backward else None,
        backward.flops if backward else None,
    )
