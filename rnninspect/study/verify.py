"""What torch computed held against the equations: every output, final state and gradient of every layer.

Each layer that has equations is run by torch on the device, and by its equations in float64, from the same weights,
input, states and upstream gradients. So an error is that layer's own. Of a kind that torch lacks there is more to hold
against each other: see `two_ways`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnninspect.document.chain import Link, Spec
from rnninspect.errors import CheckFailed, printable
from rnninspect.facts.models import ModelFacts
from rnninspect.facts.tensors import TensorFact
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.batch_norm import BatchNorm1d
from rnninspect.plan import bytes_needed, plan
from rnninspect.runtime.device import enough_memory, threads_for
from rnninspect.runtime.modules import BuiltModel, LayerOutput, in_torch, make_feed, ready
from rnninspect.runtime.recurrence import Flow, RecurrentModule, States
from rnninspect.runtime.torch_errors import refusals
from rnninspect.runtime.wiring import Flows
from rnninspect.study import two_ways
from rnninspect.study.against import Held, chosen, hold
from rnninspect.study.held_wires import HeldWire, WiresOf
from rnninspect.study.name_map import Theirs
from rnninspect.study.passes import Given, passes, weighed
from rnninspect.study.reference import exact, exact_tensor, has_equations, reference, reference_bytes, run_layer
from rnninspect.study.rounding import Deviation, Unit, depth, unit_of
from rnninspect.study.two_ways import Proof

# What stands behind the name of a tensor that is another one in training mode.
IN_TRAINING = " in training"


class VerifiedLayer(NamedTuple):
    """One layer's tensors. terms: the most numbers that are added up in one; steps: L, or 1 where none follow.

    proofs: of a layer that torch lacks, whose tensors are those of its equations run as they are trained with.
    theirs: what came of somebody's class.
    """

    name: str
    type: str
    terms: int
    steps: int
    tensors: tuple[Deviation, ...]
    proofs: tuple[Proof, ...] = ()
    theirs: Held | None = None

    @property
    def ok(self) -> bool:
        """Whether every tensor is within what is allowed, and no proof has failed."""
        proven = all(proof.ok is not False for proof in self.proofs)
        return all(tensor.ok for tensor in self.tensors) and proven and (self.theirs is None or self.theirs.ok)


class Verified(NamedTuple):
    """One model.

    skipped: layers that have no equations in the language. dropout: those whose dropout was taken as 0.
    not_in_torch: those of a kind that torch lacks, whose equations are held against themselves: see their proofs.
    drawn: those whose weights and statistics were drawn at random in place of their first values. eval_alone: those
    that this batch cannot be run through in training mode. wires: what layers read, hand on and hand over.
    """

    model: ModelFacts
    device: str
    torch: str
    seed: int
    unit: Unit
    layers: tuple[VerifiedLayer, ...]
    skipped: tuple[str, ...]
    dropout: tuple[str, ...]
    not_in_torch: tuple[str, ...]
    drawn: tuple[str, ...] = ()
    eval_alone: tuple[str, ...] = ()
    wires: tuple[HeldWire, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every layer is within what is allowed, and every wire."""
        return all(layer.ok for layer in self.layers) and all(wire.ok for wire in self.wires)


