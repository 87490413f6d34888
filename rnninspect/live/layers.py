"""A recurrent module and what was seen of it to a layer of ours: its plan, and where the module differs from that.

The plan is from the constructor's arguments and the input's sizes alone; held against it are the module's own
parameters and the tensors that went in and came out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pydantic import ValidationError

from rnninspect.agree import Difference, differences
from rnninspect.document.chain import Link
from rnninspect.errors import first_line, show
from rnninspect.facts.amounts import ITEM_BYTES, Ops
from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.facts.tensors import TensorFact
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.families import CellLayer, SequenceLayer
from rnninspect.layers.layer import Misfit
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch, Signal
from rnninspect.live.arguments import Argument, RecurrentModule, arguments_of, layer_of
from rnninspect.live.parameters import Owners, dtype_of, extra_parameters, held_weights, of_weights, remade
from rnninspect.live.records import NEVER, Seen, SeenCall, SeenTensor
from rnninspect.plan import plan_layers


class HeldLayer(NamedTuple):
    """A recurrent module held against its plan.

    link: the layer on the input of all its calls, as it is verified and timed; None where no plan could be made.
    facts: of its first call, as the plan has them where that says, and as they were seen where it does not.
    per_token: multiply-accumulates of one token. differences: none where plan and module agree. held_tensors: so many
    that came out were held against the plan.
    """

    arguments: Mapping[str, Argument]
    link: Link | None
    facts: LayerFacts
    per_token: int
    dtype: str
    differences: tuple[Difference, ...]
    held_tensors: int
    notes: tuple[str, ...]


def held(found: RecurrentModule, seen: Seen | None, owners: Owners) -> HeldLayer:
    """Plan a module, and hold it against its plan. seen: None where it was not run."""
    arguments = arguments_of(found)
    dtype = dtype_of(found.module)
    try:
        layer = layer_of(found, arguments)
    except (Misfit, ValueError) as error:
        return _without_plan(found, arguments, dtype, _why(error))
    call = (seen or NEVER).first
    signal = _signal(layer, call)
    planned_dtype = dtype if dtype in ITEM_BYTES else "float32"
    declared = layer.weights(planned_dtype)
    weights = held_weights(found, declared, owners)
    # why of the module: which train, and whose they are, no argument says.
    own = {weight.name: weight for weight in weights}
    planned_weights = tuple(
        replace(weight, trainable=own[weight.name].trainable, shared_with=own[weight.name].shared_with)
        if weight.name in own
        else weight
        for weight in declared
    )
    (planned,) = plan_layers([Link(layer, signal)], [planned_weights], planned_dtype, input_grad=False)
    planned = _as_called(planned, layer, call)
    real = _real(planned, found, call, weights)
    differing = differences(_model(planned, dtype), _model(real.compared, dtype))
    return HeldLayer(
        arguments=arguments,
        link=Link(layer, _whole(signal, layer, seen or NEVER)),
        facts=replace(planned, inputs=real.shown_inputs, outputs=real.shown_outputs),
        per_token=layer.forward_ops(signal.one_token).macs,
        dtype=dtype,
        differences=differing,
        held_tensors=real.held_tensors,
        notes=(*_notes(found, arguments, seen), *remade(found, declared), *of_weights(weights), *real.notes),
    )


def _why(error: Exception) -> str:
    """Why there is no layer of such arguments."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))} is {show(first['input'])}"
    return f"{error.field}: {error.message}" if isinstance(error, Misfit) else first_line(error)


def _without_plan(found: RecurrentModule, arguments: Mapping[str, Argument], dtype: str, why: str) -> HeldLayer:
    """A module whose attributes no longer are what its constructor takes."""
    nothing = LayerFacts(
        name=found.name,
        type=found.kind,
        inputs=(),
        outputs=(),
        weights=(),
        forward=Ops(0, 0),
        backward=None,
        kept_for_backward_bytes=None,
    )
    difference = Difference(layer=found.name, fact=f"no plan: {why}", plan=None, real=None)
    return HeldLayer(
        arguments=arguments,
        link=None,
        facts=nothing,
        per_token=0,
        dtype=dtype,
        differences=(difference,),
        held_tensors=0,
        notes=(),
    )


def _signal(layer: Recurrent, call: SeenCall | None) -> Signal:
    """What the first call read; a batch of letters where nobody knows."""
    batch_first = layer.batch_first if isinstance(layer, SequenceLayer) else False
    open_batch = Batch("N", "L", batch_first=batch_first)
    batch = _batch(layer, call, open_batch) if call is not None and call.input is not None else open_batch
    if call is not None and call.states:
        batch = replace(batch, state="random")
    lead = ("T",) if batch.lengths is not None else ("L",) if batch.size is None else batch.padded_axes
    return Signal(batch, lead, layer.width_in)


def _batch(layer: Recurrent, call: SeenCall, unknown: Batch) -> Batch:
    assert call.input is not None
    lead = call.input.shape[:-1]
    if call.lengths is not None:
        return replace(unknown, size=len(call.lengths), seq_len=max(call.lengths), lengths=call.lengths)
    if 0 in lead:
        return unknown  # why: an empty batch says nothing of what the others are like
    match isinstance(layer, CellLayer), lead:
        case True, (size,):
            return replace(unknown, size=size, seq_len=1)
        case True, ():
            return replace(unknown, size=None, seq_len=1)
        case False, (steps,):
            return replace(unknown, size=None, seq_len=steps)
        case False, (first, second):
            size, steps = (first, second) if unknown.batch_first else (second, first)
            return replace(unknown, size=size, seq_len=steps)
    return unknown


