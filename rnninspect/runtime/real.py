"""The real ledger: what a built model is, and what it put out when a random batch was run through it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.cells.tree import Product
from rnninspect.document.chain import Spec
from rnninspect.facts.amounts import Ops
from rnninspect.facts.models import LayerFacts, Measured, ModelFacts
from rnninspect.facts.tensors import TensorFact
from rnninspect.facts.weights import Init, Observed, WeightFact
from rnninspect.layers.convolution import Conv1d
from rnninspect.layers.defined import DefinedLayer
from rnninspect.layers.layer import Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime import initial
from rnninspect.runtime.device import dtype_name, watch_peak
from rnninspect.runtime.modules import BuiltModel, make_feed, ready, run
from rnninspect.runtime.recurrence import Flow, data_of
from rnninspect.runtime.torch_errors import refusals
from rnninspect.runtime.wiring import Flows

# How many values of a weight are looked at together.
_PIECE = 2**20


def measure(
    spec: Spec, planned: ModelFacts, device: torch.device, seed: int = 0, without: str = "--plan"
) -> ModelFacts:
    """Build, run a random batch and read every fact back; `reachable` says what can be run on `device`.

    planned: what the plan says of `spec`. without: how the command is asked to leave it at the plan.
    Raises NotEnoughMemory (before anything is allocated) or TorchRefused.
    """
    peak = watch_peak(device)
    hint = f"use --device meta for real shapes without memory, or {without}"
    with ready(spec, planned, device, seed, hint=hint) as model:
        # why before running: an Embedding with max_norm rescales its rows when they are looked up.
        weights, buffers = _held(model, planned)
        layers, finite = _run_all(model, spec, device, weights)
        layers = tuple(replace(layer, buffers=own) for layer, own in zip(layers, buffers, strict=True))
        measured = Measured(device=str(device), torch=torch.__version__, seed=seed, finite=finite, peak_bytes=peak())
    return ModelFacts(name=spec.name, source=spec.source, dtype=spec.dtype, layers=layers, measured=measured)


def _run_all(
    model: BuiltModel, spec: Spec, device: torch.device, weights: Sequence[tuple[WeightFact, ...]]
) -> tuple[tuple[LayerFacts, ...], bool | None]:
    facts = []
    finite = True
    with torch.inference_mode():
        feed = make_feed(spec, device)
        flows = Flows(spec.links, feed.inputs, spec.returns)
        for link, module, own_states, own in zip(spec.links, model.layers, feed.states, weights, strict=True):
            layer, signal = link.layer, link.signal
            flow, states = flows.given(link, own_states)
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
            flows.put(link, flow, ran.handed_on, ran.states)
    return tuple(facts), None if device.type == "meta" else finite


def _tensors(declared: Sequence[TensorFact], flows: Sequence[Flow]) -> tuple[TensorFact, ...]:
    """What the tensors are; their names, and what their axes are called, are taken from the declaration."""
    facts = []
    for k, flow in enumerate(flows):
        data = data_of(flow)
        fact = declared[k] if k < len(declared) else TensorFact(name=f"tensor {k}", axes=(), shape=(), dtype="")
        unpacked = _unpacked(flow, fact) if isinstance(flow, PackedSequence) else None
        facts.append(replace(fact, shape=tuple(data.shape), dtype=dtype_name(data.dtype), unpacked_shape=unpacked))
    return tuple(facts)


def _unpacked(flow: PackedSequence, declared: TensorFact) -> tuple[int, ...]:
    """The shape that pad_packed_sequence would give it, without the memory that takes."""
    sizes = {"L": len(flow.batch_sizes), "N": int(flow.batch_sizes[0])}
    return (*(sizes[axis] for axis in (declared.unpacked_axes or ("L", "N"))[:2]), *flow.data.shape[1:])


def _macs(layer: Layer, module: nn.Module, output: Flow) -> int:
    """Each token is multiplied once by each matrix of the module; of a document's cell as often as that has it.

    A convolution has a matrix for each step of its window, and the tokens are those that it puts out.
    """
    # why not others: an Embedding looks rows up, a LayerNorm's weight is no matrix
    if not isinstance(layer, Recurrent | Linear | Conv1d):
        return 0
    data = data_of(output)
    matrices = sum(parameter.numel() for parameter in module.parameters() if parameter.dim() >= 2)
    if isinstance(layer, DefinedLayer):
        matrices = _multiplied(layer, module)
    return matrices * (data.numel() // data.shape[-1])


def _multiplied(layer: DefinedLayer, module: nn.Module) -> int:
    """How many numbers of the module's matrices a token is multiplied with, those that are used twice twice."""
    uses = Counter(node.matrix.name for node in layer.cell.nodes if isinstance(node, Product))
    total = 0
    for weight in layer.weights("float32"):
        blocks = [gate.name for gate in weight.gates] or [weight.symbol]
        total += module.get_parameter(weight.name).numel() // len(blocks) * sum(uses[block] for block in blocks)
    return total


_Tensors = list[tuple[WeightFact, ...]]


def _held(model: BuiltModel, planned: ModelFacts) -> tuple[_Tensors, _Tensors]:
    """The parameters and the buffers of every module, as it names them; the plan says what each is called in the
    equations and by what law it is drawn, which no tensor knows."""
    owners: dict[int, str] = {}
    pairs = list(zip(planned.layers, model.layers, strict=True))
    weights = [_read(layer.name, layer.weights, module.named_parameters(), owners) for layer, module in pairs]
    return weights, [_read(layer.name, layer.buffers, module.named_buffers(), owners) for layer, module in pairs]


def _read(
    layer: str, planned: Sequence[WeightFact], tensors: Iterable[tuple[str, Tensor]], owners: dict[int, str]
) -> tuple[WeightFact, ...]:
    """The tensors of one module. owners: by id what each tensor was called first."""
    declared = {weight.name: weight for weight in planned}
    return tuple(
        _weight(name, tensor, declared.get(name), _owner(owners, tensor, f"{layer}.{name}")) for name, tensor in tensors
    )


def _owner(owners: dict[int, str], tensor: Tensor, name: str) -> str | None:
    """What the tensor was called first, which is put into `owners`; None where that is now."""
    first = owners.setdefault(id(tensor), name)
    return None if first == name else first


def _weight(name: str, parameter: Tensor, declared: WeightFact | None, shared_with: str | None) -> WeightFact:
    shape = tuple(parameter.shape)
    planned = declared or WeightFact(
        name=name, symbol="?", layer=None, direction=None, axes=(), shape=shape, dtype="", init=Init("unknown")
    )
    fact = replace(
        planned,
        shape=shape,
        dtype=dtype_name(parameter.dtype),
        trainable=parameter.requires_grad,
        shared_with=shared_with,
    )
    return fact if parameter.is_meta else _looked_at(fact, parameter.detach())


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