def verify_layers(
    spec: Spec,
    device: torch.device,
    seed: int = 0,
    against: Theirs | None = None,
    values: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> Verified:
    """Build the model, run every layer that has equations both ways, forward and backward, and compare.

    against: somebody's class, for one layer. values: by layer the weights that it has in place of first values.
    Raises NotEnoughMemory (before anything is allocated), TorchRefused, or CheckFailed where there is nothing to
    compare: torch's tensors have other shapes; and what `against.hold` does.
    """
    planned = plan(spec)
    links = [link for link in spec.links if has_equations(link.layer)]
    with refusals(spec, "be used", device):
        _enough_memory(spec, planned, links, device)
        unit = unit_of(spec.dtype, device)
    with ready(spec, planned, device, seed) as model:
        # why: a frozen weight has a gradient in the equations too.
        model.requires_grad_()
        _draw_anew(model.layers)
        _load(values or {}, spec, model.layers)
        layers, wires = _run_both_ways(spec, device, seed, model, unit, against)
    return Verified(
        model=planned,
        device=str(device),
        torch=torch.__version__,
        seed=seed,
        unit=unit,
        layers=layers,
        skipped=tuple(link.layer.name for link in spec.links if not has_equations(link.layer)),
        dropout=tuple(link.layer.name for link in links if getattr(link.layer, "dropout", 0.0) > 0),
        not_in_torch=tuple(link.layer.name for link in links if not in_torch(link.layer)),
        drawn=tuple(link.layer.name for link in links if isinstance(link.layer, BatchNorm1d)),
        eval_alone=tuple(link.layer.name for link in links if not link.layer.can_train_on(link.signal)),
        wires=wires,
    )


def _run_both_ways(
    spec: Spec, device: torch.device, seed: int, model: BuiltModel, unit: Unit, against: Theirs | None
) -> tuple[tuple[VerifiedLayer, ...], tuple[HeldWire, ...]]:
    """Every layer that has equations, fed with what torch has made so far, and every wire between layers."""
    layers: list[VerifiedLayer] = []
    wires: list[HeldWire] = []
    feed = make_feed(spec, device)
    flows = Flows(spec.links, feed.inputs, spec.returns)
    held = WiresOf(spec, feed.inputs, seed)
    for k, (link, module) in enumerate(zip(spec.links, model.layers, strict=True)):
        flow, states = flows.given(link, feed.states[k])
        if has_equations(link.layer):
            _same_shapes(spec, link, link.layer.weights(spec.dtype), dict(module.named_parameters()))
            theirs = against if against is not None and chosen(against, spec) == link.layer.name else None
            verified, ran = _verify_layer(spec, device, link, module, flow, states, unit, theirs)
            layers.append(verified)
        else:
            with refusals(spec, "run", device, layer=link.layer.name), torch.no_grad():
                ran = run_layer(link, module, flow, states)
        handed_on = flows.put(link, flow, ran.handed_on, ran.states)
        wires += held.hold(k, flow, states, ran, handed_on)
    return tuple(layers), tuple(wires)


def _load(values: Mapping[str, Mapping[str, Tensor]], spec: Spec, modules: Iterable[nn.Module]) -> None:
    """Put the weights that are given, by layer, in place of first values."""
    for link, module in zip(spec.links, modules, strict=True):
        if link.layer.name in values:
            module.load_state_dict(values[link.layer.name])


def _enough_memory(spec: Spec, planned: ModelFacts, links: Sequence[Link], device: torch.device) -> None:
    """Raise NotEnoughMemory for what is held at the least: a model, one layer's gradients, and its reference."""
    cpu = torch.device("cpu")
    model = bytes_needed(spec, planned)
    model += max((sum(w.nbytes for w in link.layer.weights(spec.dtype)) for link in links), default=0)
    largest = max(map(reference_bytes, links), default=0)
    if device.type == "cpu":
        enough_memory(spec, planned, model + largest, cpu)
    else:
        enough_memory(spec, planned, model, device)
        enough_memory(spec, planned, largest, cpu)


def _same_shapes(
    spec: Spec, link: Link, facts: Iterable[TensorFact | WeightFact], tensors: Mapping[str, Tensor]
) -> None:
    """Raise CheckFailed where the equations have other tensors than torch: nothing could be subtracted."""
    expected = {fact.name: fact.shape for fact in facts}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in expected | shapes:
        if expected.get(name) != shapes.get(name):
            raise CheckFailed(
                f"{printable(spec.source)}: layer {link.layer.name!r}: {name} is {expected.get(name, 'missing')} by "
                f"the equations, {shapes.get(name, 'missing')} in torch"
            )


def _verify_layer(
    spec: Spec,
    device: torch.device,
    link: Link,
    module: nn.Module,
    flow: Flow,
    states: States,
    unit: Unit,
    against: Theirs | None,
) -> tuple[VerifiedLayer, LayerOutput]:
    """One layer both ways, and what torch put out."""
    terms, steps = depth(link)
    name = link.layer.name
    with refusals(spec, "run", device, layer=name), _in_training(module):
        by_torch = passes(link, module, flow, states)
    outputs = link.layer.outputs(link.signal, spec.dtype)
    _same_shapes(spec, link, outputs, {fact.name: by_torch.tensors[fact.name] for fact in outputs})
    # why other errors: whatever else is wrong with the equations is a fault of ours.
    cpu = torch.device("cpu")
    few = (RuntimeError, MemoryError)
    refused = refusals(spec, "evaluate the equations of", cpu, layer=name, dtype="float64", errors=few)
    # why by the work of one step: there are many, and threads that wait for one another at each are slower than one.
    with refused, threads_for(link.layer.forward_ops(link.signal).macs // steps, cpu):
        given = Given(exact(flow), tuple(map(exact_tensor, states)), tuple(map(exact_tensor, by_torch.upstream)))
        expected = passes(link, reference(link.layer, module), *given).tensors
        tensors = weighed(link, module, given, expected, by_torch.tensors, unit)
        if isinstance(link.layer, BatchNorm1d) and link.layer.can_train_on(link.signal):
            tensors += _norm_in_training(link, module, Given(flow, states, by_torch.upstream), given, unit)
        proofs = () if in_torch(link.layer) else _proofs(link, module, given, expected)
        theirs = None if against is None else hold(against, link, module, given)
    layer = VerifiedLayer(
        name=name, type=link.layer.type, terms=terms, steps=steps, tensors=tensors, proofs=proofs, theirs=theirs
    )
    return layer, by_torch.ran


def _proofs(link: Link, module: nn.Module, given: Given, expected: Mapping[str, Tensor]) -> tuple[Proof, ...]:
    """Of a layer that torch lacks: its equations held against themselves in float64."""
    unit = unit_of("float64", torch.device("cpu"))
    ahead = two_ways.run_ahead(link, module, given)
    tensors = weighed(link, module, given, expected, ahead, unit)
    return (*two_ways.of_tensors(tensors, unit.epsilon), two_ways.slope(link, module, given, ahead))


@contextmanager
def _in_training(module: nn.Module) -> Iterator[None]:
    """In training mode, which cuDNN needs for a backward pass, and with dropout off: its mask is torch's secret.

    A BatchNorm1d stays in eval mode: see `_norm_in_training` for the other.
    """
    dropout = module.dropout if isinstance(module, nn.RNNBase | RecurrentModule) else 0.0
    module.train(not isinstance(module, nn.BatchNorm1d))
    if isinstance(module, nn.RNNBase | RecurrentModule):
        module.dropout = 0.0
    try:
        yield
    finally:
        module.eval()
        if isinstance(module, nn.RNNBase | RecurrentModule):
            module.dropout = dropout


def _draw_anew(modules: Iterable[nn.Module]) -> None:
    """Values at random for all that a BatchNorm1d holds: fresh ones change nothing, whatever the equation is."""
    for module in modules:
        if isinstance(module, nn.BatchNorm1d):
            for name, values in module.state_dict().items():
                if name in ("running_mean", "bias"):
                    values.normal_()
                elif values.is_floating_point():
                    values.uniform_(0.5, 2)


def _norm_in_training(
    link: Link, module: nn.Module, by_torch: Given, given: Given, unit: Unit
) -> tuple[Deviation, ...]:
    """Output, gradients and running statistics of one batch in training mode, against the equations'.

    by_torch: what torch is given on its device; given: the same for the equations, in float64.
    """
    # why copies: the statistics move, and the module is used again.
    training = copy.deepcopy(module).train()
    computed = _tensors_of(link, copy.deepcopy(training), by_torch)
    expected = _tensors_of(link, reference(link.layer, training), given)
    tensors = weighed(link, training, given, expected, computed, unit, _tensors_of)
    return tuple(tensor._replace(name=tensor.name + IN_TRAINING) for tensor in tensors)


def _tensors_of(link: Link, module: nn.Module, given: Given) -> Mapping[str, Tensor]:
    tensors = passes(link, module, *given).tensors
    return tensors | dict(module.named_buffers())
