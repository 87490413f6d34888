"""The real ledger: build the modules on a device, run a random batch through them, and read the facts back."""

from __future__ import annotations

import math
import warnings
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, singledispatch
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from rnninspect.document.chain import Link, Spec
from rnninspect.facts import (
    Init,
    LayerFacts,
    Measured,
    ModelFacts,
    Observed,
    Ops,
    TensorFact,
    WeightFact,
)
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.layer import Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.pointwise import PointwiseLayer
from rnninspect.layers.recurrent import CellLayer, Recurrent, SequenceLayer
from rnninspect.layers.signal import Batch, Signal
from rnninspect.plan import bytes_needed, plan
from rnninspect.runtime import initial
from rnninspect.runtime.device import (
    BUILD_ERRORS,
    DTYPES,
    device_of,
    enough_memory,
    find_device,
    quiet,
    refusals,
    seeded,
    threads_for,
    watch_peak,
)
from rnninspect.runtime.recurrence import EquationRNN, Flow, States, cell_step, run_cell

# why: torch's meta kernels loop over L in Python, 6 ms a step; shapes are linear in L, so two steps show them.
META_STEPS = 2
# How many values of a weight are looked at together.
_PIECE = 2**20
_TRY_META = "use --device meta for real shapes without memory, or --plan"


# A torch module, or whatever else is called as one.
Module = Callable[..., Any]


class Feed(NamedTuple):
    """What a model is run on: its input, and the initial states of every layer in order."""

    input: Flow
    states: tuple[States, ...]


@dataclass(frozen=True)
class Ran:
    """What one layer put out: its output, its final states, and what the next layer is fed with."""

    output: Flow
    states: States
    handed_on: Flow


class BuiltModel(nn.Module):
    """The layers of a document as torch modules on a device; `layers` holds them in order.

    Called with an input of the shape the plan says, (L, N, H_in), token indices (L, N), or a PackedSequence, it
    returns what the last layer hands on. States start at zero.
    """

    def __init__(self, spec: Spec, device: torch.device) -> None:
        super().__init__()
        self.links = spec.links
        self.layers = nn.ModuleList()
        names: dict[str, nn.Module] = {}
        for link in spec.links:
            with refusals(spec, "build", device, layer=link.layer.name, errors=BUILD_ERRORS):
                module = _module(link.layer, device, DTYPES[spec.dtype]).requires_grad_(link.layer.trainable)
                if isinstance(link.layer, Linear) and link.layer.tied_to is not None:
                    module.weight = names[link.layer.tied_to].weight
            names[link.layer.name] = module
            self.layers.append(module)
        # why only now: what other layers draw is the same with an `init` block as without, and so can be compared.
        for link, module in zip(spec.links, self.layers, strict=True):
            if isinstance(link.layer, Recurrent) and link.layer.init:
                with refusals(spec, "draw the first values of", device, layer=link.layer.name, errors=BUILD_ERRORS):
                    initial.draw(module, link.layer.weights(spec.dtype))
        self.eval()

    def forward(self, input: Flow) -> Flow:
        """Run every layer in order."""
        for link, module in zip(self.links, self.layers, strict=True):
            states = zero_states(link.layer, input, link.signal.axes) if isinstance(link.layer, Recurrent) else ()
            input = run(link.layer, link, module, input, states).handed_on
        return input


def build(spec: Spec, device: str | None = None, seed: int = 0) -> BuiltModel:
    """Build the modules of a document with the first values that `seed` gives; torch's own generator is left as is.

    device: None is the document's, or the best there is. Raises NoSuchDevice, NotEnoughMemory (before anything
    is allocated) or TorchRefused.
    """
    target = find_device(device) if device else device_of(spec)
    with ready(spec, plan(spec), target, seed) as model:
        return model


def measure(spec: Spec, device: torch.device, seed: int = 0) -> ModelFacts:
    """Build, run a random batch and read every fact back; `reachable` says what can be run on `device`.

    Raises NotEnoughMemory (before anything is allocated) or TorchRefused.
    """
    planned = plan(spec)
    peak = watch_peak(device)
    with ready(spec, planned, device, seed) as model:
        # why before running: an Embedding with max_norm rescales its rows when they are looked up.
        weights = _weights(model, planned)
        layers, finite = _run_all(model, spec, device, weights)
        measured = Measured(str(device), torch.__version__, seed, finite, peak())
    return ModelFacts(spec.name, spec.source, spec.dtype, layers, measured)


