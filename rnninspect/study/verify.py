"""What torch computed held against the equations: every output, final state and gradient of every layer.

Each layer that has equations is run by torch on the device, and by its equations in float64, from the same weights,
input, states and upstream gradients. So an error is that layer's own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnninspect.document.chain import Link, Spec
from rnninspect.errors import CheckFailed, printable
from rnninspect.facts import ModelFacts, TensorFact, WeightFact
from rnninspect.layers.recurrent import Recurrent
from rnninspect.plan import bytes_needed, plan
from rnninspect.runtime.device import DTYPES, enough_memory, threads_for
from rnninspect.runtime.modules import data_of, make_feed, ready, with_data
from rnninspect.runtime.precision import in_tf32
from rnninspect.runtime.recurrence import Flow, States
from rnninspect.runtime.torch_errors import refusals
from rnninspect.study.reference import (
    Rounding,
    exact,
    exact_tensor,
    has_equations,
    reference,
    reference_bytes,
    run_layer,
)

TF32 = "TF32"
# How far a tensor may be off, in epsilons for each unit of sqrt(terms * steps), or of sqrt(steps) where sums are kept
# in more digits. Measured: configs/ stays within 0.75, but for a JordanRNN of relu in half precision.
_SLACK = 4.0
# How often the equations are rounded at random where a tensor is off by more than that. Measured on 45,000 random
# documents with sizes from 1 to 40, half of them tiny and of relu: that is one tensor in 150 in half precision and one
# in 650 in float32 and float64, and none is off by more than 1.06 times what rounding changes.
_TRIALS = 16


class Compared(NamedTuple):
    """One tensor. name: `output`, `h_n`, or `grad` and what the gradient is of: a weight, `input`, `h_0`.

    largest: the largest magnitude of the reference. error: the largest difference.
    relative: error / largest, in epsilons of `Unit`; infinite where torch's is not finite. Where `largest` is nearer to
        0 than a number with all its digits can be, it is such a number that the error is divided by.
    allowed: what `relative` is held to.
    """

    name: str
    shape: tuple[int, ...]
    largest: float
    error: float
    relative: float
    allowed: float

    @property
    def ok(self) -> bool:
        """Whether it is within what is allowed; false for a nan."""
        return self.relative <= self.allowed


class Unit(NamedTuple):
    """What an error is counted in. epsilon: of the numbers that are multiplied; wide: sums are kept in more digits.

    smallest: the least number above 0 that can be stored.
    """

    name: str
    epsilon: float
    smallest: float
    wide: bool


class VerifiedLayer(NamedTuple):
    """One layer's tensors. terms: how many numbers are added up in one at the most; steps: L, 1 where none follow."""

    name: str
    type: str
    terms: int
    steps: int
    tensors: tuple[Compared, ...]

    @property
    def ok(self) -> bool:
        """Whether every tensor is within what is allowed."""
        return all(tensor.ok for tensor in self.tensors)


