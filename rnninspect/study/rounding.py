"""How far torch's results may be from the equations': what rounding explains, from a rule or from trying it out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.document.chain import Link
from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.device import DTYPES
from rnninspect.runtime.functions import COLUMNS, OF_TWO, OPERATIONS
from rnninspect.runtime.plain import BatchNormModule, EquationModule, PlainRNN
from rnninspect.runtime.precision import in_tf32
from rnninspect.runtime.recurrence import Flow, data_of, with_data
from rnninspect.study.reference import exact_tensor, reference

TF32 = "TF32"
# How far a tensor may be off, in epsilons for each unit of sqrt(terms * steps), or of sqrt(steps) where sums are kept
# in more digits. Measured: configs/ stays within 0.75, but for a JordanRNN of relu in half precision.
_SLACK = 4.0


class Deviation(NamedTuple):
    """How far one tensor of torch's is from the equations'.

    name: `output`, `h_n`, or `grad` and what the gradient is of: a weight, `input`, `h_0`.
    largest: the largest magnitude of the equations' tensor. error: the largest difference from it.
    relative: error / largest, in epsilons of `Unit`; infinite where torch's is not finite. Where `largest` is too
        near to 0 to have all its digits, the error is counted in the least number above 0 instead.
    allowed: the most that `relative` may be.
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
    """What an error is counted in.

    epsilon: of the numbers that are multiplied. smallest: the least number above 0 that can be stored.
    wide: sums are kept in more digits than their factors.
    """

    name: str
    epsilon: float
    smallest: float
    wide: bool


def unit_of(dtype: str, device: torch.device) -> Unit:
    """The epsilon that results in `dtype` are good to on `device`.

    With TF32 on, cuDNN and cuBLAS round the factors of a float32 product to 10 bits and add up in float32:
    https://docs.pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices.
    """
    info = torch.finfo(DTYPES[dtype])
    smallest = info.tiny * info.eps
    if dtype == "float32" and (in_tf32(device, "rnn") or in_tf32(device, "matmul")):
        return Unit(name=TF32, epsilon=2.0**-10, smallest=smallest, wide=True)
    return Unit(name=dtype, epsilon=info.eps, smallest=smallest, wide=dtype in ("float16", "bfloat16"))


def depth(link: Link) -> tuple[int, int]:
    """How many numbers are added up in one at the most, and how many steps hand a rounding error on.

    Forward a sum has as many terms as all matrices that feed one vector have columns; backward as many as they have
    rows, or, for the gradient of a weight, as there are tokens.
    """
    # why more than 1: a convolution has a matrix for each step of its window.
    weights = [weight for weight in link.layer.weights("float32") if len(weight.shape) > 1]
    rows = max((weight.shape[0] * math.prod(weight.shape[2:]) for weight in weights), default=1)
    columns: Counter[object] = Counter()
    for weight in weights:
        columns[weight.layer, weight.direction] += math.prod(weight.shape[1:])
    steps = link.signal.batch.letters["L"] if isinstance(link.layer, Recurrent) else 1
    return max(rows, *columns.values(), link.signal.tokens), steps


def compare(name: str, computed: Tensor, expected: Tensor, unit: Unit, link: Link) -> Deviation:
    """What torch computed for a layer against the equations, and what the difference is held to."""
    expected = expected.detach()
    largest = float(expected.abs().max())
    # why asked: a tensor of another shape could often be subtracted.
    same_shape = computed.shape == expected.shape
    error = float((exact_tensor(computed) - expected).abs().max()) if same_shape else math.inf
    terms, steps = depth(link)
    return Deviation(
        name=name,
        shape=tuple(computed.shape),
        largest=largest,
        error=error,
        relative=error / _one_epsilon(largest, unit) if math.isfinite(error) else math.inf,
        allowed=_allowed(unit, terms, steps),
    )


def _allowed(unit: Unit, terms: int, steps: int) -> float:
    return _SLACK * math.sqrt(steps * (1 if unit.wide else terms))


