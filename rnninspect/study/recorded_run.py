"""Layers run by their equations in float64, every state kept with its graph, so that gradients can be taken of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from rnninspect.document.chain import Link
from rnninspect.errors import CannotHere, printable
from rnninspect.layers.linear import Linear
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.modules import BuiltModel, Feed
from rnninspect.runtime.recurrence import Flow, Moment, data_of, with_data
from rnninspect.runtime.wiring import Flows
from rnninspect.study.reference import exact, exact_tensor, reference, run_layer


class RecordedLayer(NamedTuple):
    """What one recurrent layer was fed with, and what it handed on from step to step.

    axes: of x, without the features.
    levels: by (stacked layer, direction), then by t, each state and the output, (H, B).
    """

    layer: Recurrent
    axes: tuple[str, ...]
    x: Flow
    levels: dict[tuple[int, int], dict[int, Mapping[str, Tensor]]]


def twins_of(links: Sequence[Link], model: BuiltModel) -> dict[str, nn.Module]:
    """By name, the references of the model's first layers; what the document trains has a gradient."""
    twins: dict[str, nn.Module] = {}
    # why not strict: `links` ends with the layer whose output is read.
    for link, module in zip(links, model.layers, strict=False):
        layer = link.layer
        if link.wires.same_as:
            twins[layer.name] = twins[link.wires.same_as]
            continue
        twin = reference(layer, module)
        for weight in layer.weights("float32"):
            twin.get_parameter(weight.name).requires_grad_(weight.trainable)
        if isinstance(twin, nn.Embedding):
            twin.sparse = False  # its gradient is the same, and has a norm
        if isinstance(layer, Linear) and layer.tied_to is not None:
            twin.register_parameter("weight", twins[layer.tied_to].get_parameter("weight"))
        twins[layer.name] = twin
    return twins


def run_links(links: Sequence[Link], twins: Mapping[str, nn.Module], feed: Feed) -> list[RecordedLayer]:
    """Run those of the layers by their equations that have a twin, and keep every state of the recurrent ones."""
    # why not strict: the feed has states for the layers after them too.
    chosen = [pair for pair in zip(links, feed.states, strict=False) if pair[0].layer.name in twins]
    inputs = {name: _wanting(exact(flow)) for name, flow in feed.inputs.items()}
    flows = Flows([link for link, _ in chosen], inputs, ())
    runs = []
    for link, own_states in chosen:
        # why: a state may be what another one was before, or start as what only trains elsewhere.
        own = tuple(exact_tensor(state).requires_grad_() for state in own_states)
        flow, given = flows.given(link, own)
        # why a tensor of its own: others may read the same, and the gradient is to be what goes through this layer.
        flow = _wanting(with_data(flow, data_of(flow).view_as(data_of(flow))))
        watch = None
        if isinstance(link.layer, Recurrent):
            runs.append(RecordedLayer(layer=link.layer, axes=link.signal.axes, x=flow, levels={}))
            watch = partial(_record, runs[-1])
        ran = run_layer(link, twins[link.layer.name], flow, given, watch)
        # why here: what reads it beside others has another tensor, and the gradient goes on to this one.
        flows.put(link, flow, _wanting(ran.handed_on), ran.states)
    return runs


def _wanting(flow: Flow) -> Flow:
    """The flow with a gradient, unless it is token indices."""
    data = data_of(flow)
    return with_data(flow, data.requires_grad_()) if data.is_floating_point() and not data.requires_grad else flow


def _record(run: RecordedLayer, moment: Moment) -> None:
    cell = run.layer.cell
    handed_on = {name: moment.vectors[name] for name in (*cell.states, cell.output)}
    for vector in handed_on.values():
        # why: where a packed batch loses a sequence its gradient is laid out anew, which from there on makes every
        # product four times slower.
        vector.register_hook(Tensor.contiguous)  # type: ignore[no-untyped-call]
    run.levels.setdefault((moment.stacked, moment.direction), {})[moment.t] = handed_on


def check_finite(runs: Sequence[RecordedLayer], source: str) -> None:
    """Raise CannotHere where a state is beyond float64: what comes after it has no gradient, or a wrong one."""
    for run in runs:
        for steps in run.levels.values():
            for t, states in steps.items():
                if not all(bool(state.isfinite().all()) for state in states.values()):
                    raise CannotHere(
                        f"{printable(source)}: layer {run.layer.name!r}: its states are beyond float64 at t = {t}, so "
                        "there are no gradients to follow (try a smaller input.seq_len)"
                    )