class Verified(NamedTuple):
    """One model.

    skipped: layers that have no equations in the language. dropout: those whose dropout was taken as 0.
    untold: those that torch has not, so that only the rounding is seen.
    """

    model: ModelFacts
    device: str
    torch: str
    seed: int
    unit: Unit
    layers: tuple[VerifiedLayer, ...]
    skipped: tuple[str, ...]
    dropout: tuple[str, ...]
    untold: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every layer is within what is allowed."""
        return all(layer.ok for layer in self.layers)


def verify(spec: Spec, device: torch.device, seed: int = 0) -> Verified:
    """Build the model, run every layer that has equations both ways, forward and backward, and compare.

    Raises NotEnoughMemory (before anything is allocated), TorchRefused, or CheckFailed where there is nothing to
    compare: torch's tensors have other shapes.
    """
    planned = plan(spec)
    links = [link for link in spec.links if has_equations(link.layer)]
    with refusals(spec, "be used", device):
        _enough_memory(spec, planned, links, device)
        unit = unit_of(spec.dtype, device)
    layers = []
    with ready(spec, planned, device, seed) as model:
        # why: a frozen weight has a gradient in the equations too.
        model.requires_grad_()
        flow, given = make_feed(spec, device)
        for link, module, states in zip(spec.links, model.layers, given, strict=True):
            if has_equations(link.layer):
                _same_shapes(spec, link, link.layer.weights(spec.dtype), dict(module.named_parameters()))
                verified, flow = _verify_layer(spec, device, link, module, flow, states, unit)
                layers.append(verified)
            else:
                with refusals(spec, "run", device, layer=link.layer.name), torch.no_grad():
                    flow = run_layer(link, module, flow, states).handed_on
    return Verified(
        model=planned,
        device=str(device),
        torch=torch.__version__,
        seed=seed,
        unit=unit,
        layers=tuple(layers),
        skipped=tuple(link.layer.name for link in spec.links if not has_equations(link.layer)),
        dropout=tuple(link.layer.name for link in links if getattr(link.layer, "dropout", 0.0) > 0),
        untold=tuple(link.layer.name for link in links if not hasattr(nn, link.layer.type)),
    )


def unit_of(dtype: str, device: torch.device) -> Unit:
    """The epsilon that results in `dtype` are good to on `device`.

    With TF32 on, cuDNN and cuBLAS round the factors of a float32 product to 10 bits and add up in float32:
    https://docs.pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices.
    """
    info = torch.finfo(DTYPES[dtype])
    smallest = info.tiny * info.eps
    if dtype == "float32" and (in_tf32(device, "rnn") or in_tf32(device, "matmul")):
        return Unit(TF32, 2.0**-10, smallest, wide=True)
    return Unit(dtype, info.eps, smallest, wide=dtype in ("float16", "bfloat16"))


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


def _same_shapes(spec: Spec, link: Link, facts: Iterable[TensorFact | WeightFact], found: Mapping[str, Tensor]) -> None:
    """Raise CheckFailed where the equations have other tensors than torch: nothing could be subtracted."""
    expected = {fact.name: fact.shape for fact in facts}
    shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    for name in expected | shapes:
        if expected.get(name) != shapes.get(name):
            raise CheckFailed(
                f"{printable(spec.source)}: layer {link.layer.name!r}: {name} is {expected.get(name, 'missing')} by "
                f"the equations, {shapes.get(name, 'missing')} in torch"
            )


class _Passes(NamedTuple):
    """A forward and a backward pass. tensors: by the names of `Compared`; upstream: the gradients that went in."""

    tensors: dict[str, Tensor]
    upstream: tuple[Tensor, ...]
    handed_on: Flow


def _verify_layer(
    spec: Spec, device: torch.device, link: Link, module: nn.Module, flow: Flow, states: States, unit: Unit
) -> tuple[VerifiedLayer, Flow]:
    """One layer both ways, and what torch hands on to the next."""
    terms, steps = _depth(link)
    allowed = _allowed(unit, terms, steps)
    name = link.layer.name
    with refusals(spec, "run", device, layer=name), _in_training(module):
        found = _passes(link, module, flow, states)
    outputs = link.layer.outputs(link.signal, spec.dtype)
    _same_shapes(spec, link, outputs, {fact.name: found.tensors[fact.name] for fact in outputs})
    # why other errors: whatever else is wrong with the equations is a fault of ours.
    cpu = torch.device("cpu")
    asked, few = "evaluate the equations of", (RuntimeError, MemoryError)
    refused = refusals(spec, asked, cpu, layer=name, dtype="float64", errors=few)
    # why by the work of one step: there are many, and threads that wait for one another at each are slower than one.
    with refused, threads_for(link.layer.forward_ops(link.signal).macs // steps, cpu):
        given = (exact(flow), tuple(map(exact_tensor, states)), tuple(map(exact_tensor, found.upstream)))
        expected = _passes(link, reference(link.layer, module), *given).tensors
        tensors = [_compare(name, found.tensors[name], expected[name], unit, allowed) for name in expected]
        tensors = reconsider(
            tensors,
            expected,
            roundings(unit, link, _TRIALS),
            partial(_rounded_passes, link, module, given),
            unit,
        )
    return VerifiedLayer(name, link.layer.type, terms, steps, tuple(tensors)), found.handed_on


def _passes(
    link: Link, module: nn.Module, flow: Flow, states: States, upstream: tuple[Tensor, ...] | None = None
) -> _Passes:
    """Forward and backward once; upstream: None draws the gradients that go in at the outputs."""
    leaf = data_of(flow).detach().requires_grad_()
    given = tuple(state.detach().requires_grad_() for state in states)
    ran = run_layer(link, module, with_data(flow, leaf), given)
    put_out = _by_name(link.layer.outputs(link.signal, "float32"), (data_of(ran.output), *ran.states))
    taken_in = _by_name(link.layer.inputs(link.signal, "float32"), (leaf, *given))
    leaves = taken_in | dict(module.named_parameters())
    if upstream is None:
        upstream = tuple(torch.randn_like(tensor) for tensor in put_out.values())
    gradients = torch.autograd.grad(list(put_out.values()), list(leaves.values()), upstream)
    of = {f"grad {name}": gradient for name, gradient in zip(leaves, gradients, strict=True)}
    return _Passes(put_out | of, upstream, with_data(ran.handed_on, data_of(ran.handed_on).detach()))


def _by_name(facts: Sequence[TensorFact], tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    return {fact.name: tensor for fact, tensor in zip(facts, tensors, strict=True)}


def _depth(link: Link) -> tuple[int, int]:
    """How many numbers are added up in one at the most, and over how many steps what is lost goes on.

    Forward a sum has as many terms as all matrices that feed one vector have columns; backward as many as they have
    rows, or, for the gradient of a weight, as there are tokens.
    """
    weights = [weight for weight in link.layer.weights("float32") if len(weight.shape) == 2]
    rows = max(weight.shape[0] for weight in weights)
    columns: Counter[object] = Counter()
    for weight in weights:
        columns[weight.layer, weight.direction] += weight.shape[1]
    steps = link.signal.batch.letters["L"] if isinstance(link.layer, Recurrent) else 1
    return max(rows, *columns.values(), link.signal.tokens), steps


def compare(name: str, found: Tensor, expected: Tensor, unit: Unit, link: Link) -> Compared:
    """What torch computed for a layer against the reference, and what the difference is held to."""
    return _compare(name, found, expected, unit, _allowed(unit, *_depth(link)))


def _allowed(unit: Unit, terms: int, steps: int) -> float:
    return _SLACK * math.sqrt(steps * (1 if unit.wide else terms))


def _compare(name: str, found: Tensor, expected: Tensor, unit: Unit, allowed: float) -> Compared:
    expected = expected.detach()
    largest = float(expected.abs().max())
    # why asked: a tensor of another shape could often be subtracted.
    error = float((exact_tensor(found) - expected).abs().max()) if found.shape == expected.shape else math.inf
    relative = error / _one_epsilon(largest, unit) if math.isfinite(error) else math.inf
    return Compared(name, tuple(found.shape), largest, error, relative, allowed)


def _one_epsilon(largest: float, unit: Unit) -> float:
    return max(largest * unit.epsilon, unit.smallest)


def roundings(unit: Unit, link: Link, trials: int) -> Iterator[Rounding]:
    """Ways to be off, every number of this layer by up to what one step may be."""
    terms, _ = _depth(link)
    spread = _allowed(unit, terms, 1) * unit.epsilon
    return (Rounding(spread, _SLACK * unit.smallest, trial) for trial in range(trials))


def reconsider(
    tensors: Sequence[Compared],
    expected: Mapping[str, Tensor],
    ways: Iterable[Rounding],
    evaluate: Callable[[Rounding], Mapping[str, Tensor]],
    unit: Unit,
) -> list[Compared]:
    """A second look at tensors that are beyond their bound: how far does rounding alone move them?

    evaluate: the equations with every number off at random by up to what one step may be off. Each tensor is besides
    allowed the most that it moved over the `ways`; where all are within their bounds nothing is evaluated.
    """
    if all(tensor.ok or not math.isfinite(tensor.error) for tensor in tensors):
        return list(tensors)
    changes = dict.fromkeys(expected, 0.0)
    for rounding in ways:
        for name, tensor in evaluate(rounding).items():
            changes[name] = max(changes[name], float((tensor - expected[name]).detach().abs().max()))
    return [_reconsidered(tensor, changes[tensor.name], unit) for tensor in tensors]


def _rounded_passes(
    link: Link, module: nn.Module, given: tuple[Flow, States, tuple[Tensor, ...]], rounding: Rounding
) -> Mapping[str, Tensor]:
    flow, states, upstream = given
    twin = rounding.reference(link.layer, module)
    return _passes(
        link, twin, rounding.flow(flow), tuple(map(rounding, states)), tuple(map(rounding, upstream))
    ).tensors


def _reconsidered(tensor: Compared, change: float, unit: Unit) -> Compared:
    """The tensor, allowed so much more as it is sensitive to rounding; one that is within its bound keeps it."""
    if tensor.ok or not math.isfinite(change):
        return tensor
    return tensor._replace(allowed=tensor.allowed + change / _one_epsilon(tensor.largest, unit))


@contextmanager
def _in_training(module: nn.Module) -> Iterator[None]:
    """In training mode, which cuDNN needs for a backward pass, and with dropout off: its mask is torch's secret."""
    dropout = module.dropout if isinstance(module, nn.RNNBase) else 0.0
    module.train()
    if isinstance(module, nn.RNNBase):
        module.dropout = 0.0
    try:
        yield
    finally:
        module.eval()
        if isinstance(module, nn.RNNBase):
            module.dropout = dropout