def _whole(signal: Signal, layer: Recurrent, seen: Seen) -> Signal:
    """The same over all calls of a cell, each a step, where all of them read alike."""
    if not isinstance(layer, CellLayer) or signal.batch.is_open or seen.other_inputs or not seen.calls:
        return signal
    return replace(signal, batch=replace(signal.batch, seq_len=seen.calls))


def _as_called(planned: LayerFacts, layer: Recurrent, call: SeenCall | None) -> LayerFacts:
    """The plan of one call: a cell's is one step, which has no L; and states that were not given did not go in."""
    inputs, outputs = planned.inputs, planned.outputs
    if isinstance(layer, CellLayer):
        inputs, outputs = tuple(map(_of_a_step, inputs)), tuple(map(_of_a_step, outputs[1:]))
    if call is not None and not call.states:
        inputs = inputs[:1]
    if call is not None and call.autocast:
        # why: which of them torch computes in which dtype is its own affair.
        inputs = _in_dtypes(inputs, (call.input, *call.states))
        outputs = _in_dtypes(outputs, call.outputs or ())
    return replace(planned, inputs=inputs, outputs=outputs)


def _of_a_step(tensor: TensorFact) -> TensorFact:
    kept = [k for k, axis in enumerate(tensor.axes) if axis != "L"]
    return replace(tensor, axes=tuple(tensor.axes[k] for k in kept), shape=tuple(tensor.shape[k] for k in kept))


def _in_dtypes(tensors: Sequence[TensorFact], seen: Sequence[SeenTensor | None]) -> tuple[TensorFact, ...]:
    if len(tensors) != len(seen):
        return tuple(tensors)
    pairs = zip(tensors, seen, strict=True)
    return tuple(tensor if there is None else replace(tensor, dtype=there.dtype) for tensor, there in pairs)


class _Real(NamedTuple):
    """What a module is beside its plan. shown: what passed by; compared: what of it is held against the plan."""

    compared: LayerFacts
    shown_inputs: tuple[TensorFact, ...]
    shown_outputs: tuple[TensorFact, ...]
    held_tensors: int = 0
    notes: tuple[str, ...] = ()


def _real(planned: LayerFacts, found: RecurrentModule, call: SeenCall | None, weights: tuple[WeightFact, ...]) -> _Real:
    """The same facts of the module itself, and what is to be said of them."""
    matrices = sum(weight.count for weight in weights if len(weight.shape) == 2)
    extra = extra_parameters(found, planned.weights)
    tokens = 1 if planned.per_token or call is None or call.input is None else math.prod(call.input.shape[:-1])
    macs = matrices * tokens
    real = replace(planned, weights=(*weights, *extra), forward=replace(planned.forward, macs=macs))
    if call is None:
        return _Real(real, planned.inputs, planned.outputs)
    inputs = _facts((call.input, *call.states), planned.inputs)
    outputs = _facts(call.outputs or (), planned.outputs)
    if found.own_forward:
        # why held against nothing: it may put out what it likes.
        note = f"{found.class_name} has a forward of its own, so only its weights are held against the plan"
        return _Real(real, inputs, outputs, notes=(note,))
    if call.input is None or planned.per_token:
        return _Real(real, inputs or planned.inputs, outputs or planned.outputs)
    return _Real(replace(real, inputs=inputs, outputs=outputs), inputs, outputs, held_tensors=len(outputs))


def _facts(seen: Sequence[SeenTensor | None], declared: Sequence[TensorFact]) -> tuple[TensorFact, ...]:
    """Tensors that were seen, under the names and axes of the plan as far as it has any."""
    there = [tensor for tensor in seen if tensor is not None]
    known: list[TensorFact | None] = [*declared, *[None] * len(there)]
    return tuple(_fact(k, tensor, fact) for k, (tensor, fact) in enumerate(zip(there, known, strict=False)))


def _fact(number: int, seen: SeenTensor, declared: TensorFact | None) -> TensorFact:
    if declared is not None and len(declared.shape) == len(seen.shape):
        return replace(declared, shape=seen.shape, dtype=seen.dtype)
    # An axis that has no letter stands as its size.
    name = f"tensor {number}" if declared is None else declared.name
    return TensorFact(name=name, axes=tuple(map(str, seen.shape)), shape=seen.shape, dtype=seen.dtype)


def _model(layer: LayerFacts, dtype: str) -> ModelFacts:
    return ModelFacts(name=layer.name, source="", dtype=dtype, layers=(layer,))


def _notes(found: RecurrentModule, arguments: Mapping[str, Argument], seen: Seen | None) -> Iterator[str]:
    if len(found.names) > 1:
        others = ", ".join(name or "the model itself" for name in found.names[1:])
        yield f"is {others} too: one module, counted once"
    if found.kind in ("RNN", "LSTM", "GRU") and "dropout" not in arguments:
        yield "its attribute dropout is no number, and is taken as 0"
    if seen is None or seen.first is None:
        return
    if seen.first.input is None:
        yield "its first argument is no tensor and no PackedSequence, so its input is not known"
    elif 0 in seen.first.input.shape:
        yield f"read an empty batch, {seen.first.input.shape}"
    if seen.other_inputs:
        shapes = ", ".join(map(str, seen.other_inputs))
        more = " and others" if seen.more_inputs else ""
        yield f"shapes are those of the first of {seen.calls:,} calls; later ones read {shapes}{more} too"
    if seen.first.autocast:
        yield "ran under autocast, which chose the dtypes of what went in and came out"
