"""The whole model at a glance: a row for each layer, and what all of it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.facts.models import LayerFacts, Measured, ModelFacts
from rnninspect.results.amounts import short_bytes
from rnninspect.results.caption import each_once
from rnninspect.results.subjects import subjects
from rnninspect.results.table import Cell, Column, Kind, Table
from rnninspect.shares import percent

_COLUMNS = (
    Column("layer", "layer"),
    Column("type", "type"),
    Column("output", "output", Kind.SHAPE),
    Column("parameters", "parameters", Kind.COUNT),
    Column("share_percent", "%", Kind.SHARE),
)
# Of models with a batch, and of those of which nobody says how large it is.
_MACS = {False: Column("macs", "MACs", Kind.SHORT), True: Column("macs_per_token", "MACs/token", Kind.SHORT)}
_RUN_COLUMNS = (
    Column("device", "device"),
    Column("finite", "outputs finite"),
    Column("peak_bytes", "peak memory, bytes", Kind.BYTES),
)


def summary_table(models: Sequence[ModelFacts]) -> Table:
    """One table of all layers of all models, so that an encoder and a decoder in two documents add up."""
    parameters = sum(model.parameters for model in models)
    of = [per_token for per_token in _MACS if any(model.per_token is per_token for model in models)]
    macs = [sum(model.forward.macs for model in models if model.per_token is per_token) for per_token in of]
    names = subjects(models)
    layers = [(name, layer) for name, model in zip(names, models, strict=True) for layer in model.layers]
    rows: list[tuple[Cell, ...]] = [(name, *_row(layer, parameters, of)) for name, layer in layers]
    total: tuple[Cell, ...] = ("total", None, None, None, parameters, _share(parameters, parameters), *macs)
    columns = [Column("model", "model", repeats=True), *_COLUMNS, *(_MACS[per_token] for per_token in of)]
    if len(models) == 1:
        columns, rows, total = columns[1:], [row[1:] for row in rows], ("total", *total[2:])
    return Table(
        title="",
        subject=" + ".join(names),
        columns=tuple(columns),
        rows=tuple(rows),
        total=total,
        foot=" · ".join(_sizes(models)),
        notes=tuple(_about_wires(models, names)) if any(model.outputs for model in models) else (),
    )


def _about_wires(models: Sequence[ModelFacts], names: Sequence[str]) -> Iterator[str]:
    """What goes in and comes out where that is several, and which layers have the weights of others."""
    from rnninspect.results.wires import ends, shared  # why here: few models have wires

    for name, model in zip(names, models, strict=True):
        yield from (f"{name} {text}" if len(models) > 1 else text for text in ends(model))
    yield from shared(models)


def _row(layer: LayerFacts, parameters: int, of: Sequence[bool]) -> tuple[Cell, ...]:
    own = layer.counts.parameters
    macs = (layer.forward.macs if layer.per_token is per_token else None for per_token in of)
    return (layer.name, layer.type, layer.outputs[0].shape, own, _share(own, parameters), *macs)


def _share(part: int, whole: int) -> float | None:
    return percent(part / whole) if whole else None


def _sizes(models: Sequence[ModelFacts]) -> Iterator[str]:
    """Bytes of the parameters, how many of them train, and what a training step holds."""
    counts = [model.counts for model in models]
    parameters, trainable = sum(one.parameters for one in counts), sum(one.trainable for one in counts)
    train = {parameters: "all trainable", 0: "none trainable"}.get(trainable, f"{trainable:,} trainable")
    dtypes = each_once(model.dtype for model in models)
    if parameters:
        # why: what of it trains, no file says.
        says = "" if any(model.checkpoint for model in models) else f", {train}"
        yield f"{short_bytes(sum(one.nbytes for one in counts))} of {dtypes}{says}"
    else:
        yield f"no parameters, {dtypes}"
    training = [model.training_bytes for model in models]
    if None not in training:
        yield f"training a batch takes {short_bytes(sum(filter(None, training)))}"


def run_table(model: ModelFacts, run: Measured) -> Table:
    """One row: where the model was run, and what only that shows."""
    finite = "not on meta" if run.finite is None else "yes" if run.finite else "no"
    note = (
        "peak memory: on CUDA what torch's allocator held at most; on the CPU by how much the process grew, "
        "which differs a little from run to run."
    )
    rows: tuple[tuple[Cell, ...], ...] = ((run.device, finite, run.peak_bytes),)
    return Table(
        title="run",
        subject=model.name,
        columns=_RUN_COLUMNS,
        rows=rows,
        notes=() if run.peak_bytes is None else (note,),
    )