def _one_epsilon(largest: float, unit: Unit) -> float:
    return max(largest * unit.epsilon, unit.smallest)


def roundings(unit: Unit, link: Link, trials: int) -> Iterator[Rounding]:
    """So many ways to round every number of this layer, each by up to what one step may be off."""
    terms, _ = depth(link)
    spread = _allowed(unit, terms, 1) * unit.epsilon
    return (Rounding(spread, _SLACK * unit.smallest, trial) for trial in range(trials))


def reconsider(
    tensors: Sequence[Deviation],
    expected: Mapping[str, Tensor],
    ways: Iterable[Rounding],
    evaluate: Callable[[Rounding], Mapping[str, Tensor]],
    unit: Unit,
) -> list[Deviation]:
    """A second look at tensors that are off by more than is allowed: how far does rounding alone move them?

    evaluate: runs the equations with every number rounded at random. Each such tensor is allowed, besides, the most
    that it moved in any of the `ways`; where no tensor is off by more than is allowed nothing is run.
    """
    if all(tensor.ok or not math.isfinite(tensor.error) for tensor in tensors):
        return list(tensors)
    changes = dict.fromkeys(expected, 0.0)
    for rounding in ways:
        for name, tensor in evaluate(rounding).items():
            changes[name] = max(changes[name], float((tensor - expected[name]).detach().abs().max()))
    return [_reconsidered(tensor, changes[tensor.name], unit) for tensor in tensors]


def _reconsidered(tensor: Deviation, change: float, unit: Unit) -> Deviation:
    """The deviation, allowed as much more as rounding moved its tensor; one that is allowed already stays."""
    if tensor.ok or not math.isfinite(change):
        return tensor
    return tensor._replace(allowed=tensor.allowed + change / _one_epsilon(tensor.largest, unit))


# --- rounding at random -----------------------------------------------------------------------------------


class Rounding:
    """Numbers rounded at random, as a dtype would: each is off by up to `spread` of itself, or by `smallest`.

    What that changes in a result tells how far rounding alone can move it: a sum that cancels, a tanh in saturation,
    a relu whose argument is next to 0.
    """

    def __init__(self, spread: float, smallest: float, seed: int) -> None:
        self.spread, self.smallest = spread, smallest
        # why its own: what is drawn for the model must not depend on how often something was rounded.
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, values: Tensor) -> Tensor:
        """`values` rounded."""
        noise = torch.rand((2, *values.shape), generator=self._generator, dtype=torch.float64) * 2 - 1
        return values * (1 + self.spread * noise[0]) + self.smallest * noise[1]

    def flow(self, flow: Flow) -> Flow:
        """`flow`, which holds no indices, rounded."""
        return with_data(flow, self(data_of(flow)))

    def reference(self, layer: Layer, module: nn.Module) -> nn.Module:
        """The `reference` with its weights rounded, and each function's results and gradients as they are computed."""
        twin = reference(layer, module)
        # why not in place: in float64 on the CPU they are the module's own.
        twin.load_state_dict({name: self(value) for name, value in twin.state_dict().items()}, assign=True)
        if isinstance(twin, PlainRNN | EquationModule):
            rounded = {name: partial(_RoundedFunction.apply, name, self) for name in COLUMNS}
            twin.functions = {**rounded, **OF_TWO}
        if isinstance(twin, BatchNormModule):
            twin.stored = self
        return twin.requires_grad_()


class _RoundedFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, name: str, rounding: Rounding, values: Tensor) -> Tensor:
        result = rounding(COLUMNS[name](values))
        # why the result: as in torch a derivative is worked out from it, and one that is off takes that along.
        ctx.save_for_backward(values, result)
        ctx.name, ctx.rounding = name, rounding
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        values, result = ctx.saved_tensors
        return None, None, ctx.rounding(FUNCTIONS[ctx.name].gradient(gradients[0], values, result, OPERATIONS))
