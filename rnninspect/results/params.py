"""Counts: parameters, the operations of one forward and one backward pass, and the memory of a training step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.results.model import counts_of
from rnninspect.results.table import SEVERAL, Cell, Column, Kind, Table

# What there is to count: each is a table for people, by its title. Scripts find the columns of all in the first table.
_PARTS = {
    "params": (
        Column("parameters", "parameters", Kind.COUNT, group="torch"),
        Column("parameters_trainable", "trainable", Kind.COUNT, group="torch"),
        Column("recurrent_weights", "recurrent weights", Kind.COUNT, group="counted otherwise"),
        Column("parameters_one_bias", "with one bias", Kind.COUNT, group="counted otherwise"),
        Column("parameters_keras", "in Keras", Kind.COUNT, group="counted otherwise"),
        Column("parameter_bytes", "bytes", Kind.BYTES),
    ),
    "forward": (
        Column("macs", "MACs", Kind.COUNT),
        Column("elementwise_ops", "elementwise", Kind.COUNT),
        Column("flops", "FLOPs", Kind.COUNT),
    ),
    "backward": (
        Column("backward_macs", "MACs", Kind.COUNT),
        Column("backward_elementwise_ops", "elementwise", Kind.COUNT),
        Column("backward_flops", "FLOPs", Kind.COUNT),
    ),
    "memory": (
        Column("output_bytes", "outputs", Kind.BYTES),
        Column("kept_for_backward_bytes", "kept for backward", Kind.BYTES),
        Column("gradient_bytes", "gradients", Kind.BYTES),
        Column("adam_bytes", "Adam's moments", Kind.BYTES),
        Column("training_bytes", "a training step", Kind.BYTES),
    ),
}
# Beside "forward", where nobody says how large the batch is; then there is nothing of what it takes.
_PER_TOKEN = (
    Column("macs_per_token", "MACs/token", Kind.COUNT),
    Column("elementwise_ops_per_token", "elementwise/token", Kind.COUNT),
    Column("flops_per_token", "FLOPs/token", Kind.COUNT),
)
SIZES = ("params",)
OPERATIONS = ("forward", "backward")
ALL = tuple(_PARTS)
_OF_BATCH = frozenset(
    [column.key for part in OPERATIONS for column in _PARTS[part]]
    + ["output_bytes", "kept_for_backward_bytes", "training_bytes"]
)

_LAYER = (Column("layer", "layer", repeats=True), Column("type", "type", repeats=True))
_MODEL = (
    Column("model", "model", repeats=True),
    Column("file", "file", repeats=True),
    Column("layers", "layers", Kind.COUNT),
)

_ALL_TRAIN = "All are trainable. "
_RECURRENT = "recurrent weights: those that multiply what depends on the state of the step before"
_ONE_BIAS = "; with one bias: as most papers count, torch has two"
_KERAS = "; in Keras: two in GRU, one in LSTM and SimpleRNN"
_STATISTICS = ", and the running statistics of a norm"
_NOT_IN_KERAS = ", nothing where Keras has no such layer"
_WHOLE_BATCH, _ONE_TOKEN = (
    "For the whole batch.",
    "MACs/token: a file has no batch; --set input.seq_len=20 --set input.batch_size=32 gives one.",
)
_OPERATIONS = (
    "MACs: multiply-accumulates of matrix products; elementwise: one per element for each sign "
    "and function, more for norms and softmax; FLOPs = 2 x MACs + elementwise."
)
_BACKWARD = (
    "backward: what autograd runs for a loss after the last layer: gradients of what trains, and of what lies between "
    "it and the loss (--input-grad: of the input, h_0 and c_0 too)."
)
_BY_EQUATIONS = (
    "kept for backward: what the forward pass of a training step keeps for the backward pass, by the equations alone, "
    "which is the least; a device's kernels may keep more (without --plan that is added where it is known)."
)
_BY_KERNELS = (
    "kept for backward: an estimate, not measured: what the equations need of a training step's forward pass, and on a "
    "CPU what torch's kernels are known to keep besides."
)
_AS_IF_TRAINED = "gradients, Adam's moments: as if all of it trained, which a file does not say."
_TRAINING = (
    "What a layer reads is counted once, where it is first kept. outputs: final states too. a training step: "
    "parameters, {buffers}gradients, Adam's two moments, what is kept for backward; without the loss and what the "
    "optimizer works with."
)


def params_tables(models: Sequence[ModelFacts], *, proven: bool, parts: Sequence[str] = ALL) -> list[Table]:
    """A table of each part for each model, a row for each layer; for several models each over all of them too.

    proven: the memory is what torch's kernels keep, and not what the equations need. Scripts get every part.
    """
    silent = _silent(models)
    tables = [
        (part, _by_layer(model, part, silent | _silent_of(model), summary=part != parts[0]))
        for model in models
        for part in parts
        if part == parts[0] or _shown_columns(part, silent | _silent_of(model))
    ]
    if len(models) > 1:
        tables += [(part, _by_model(models, part, silent)) for part in parts if _shown_columns(part, silent)]
    last = {part: number for number, (part, _) in enumerate(tables)}
    return [
        table._replace(notes=tuple(_notes(part, models, silent, proven))) if last[part] == number else table
        for number, (part, table) in enumerate(tables)
    ]


def _silent(models: Sequence[ModelFacts]) -> frozenset[str]:
    """The columns that would tell people nothing."""
    layers = [layer for model in models for layer in model.layers]
    counts = [layer.counts for layer in layers]
    recurrent = [layer for layer in layers if any(weight.recurrent for weight in layer.weights)]
    silent = {
        # why: as a rule all train, which a sentence says in less room than a column.
        "parameters_trainable": all(count.trainable == count.parameters for count in counts),
        "parameters_one_bias": all(count.one_bias == count.parameters for count in counts),
        "parameters_keras": bool(recurrent) and all(layer.counts.keras is None for layer in recurrent),
    }
    of_none = frozenset.intersection(*map(_silent_of, models))
    return of_none.union(key for key, says_nothing in silent.items() if says_nothing)


def _silent_of(model: ModelFacts) -> frozenset[str]:
    """The columns of which this model has nothing: those of a batch, or those of a token."""
    return _OF_BATCH if model.per_token else frozenset(column.key for column in _PER_TOKEN)


def _by_layer(model: ModelFacts, part: str, silent: frozenset[str], *, summary: bool) -> Table:
    """People see one part, scripts find all of them in the table that is no `summary`."""
    shown = _shown_columns(part, silent)
    known = (*chain(*_PARTS.values()), *(_PER_TOKEN if model.per_token else ()))
    counts = tuple(column._replace(for_scripts=column not in shown) for column in known)
    return Table(
        title=part,
        subject=model.name,
        columns=(*_LAYER, *counts),
        rows=tuple((layer.name, layer.type, *_cells(layer, counts)) for layer in model.layers),
        total=("total", None, *_cells(model, counts)),
        summary=summary,
    )


def _by_model(models: Sequence[ModelFacts], part: str, silent: frozenset[str]) -> Table:
    counts = _shown_columns(part, silent)
    alike = len({model.name for model in models}) < len(models)
    name, file, layers = _MODEL
    return Table(
        title=f"{part} of models",
        subject=SEVERAL,
        columns=(name, file._replace(for_scripts=not alike), layers, *counts),
        rows=tuple((model.name, model.source, len(model.layers), *_cells(model, counts)) for model in models),
        summary=True,
    )


def _shown_columns(part: str, silent: frozenset[str]) -> tuple[Column, ...]:
    columns = _PARTS[part] + (_PER_TOKEN if part == OPERATIONS[0] else ())
    return tuple(column for column in columns if column.key not in silent)


def _cells(facts: LayerFacts | ModelFacts, columns: Sequence[Column]) -> tuple[Cell, ...]:
    counts = counts_of(facts)
    return tuple(counts.get(column.key) for column in columns)


def _notes(part: str, models: Sequence[ModelFacts], silent: frozenset[str], proven: bool) -> Iterator[str]:
    match part:
        case "params":
            blank = any(model.counts.keras is None for model in models)
            of_file = any(model.checkpoint for model in models)
            all_train = _ALL_TRAIN * ("parameters_trainable" in silent and not of_file)
            one_bias = _ONE_BIAS * ("parameters_one_bias" not in silent)
            keras = (_KERAS + _STATISTICS * _have_buffers(models) + _NOT_IN_KERAS * blank) * (
                "parameters_keras" not in silent
            )
            yield f"{all_train}{_RECURRENT}{one_bias}{keras}."
            if _have_buffers(models):
                from rnninspect.results.amounts import buffers  # why here, and below: few models have any

                yield from buffers(models)
            if any(model.outputs for model in models):
                from rnninspect.results.wires import shared

                yield from shared(models)
        case "forward":
            open = [model.per_token for model in models]
            yield " ".join([*[_WHOLE_BATCH] * (not all(open)), *[_ONE_TOKEN] * any(open), _OPERATIONS])
        case "backward":
            yield _BACKWARD
        case "memory" if silent >= _OF_BATCH:
            yield _AS_IF_TRAINED
        case "memory":
            yield _BY_KERNELS if proven else _BY_EQUATIONS
            yield _TRAINING.format(buffers="buffers, " * _have_buffers(models))


def _have_buffers(models: Sequence[ModelFacts]) -> bool:
    return any(layer.buffers for model in models for layer in model.layers)
