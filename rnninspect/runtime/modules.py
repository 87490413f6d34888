"""Torch modules of a document, built on a device, and run layer by layer on a random batch or a given one."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from rnninspect.document.chain import Link, Spec
from rnninspect.facts.models import ModelFacts
from rnninspect.facts.tensors import TensorFact
from rnninspect.layers.defined import DefinedLayer
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.families import CellLayer, SequenceLayer
from rnninspect.layers.layer import InitLayer, Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.pointwise import EquationLayer, PointwiseLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch, ModelInput, Signal
from rnninspect.layers.weights import first_of
from rnninspect.layers.window import WindowLayer
from rnninspect.plan import bytes_needed, plan
from rnninspect.runtime import initial
from rnninspect.runtime.ahead import EquationRNN
from rnninspect.runtime.device import DTYPES, device_of, enough_memory, find_device, seeded, threads_for
from rnninspect.runtime.feeding import handed_on
from rnninspect.runtime.recurrence import Flow, States, data_of, run_cell, with_data
from rnninspect.runtime.torch_errors import BUILD_ERRORS, quiet, refusals
from rnninspect.runtime.windows import run_window
from rnninspect.runtime.wiring import Flows

# why: torch's meta kernels loop over L in Python, 6 ms a step; shapes are linear in L, so two steps show them.
META_STEPS = 2


# A torch module, or whatever else is called as one.
Module = Callable[..., Any]


class Feed(NamedTuple):
    """What a model is run on: its inputs by name, and the initial states of every layer in order.

    A layer that another hands its states to has none of its own.
    """

    inputs: Mapping[str, Flow]
    states: tuple[States, ...]

    @property
    def input(self) -> Flow:
        """The input of a model that has one."""
        (flow,) = self.inputs.values()
        return flow


@dataclass(frozen=True)
class LayerOutput:
    """What one layer put out: its output, its final states, and what the next layer is fed with."""

    output: Flow
    states: States
    handed_on: Flow


class BuiltModel(nn.Module):
    """The layers of a document as torch modules on a device; `layers` holds them in order.

    Called with an input of the shape the plan says, (L, N, H_in), token indices (L, N), or a PackedSequence, it
    returns what the last layer hands on; with several inputs in the document's order; of several outputs a tuple.
    States start at zero, but for those that a cell's text has start otherwise, or that another layer hands over.
    """

    def __init__(self, spec: Spec, device: torch.device) -> None:
        super().__init__()
        self.links = spec.links
        self.input_names = tuple(each.name for each in spec.inputs)
        self.returns = spec.returns
        self.layers = nn.ModuleList()
        names: dict[str, nn.Module] = {}
        for link in spec.links:
            if link.wires.same_as:
                names[link.layer.name] = names[link.wires.same_as]
                self.layers.append(names[link.layer.name])
                continue
            with refusals(spec, "build", device, layer=link.layer.name, errors=BUILD_ERRORS):
                module = _module(link.layer, device, DTYPES[spec.dtype]).requires_grad_(link.layer.trainable)
                freeze_fixed(link.layer, module)
                if isinstance(link.layer, Linear) and link.layer.tied_to is not None:
                    module.weight = names[link.layer.tied_to].weight
            names[link.layer.name] = module
            self.layers.append(module)
        # why only now: what other layers draw is the same with an `init` block as without, and so can be compared.
        for link, module in zip(spec.links, self.layers, strict=True):
            if isinstance(link.layer, InitLayer) and link.layer.has_laws and not link.wires.same_as:
                with refusals(spec, "draw the first values of", device, layer=link.layer.name, errors=BUILD_ERRORS):
                    initial.draw(module, link.layer.weights(spec.dtype))
        self.eval()

    def forward(self, *inputs: Flow) -> Flow | tuple[Flow, ...]:
        """Run every layer in order. Raises TypeError for another number of inputs than the document has."""
        if len(inputs) != len(self.input_names):
            raise TypeError(
                f"expected {len(self.input_names)} inputs, {', '.join(self.input_names)}; got {len(inputs)}"
            )
        flows = Flows(self.links, dict(zip(self.input_names, inputs, strict=True)), self.returns)
        for link, module in zip(self.links, self.layers, strict=True):
            fed, states = flows.given(link, ())
            if isinstance(link.layer, Recurrent) and not link.wires.state_from:
                states = first_states(link.layer, fed, link.signal.axes)
            ran = run(link.layer, link, module, fed, states)
            flows.put(link, fed, ran.handed_on, ran.states)
        return flows.returned if len(self.returns) > 1 else flows.returned[0]


def build(spec: Spec, device: str | None = None, seed: int = 0) -> BuiltModel:
    """Build the modules of a document with the first values that `seed` gives; torch's own generator is left as is.

    device: None is the document's, or the best there is. Raises NoSuchDevice, NotEnoughMemory (before anything
    is allocated) or TorchRefused.
    """
    target = find_device(device) if device else device_of(spec)
    with ready(spec, plan(spec), target, seed) as model:
        return model


@contextmanager
def ready(
    spec: Spec, planned: ModelFacts, device: torch.device, seed: int, *, more: int = 0, hint: str = ""
) -> Iterator[BuiltModel]:
    """A built model, and while it is worked with: the generators that `seed` set, threads to fit, torch's refusals.

    more: bytes that the caller will need on `device` besides one forward pass. hint: see `enough_memory`.
    Raises NotEnoughMemory (before anything is allocated) or TorchRefused.
    """
    with refusals(spec, "be used", device):
        needed = bytes_needed(spec, planned) + more
        if device.type == "cpu":
            # why: while it runs an LSTM, oneDNN holds a second copy of its weights.
            needed += max((layer.counts.nbytes for layer in planned.layers if layer.type == "LSTM"), default=0)
        enough_memory(spec, planned, needed, device, hint)
        with seeded(device, seed), threads_for(planned.forward.macs, device), quiet():
            yield BuiltModel(spec, device)


def reachable(spec: Spec, device: torch.device) -> Spec:
    """What can be run on `device` in reasonable time: on meta, at most META_STEPS time steps."""
    return spec.cut(META_STEPS) if device.type == "meta" else spec


def make_feed(spec: Spec, device: torch.device, values: array[float] | array[int] | None = None) -> Feed:
    """The document's batch: its inputs, random where no `values` are given, and the states every layer starts from.

    values: of the only input, of the shape that its `axes` say, in C order; a packed batch is given padded.
    """
    dtype = DTYPES[spec.dtype]
    with refusals(spec, "make the input", device, errors=BUILD_ERRORS):
        inputs = {each.name: _input(spec, each, device, values) for each in spec.inputs}
        states = tuple(
            tuple(
                _state(link.layer, fact, link.signal.batch, device, dtype)
                for fact in link.layer.inputs(link.signal, spec.dtype)[1:]
                if not link.wires.state_from
            )
            for link in spec.links
        )
    return Feed(inputs, states)


def _input(spec: Spec, given: ModelInput, device: torch.device, values: array[float] | array[int] | None) -> Flow:
    dtype, batch = DTYPES[spec.dtype], given.signal.batch
    x = _random_input(spec, given, device, dtype) if values is None else _given_input(given, device, dtype, values)
    if "T" not in given.signal.axes:
        return x
    return pack_padded_sequence(x, torch.tensor(batch.lengths, device="cpu"), enforce_sorted=False)


def first_states(layer: Recurrent, flow: Flow, axes: tuple[str, ...]) -> States:
    """Zeros, or what its cell says, for the states that `layer` is given with the batch in `flow`.

    axes: the leading axes of the flow.
    """
    data = data_of(flow)
    size: int | None = None
    if isinstance(flow, PackedSequence):
        size = int(flow.batch_sizes[0])
    elif "N" in axes:
        size = flow.shape[axes.index("N")]
    batch = Batch(size, 1)
    _, *facts = layer.inputs(Signal(batch, axes, layer.width_in), "float32")
    return tuple(_state(layer, fact, batch, data.device, data.dtype) for fact in facts)


@singledispatch
def run(layer: Layer, link: Link, module: Module, flow: Flow, states: States) -> LayerOutput:
    """Run one layer's module; one function for each family of layers, as torch calls them differently."""
    raise NotImplementedError(type(layer))