@contextmanager
def ready(spec: Spec, planned: ModelFacts, device: torch.device, seed: int, *, more: int = 0) -> Iterator[BuiltModel]:
    """A built model, and while it is worked with: the generators that `seed` set, threads to fit, torch's refusals.

    more: bytes that the caller will need on `device` besides one forward pass.
    Raises NotEnoughMemory (before anything is allocated) or TorchRefused.
    """
    with refusals(spec, "be used", device):
        needed = bytes_needed(spec, planned) + more
        if device.type == "cpu":
            # why: while it runs an LSTM, oneDNN holds a second copy of its weights.
            needed += max((layer.counts.nbytes for layer in planned.layers if layer.type == "LSTM"), default=0)
        enough_memory(spec, needed, device, _TRY_META)
        with seeded(device, seed), threads_for(planned.macs, device), quiet():
            yield BuiltModel(spec, device)


def reachable(spec: Spec, device: torch.device) -> Spec:
    """What can be run on `device` in reasonable time: on meta, at most META_STEPS time steps."""
    return spec.cut(META_STEPS) if device.type == "meta" else spec


def make_feed(spec: Spec, device: torch.device, values: array[float] | array[int] | None = None) -> Feed:
    """The document's batch: its input, random where no `values` are given, and the states every layer starts from.

    values: of the shape `spec.input_axes` says, in C order; a packed batch is given padded.
    """
    dtype = DTYPES[spec.dtype]
    with refusals(spec, "make the input", device, errors=BUILD_ERRORS):
        x = _random_input(spec, device, dtype) if values is None else _given_input(spec, device, dtype, values)
        lengths = None if spec.batch.lengths is None else torch.tensor(spec.batch.lengths, device="cpu")
        flow = x if lengths is None else pack_padded_sequence(x, lengths, enforce_sorted=False)
        states = tuple(
            tuple(_state(fact, spec.batch, device, dtype) for fact in link.layer.inputs(link.signal, spec.dtype)[1:])
            for link in spec.links
        )
    return Feed(flow, states)


def zero_states(layer: Recurrent, flow: Flow, axes: tuple[str, ...]) -> States:
    """Zeros of the shape of the states of `layer` for the batch in `flow`, whose leading axes are `axes`."""
    data = data_of(flow)
    size: int | None = None
    if isinstance(flow, PackedSequence):
        size = int(flow.batch_sizes[0])
    elif "N" in axes:
        size = flow.shape[axes.index("N")]
    facts = layer.states("0", Signal(Batch(size, 1), axes, layer.width_in), "float32")
    return tuple(torch.zeros(fact.shape, device=data.device, dtype=data.dtype) for fact in facts)


@singledispatch
def run(layer: Layer, link: Link, module: Module, flow: Flow, states: States) -> Ran:
    """Run one layer's module; one function for each family of layers, as torch calls them differently."""
    raise NotImplementedError(type(layer))


@run.register
def _(layer: SequenceLayer, link: Link, module: Module, flow: Flow, states: States) -> Ran:
    output, after = module(flow, states if len(states) > 1 else states[0])
    after = after if isinstance(after, tuple) else (after,)
    # why: with feeds: last, the two directions of the top layer stand side by side, (N, D*H_out).
    last = torch.cat(tuple(after[0][-layer.directions :]), dim=-1)
    return Ran(output, after, last if layer.feeds == "last" else output)


@run.register
def _(layer: CellLayer, link: Link, module: Module, flow: Flow, states: States) -> Ran:
    return run_steps(link, partial(run_cell, cell_step(module)), flow, states)


def run_steps(link: Link, steps: Callable[[Flow, States], tuple[Flow, States]], flow: Flow, states: States) -> Ran:
    """Run a cell over its input; `steps` takes it with L first, or packed, and gives every output and the last states.

    Each state is (N, H), or (H,) unbatched.
    """
    layer = link.layer
    batch_first = link.signal.axes == ("N", "L")
    x = flow.transpose(0, 1) if batch_first and isinstance(flow, Tensor) else flow
    output, after = steps(x, states)
    output = output.transpose(0, 1) if batch_first and isinstance(output, Tensor) else output
    return Ran(output, after, after[0] if isinstance(layer, Recurrent) and layer.feeds == "last" else output)


