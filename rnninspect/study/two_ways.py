"""A layer that torch lacks held against itself, in float64 on the CPU: run in two ways, and differentiated in two.

Its equations as they are trained with (`runtime.ahead`) are held against the same evaluated as they are written
(`runtime.plain`), and its gradients along one random direction against central differences of the latter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from rnninspect.document.chain import Link
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.ahead import EquationRNN
from rnninspect.runtime.plain import PlainRNN
from rnninspect.runtime.recurrence import data_of, with_data
from rnninspect.study.differences import Sides, differentiate, direction
from rnninspect.study.passes import GRADIENT, Given, passes, taken_in
from rnninspect.study.reference import exact_values, reference, run_layer
from rnninspect.study.rounding import Deviation

# How far the two may be apart, relative to the largest of a tensor; more where rounding alone explains more.
STATES, GRADIENTS = 1e-12, 1e-7
# How sure differences must be, relative to the slope that is expected, for anything to be said.
_SURE_ENOUGH = 1e-3
# A slope is allowed so many times what differences may be off by.
_DOUBTS = 4.0
# So many directions are tried. why more than one: differences may, once in a thousand cells, be wrongly sure.
_DIRECTIONS = 3

What = Literal["states", "gradients", "slope"]


class Proof(NamedTuple):
    """One thing that was held against another.

    what: output and final states, the gradients, or their slope along a direction. tensor: that which is farthest off.
    relative: its error, as a part of its largest magnitude; of a slope, of what it is in the mean over directions.
    allowed: the most that it may be. kinks: how many numbers have their kink within the step of a slope.
    ok: None where nothing can be said.
    """

    what: What
    tensor: str
    relative: float
    allowed: float
    kinks: int
    ok: bool | None


def run_ahead(link: Link, module: nn.Module, given: Given) -> dict[str, Tensor]:
    """Every tensor of a forward and a backward pass in float64 of what the layer is trained with."""
    layer = link.layer
    assert isinstance(layer, Recurrent)
    twin = EquationRNN(layer, device=torch.device("meta"))
    twin.load_state_dict(exact_values(module), assign=True)
    return passes(link, twin.requires_grad_(), *given).tensors


def of_tensors(tensors: Sequence[Deviation], epsilon: float) -> tuple[Proof, Proof]:
    """What was found of each tensor, in two lines: of the output and states, and of the gradients."""
    gradients = [tensor for tensor in tensors if tensor.name.startswith(GRADIENT)]
    states = [tensor for tensor in tensors if tensor not in gradients]
    return _worst("states", states, STATES, epsilon), _worst("gradients", gradients, GRADIENTS, epsilon)


def _worst(what: What, tensors: Sequence[Deviation], least: float, epsilon: float) -> Proof:
    def share(tensor: Deviation) -> float:
        return tensor.relative / allowed(tensor) if math.isfinite(tensor.relative) else math.inf

    def allowed(tensor: Deviation) -> float:
        return max(tensor.allowed, least / epsilon)

    worst = max(tensors, key=share)
    return Proof(
        what=what,
        tensor=worst.name,
        relative=worst.relative * epsilon,
        allowed=allowed(worst) * epsilon,
        kinks=0,
        ok=share(worst) <= 1,
    )


def slope(link: Link, module: nn.Module, given: Given, gradients: Mapping[str, Tensor]) -> Proof:
    """The slope that the gradients say, against what differences of the equations, as they are written, are.

    Along the first direction on which the two agree, or else the last that was tried.
    """
    twin, sides = reference(link.layer, module), Sides()
    assert isinstance(twin, PlainRNN)
    twin.functions = sides.functions
    flow, states, upstream = given
    weights = {name: parameter.detach().clone() for name, parameter in twin.named_parameters()}
    point = {**taken_in(link, data_of(flow), states), **weights}

    def evaluate(ways: Mapping[str, Tensor], distance: float) -> tuple[Tensor, ...]:
        moved = {name: value + distance * ways[name] for name, value in point.items()}
        twin.load_state_dict({name: moved[name] for name in weights}, assign=True)
        data, *given = (tensor for name, tensor in moved.items() if name not in weights)
        with torch.no_grad():
            ran = run_layer(link, twin, with_data(flow, data), tuple(given))
        return (data_of(ran.output), *ran.states)

    for seed in range(_DIRECTIONS):
        ways = direction(point, seed)
        products = [gradients[GRADIENT + name] * way for name, way in ways.items()]
        said = math.fsum(float(product.sum()) for product in products)
        # why not the slope itself: of a direction along which next to nothing changes it is next to 0.
        scale = math.sqrt(math.fsum(float(product.square().sum()) for product in products)) or 1.0
        found = differentiate(partial(evaluate, ways), upstream, sides, scale)
        proof = _of_slope(abs(found.slope - said) / scale, found.doubt / scale, found.kinks)
        if proof.ok:
            break
    return proof


def _of_slope(error: float, doubt: float, kinks: int) -> Proof:
    allowed = max(GRADIENTS, _DOUBTS * doubt)
    ok = error <= allowed if doubt <= _SURE_ENOUGH else None
    return Proof(what="slope", tensor="", relative=error, allowed=allowed, kinks=kinks, ok=ok)