@run.register
def _(layer: SequenceLayer, link: Link, module: Module, flow: Flow, states: States) -> LayerOutput:
    output, after = module(flow, states[0] if len(states) == 1 else states)
    after = after if isinstance(after, tuple) else (after,)
    return LayerOutput(output, after, handed_on(layer, link.signal.axes, output, after))


@run.register
def _(layer: CellLayer, link: Link, module: Module, flow: Flow, states: States) -> LayerOutput:
    return run_steps(link, partial(run_cell, module), flow, states)


def run_steps(
    link: Link, steps: Callable[[Flow, States], tuple[Flow, States]], flow: Flow, states: States
) -> LayerOutput:
    """Run a cell over its input; `steps` takes it with L first, or packed, and gives every output and the last states.

    Each state is (N, H), or (H,) unbatched.
    """
    layer = link.layer
    batch_first = link.signal.axes == ("N", "L")
    x = flow.transpose(0, 1) if batch_first and isinstance(flow, Tensor) else flow
    output, after = steps(x, states)
    output = output.transpose(0, 1) if batch_first and isinstance(output, Tensor) else output
    assert isinstance(layer, Recurrent)
    return LayerOutput(output, after, handed_on(layer, link.signal.axes, output, after))


@run.register
def _(layer: PointwiseLayer, link: Link, module: Module, flow: Flow, states: States) -> LayerOutput:
    data = data_of(flow)
    computed = module(data.reshape(-1, data.shape[-1])).reshape(data.shape) if layer.takes_rows else module(data)
    output = with_data(flow, computed)
    return LayerOutput(output, (), output)