@run.register
def _(layer: PointwiseLayer, link: Link, module: Module, flow: Flow, states: States) -> Ran:
    output = with_data(flow, module(data_of(flow)))
    return Ran(output, (), output)


def _module(layer: Layer, device: torch.device, dtype: torch.dtype) -> nn.Module:
    if isinstance(layer, Recurrent) and not hasattr(nn, layer.type):
        return EquationRNN(layer, device=device, dtype=dtype)
    placed = {"device": device, "dtype": dtype} if layer.weights("float32") or isinstance(layer, Recurrent) else {}
    with warnings.catch_warnings():
        # why: the document's reader has said it already, with the line it stands on.
        warnings.filterwarnings("ignore", message="dropout option adds dropout after all but last")
        module: nn.Module = getattr(nn, layer.type)(**layer.arguments(), **placed)
    return module


def _run_all(
    model: BuiltModel, spec: Spec, device: torch.device, weights: Sequence[tuple[WeightFact, ...]]
) -> tuple[tuple[LayerFacts, ...], bool | None]:
    facts = []
    finite = True
    with torch.inference_mode():
        flow, given = make_feed(spec, device)
        for link, module, states, own in zip(spec.links, model.layers, given, weights, strict=True):
            layer, signal = link.layer, link.signal
            declared_in, declared_out = layer.inputs(signal, spec.dtype), layer.outputs(signal, spec.dtype)
            with refusals(spec, "run", device, layer=layer.name):
                ran = run(layer, link, module, flow, states)
            facts.append(
                LayerFacts(
                    name=layer.name,
                    type=layer.type,
                    inputs=_tensors(declared_in, (flow, *states)),
                    outputs=_tensors(declared_out, (ran.output, *ran.states)),
                    weights=own,
                    forward=Ops(_macs(layer, module, ran.output), None),
                    backward=None,
                    kept_for_backward_bytes=None,
                )
            )
            finite = finite and device.type != "meta" and bool(torch.isfinite(data_of(ran.output)).all())
            flow = ran.handed_on
    return tuple(facts), None if device.type == "meta" else finite


def _random_input(spec: Spec, device: torch.device, dtype: torch.dtype) -> Tensor:
    first = spec.links[0].layer
    if isinstance(first, Embedding):
        return torch.randint(first.num_embeddings, spec.input_shape, device=device)
    return torch.randn(spec.input_shape, device=device, dtype=dtype)


def _given_input(spec: Spec, device: torch.device, dtype: torch.dtype, values: array[float] | array[int]) -> Tensor:
    whole = values.typecode == "q"
    read = torch.frombuffer(values, dtype=torch.int64 if whole else torch.float64)
    return read.reshape(spec.input_shape).to(device, torch.int64 if whole else dtype, copy=True)


def _state(fact: TensorFact, batch: Batch, device: torch.device, dtype: torch.dtype) -> Tensor:
    # why zeros are passed and not left out: torch checks the shape of a state that it is given.
    fill = torch.randn if batch.state == "random" else torch.zeros
    return fill(fact.shape, device=device, dtype=dtype)


def data_of(flow: Flow) -> Tensor:
    """The numbers of a flow, packed or not."""
    return flow.data if isinstance(flow, PackedSequence) else flow


def with_data(flow: Flow, data: Tensor) -> Flow:
    """The same flow with other numbers."""
    return flow._replace(data=data) if isinstance(flow, PackedSequence) else data


def _tensors(declared: Sequence[TensorFact], flows: Sequence[Flow]) -> tuple[TensorFact, ...]:
    """What the tensors are; their names, and what their axes are called, are taken from the declaration."""
    found = []
    for k, flow in enumerate(flows):
        data = data_of(flow)
        told = declared[k] if k < len(declared) else TensorFact(f"tensor {k}", (), (), "")
        unpacked = _unpacked(flow, told) if isinstance(flow, PackedSequence) else None
        found.append(replace(told, shape=tuple(data.shape), dtype=_dtype_name(data), unpacked_shape=unpacked))
    return tuple(found)


