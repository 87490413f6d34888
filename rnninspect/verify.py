"""What torch computed held against the equations: every output, final state and gradient of every layer.

Each layer that has equations is run by torch on the device, and by its equations in float64, from the same weights,
input, states and upstream gradients. So an error is that layer's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnninspect.device import DTYPES, enough_memory, refusals
from rnninspect.facts import ModelFacts, TensorFact
from rnninspect.layers.recurrent import Recurrent
from rnninspect.plan import plan
from rnninspect.real import data_of, random_feed, ready, with_data
from rnninspect.recurrence import FUNCTIONS, EquationRNN, Flow, States
from rnninspect.reference import exact, exact_tensor, has_equations, reference, reference_bytes, run_layer
from rnninspect.spec.chain import Link, Spec

TF32 = "TF32"
# How far a tensor may be off, in epsilons for each unit of sqrt(terms * steps). Measured: configs/ stays within 0.6,
# 1,000 random documents within 1.
_SLACK = 4.0


class Compared(NamedTuple):
    """One tensor. name: `output`, `h_n`, or `grad` and what the gradient is of: a weight, `input`, `h_0`.

    largest: the largest magnitude of the reference. error: the largest difference.
    relative: error / largest, in epsilons of `Unit`; infinite where torch's is not finite.
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
    """What an error is counted in. epsilon: of the numbers that are multiplied; wide: sums are kept in more digits."""

    name: str
    epsilon: float
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

    Raises NotEnoughMemory (before anything is allocated) or TorchRefused.
    """
    planned = plan(spec)
    links = [link for link in spec.links if has_equations(link.layer)]
    largest = max((reference_bytes(link) for link in links), default=0)
    enough_memory(spec.source, largest, torch.device("cpu"), "try a smaller input.batch_size or input.seq_len")
    unit = unit_of(spec.dtype, device)
    layers = []
    with ready(spec, planned, device, seed, more=planned.parameter_bytes) as model:
        # why: a frozen weight has a gradient in the equations too.
        model.requires_grad_()
        flow, given = random_feed(spec, device)
        for link, module, states in zip(spec.links, model.layers, given, strict=True):
            with refusals(f"run layer {link.layer.name!r}", device, spec.dtype):
                if has_equations(link.layer):
                    compared, flow = _verify_layer(link, module, flow, states, unit)
                    layers.append(compared)
                else:
                    with torch.no_grad():
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
    if dtype == "float32" and device.type == "cuda" and _tf32(device):
        return Unit(TF32, 2.0**-10, wide=True)
    return Unit(dtype, torch.finfo(DTYPES[dtype]).eps, wide=dtype in ("float16", "bfloat16"))


def _tf32(device: torch.device) -> bool:
    """Whether the GPU has TF32 (compute capability 8, Ampere, or newer) and cuDNN is told to use it."""
    return torch.cuda.get_device_capability(device) >= (8, 0) and torch.backends.cudnn.allow_tf32


class _Passes(NamedTuple):
    """A forward and a backward pass. tensors: by the names of `Compared`; upstream: the gradients that went in."""

    tensors: dict[str, Tensor]
    upstream: tuple[Tensor, ...]
    handed_on: Flow


def _verify_layer(link: Link, module: nn.Module, flow: Flow, states: States, unit: Unit) -> tuple[VerifiedLayer, Flow]:
    """One layer both ways, and what torch hands on to the next."""
    with _in_training(module):
        found = _passes(link, module, flow, states)
    twin = reference(link.layer, module)
    given = (exact(flow), tuple(map(exact_tensor, states)), tuple(map(exact_tensor, found.upstream)))
    expected = _passes(link, twin, *given).tensors
    terms, steps = _terms(link)
    allowed = _SLACK * math.sqrt(steps * (1 if unit.wide else terms))
    tensors = [_compare(name, found.tensors[name], expected[name], unit, allowed) for name in expected]
    if isinstance(twin, EquationRNN) and twin.kinked:
        # why: relu has no derivative at 0. Where its argument is nearer to 0 than the error, torch may have seen it on
        # the other side, and a gradient is off by that whole term; so it is allowed what moving the kink changes.
        edge = 2 * tensors[0].relative * unit.epsilon
        sides = []
        for side in (-edge, edge):
            twin.functions = FUNCTIONS | {"relu": partial(_relu, side)}
            sides.append(_passes(link, twin, *given).tensors)
        below, above = sides
        tensors = [_with_kink(tensor, below[tensor.name], above[tensor.name], unit) for tensor in tensors]
    return VerifiedLayer(link.layer.name, link.layer.type, terms, steps, tuple(tensors)), found.handed_on


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


def _terms(link: Link) -> tuple[int, int]:
    """How many numbers are added up in one at the most, and over how many steps what is lost goes on.

    Forward a sum has as many terms as all matrices that feed one vector have columns; backward as many as they have
    rows, or, for the gradient of a weight, as there are tokens.
    """
    weights = [weight for weight in link.layer.weights("float32") if len(weight.shape) == 2]
    rows = max(weight.shape[0] for weight in weights)
    first = weights[0]
    columns = sum(w.shape[1] for w in weights if (w.layer, w.direction) == (first.layer, first.direction))
    steps = link.signal.batch.letters["L"] if isinstance(link.layer, Recurrent) else 1
    return max(rows, columns, link.signal.tokens), steps


def _compare(name: str, found: Tensor, expected: Tensor, unit: Unit, allowed: float) -> Compared:
    expected = expected.detach()
    largest = float(expected.abs().max())
    error = float((exact_tensor(found) - expected).abs().max())
    comparable = largest > 0 and math.isfinite(error)
    relative = error / largest / unit.epsilon if comparable else 0.0 if error == 0 else math.inf
    return Compared(name, tuple(found.shape), largest, error, relative, allowed)


def _relu(edge: float, values: Tensor) -> Tensor:
    """relu with its kink moved to `edge` times the largest magnitude of `values`."""
    return torch.where(values > edge * values.detach().abs().max(), values, torch.zeros_like(values))


def _with_kink(tensor: Compared, below: Tensor, above: Tensor, unit: Unit) -> Compared:
    change = float((below - above).detach().abs().max())
    margin = change / tensor.largest / unit.epsilon if tensor.largest else 0.0
    return tensor._replace(allowed=tensor.allowed + margin)


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