@run.register
def _(layer: WindowLayer, link: Link, module: Module, flow: Flow, states: States) -> LayerOutput:
    output = run_window(layer, module, flow, link.signal.axes)
    return LayerOutput(output, (), output)


def in_torch(layer: Layer) -> bool:
    """Whether torch.nn has a class of this kind."""
    # why the second: a document may call a cell as it likes.
    return hasattr(nn, layer.type) and not isinstance(layer, DefinedLayer)


def freeze_fixed(layer: Layer, module: nn.Module) -> None:
    """Let the weights be that a cell does not train, whatever the layer does."""
    if isinstance(layer, DefinedLayer) and layer.definition.fixed:
        for weight in layer.weights("float32"):
            if not weight.trainable:
                module.get_parameter(weight.name).requires_grad_(False)


def _module(layer: Layer, device: torch.device, dtype: torch.dtype) -> nn.Module:
    if isinstance(layer, Recurrent) and not in_torch(layer):
        equations = EquationRNN(layer, device=device, dtype=dtype)
        equations.dropout = getattr(layer, "dropout", 0.0)
        return equations
    holds = layer.weights("float32") or layer.buffers("float32") or isinstance(layer, Recurrent)
    placed = {"device": device, "dtype": dtype} if holds else {}
    with warnings.catch_warnings():
        # why: the document's reader has said it already, with the line it stands on.
        warnings.filterwarnings("ignore", message="dropout option adds dropout after all but last")
        module: nn.Module = getattr(nn, layer.type)(**layer.arguments(), **placed)
    if isinstance(layer, EquationLayer) and hasattr(module, "inplace"):
        # why: what goes in is looked at afterwards, and other layers may need it for their gradients.
        setattr(module, "inplace", False)  # noqa: B010 (for mypy it is a tensor)
    return module


def _random_input(spec: Spec, given: ModelInput, device: torch.device, dtype: torch.dtype) -> Tensor:
    readers = (link.layer for link in spec.links if given.name in link.wires.reads)
    tables = [layer.num_embeddings for layer in readers if isinstance(layer, Embedding)]
    if given.signal.width is None and tables:
        return torch.randint(min(tables), given.shape, device=device)
    return torch.randn(given.shape, device=device, dtype=dtype)


def _given_input(
    given: ModelInput, device: torch.device, dtype: torch.dtype, values: array[float] | array[int]
) -> Tensor:
    whole = values.typecode == "q"
    read = torch.frombuffer(values, dtype=torch.int64 if whole else torch.float64)
    return read.reshape(given.shape).to(device, torch.int64 if whole else dtype, copy=True)


def _state(layer: Layer, fact: TensorFact, batch: Batch, device: torch.device, dtype: torch.dtype) -> Tensor:
    firsts = layer.first_values if isinstance(layer, Recurrent) else {}
    first = next((value for state, value in firsts.items() if first_of(state) == fact.name), None)
    if first is not None:
        return torch.full(fact.known_shape, first, device=device, dtype=dtype)
    # why zeros are passed and not left out: torch checks the shape of a state that it is given.
    fill = torch.randn if batch.state == "random" else torch.zeros
    return fill(fact.known_shape, device=device, dtype=dtype)