def _unpacked(flow: PackedSequence, declared: TensorFact) -> tuple[int, ...]:
    """The shape that pad_packed_sequence would give it, without the memory that takes."""
    sizes = {"L": len(flow.batch_sizes), "N": int(flow.batch_sizes[0])}
    return (*(sizes[axis] for axis in (declared.unpacked_axes or ("L", "N"))[:2]), *flow.data.shape[1:])


def _macs(layer: Layer, module: nn.Module, output: Flow) -> int:
    """Each token is multiplied once by each matrix of the module."""
    if not isinstance(layer, Recurrent | Linear):  # an Embedding looks rows up, a LayerNorm's weight is no matrix
        return 0
    data = data_of(output)
    matrices = sum(parameter.numel() for parameter in module.parameters() if parameter.dim() == 2)
    return matrices * (data.numel() // data.shape[-1])


def _dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _weights(model: BuiltModel, planned: ModelFacts) -> list[tuple[WeightFact, ...]]:
    """The parameters of every module, as named_parameters() gives them; the plan says what each is called in the
    equations and by what law it is drawn, which no tensor knows."""
    owners: dict[int, str] = {}
    found = []
    for layer, module in zip(planned.layers, model.layers, strict=True):
        declared = {weight.name: weight for weight in layer.weights}
        own = []
        for name, parameter in module.named_parameters():
            owner = owners.setdefault(id(parameter), f"{layer.name}.{name}")
            shared_with = None if owner == f"{layer.name}.{name}" else owner
            own.append(_weight(name, parameter, declared.get(name), shared_with))
        found.append(tuple(own))
    return found


def _weight(name: str, parameter: nn.Parameter, declared: WeightFact | None, shared_with: str | None) -> WeightFact:
    shape = tuple(parameter.shape)
    told = declared or WeightFact(name, "?", None, None, (), shape, "", Init("unknown"))
    found = replace(
        told,
        shape=shape,
        dtype=_dtype_name(parameter),
        trainable=parameter.requires_grad,
        shared_with=shared_with,
    )
    return found if parameter.is_meta else _looked_at(found, parameter.detach())


def _looked_at(weight: WeightFact, values: Tensor) -> WeightFact:
    """The weight with what its values are, and each gate with its own where their laws differ."""
    blocks = list(initial.blocks(weight, values))
    if not weight.laws_differ:
        return replace(weight, observed=_observed(values, weight.init, [block for _, block in blocks]))
    gates = tuple(
        replace(gate, observed=_observed(block, init, [block]))
        for gate, (init, block) in zip(weight.gates, blocks, strict=True)
    )
    return replace(weight, gates=gates, observed=_observed(values, Init("several"), []))


def _observed(values: Tensor, init: Init, matrices: Sequence[Tensor]) -> Observed | None:
    """What the values are, the row of zeros left out; None where that leaves nothing.

    matrices: the same values, a gate's at a time.

    why in pieces: a whole copy in another dtype would need as much memory again as the largest weight.
    """
    parts = [values]
    if init.zero_row is not None:
        row = init.zero_row % len(values)
        parts = [values[:row], values[row + 1 :]]
    pieces = [piece for part in parts for piece in torch.split(part.reshape(-1), _PIECE) if piece.numel()]
    if not pieces:
        return None
    count, total, squares, least, most = 0, 0.0, 0.0, math.inf, -math.inf
    for piece in pieces:
        # why on the CPU for mps: it has no float64.
        exact = (piece.cpu() if piece.device.type == "mps" else piece).double()
        count += exact.numel()
        total += float(exact.sum())
        squares += float(exact.square().sum())
        low, high = (float(edge) for edge in torch.aminmax(exact))
        # why not min(): it would drop a nan
        least, most = (low if not low >= least else least), (high if not high <= most else most)
    mean = total / count
    std = math.sqrt(max(squares / count - mean * mean, 0.0)) if math.isfinite(squares) else math.nan
    return Observed(
        minimum=least,
        maximum=most,
        mean=mean,
        std=std,
        peak_ratio=max(-least, most) / init.bound if init.bound else None,
        std_ratio=std / init.expected_std if init.expected_std and count > 1 else None,
        deviation=initial.deviation(init.law, matrices),
    )
