"""Gradients held against central differences: how fast outputs change as all that goes in moves along one direction.

The direction is drawn at random. Steps are shortened and extrapolated as long as that makes the result surer (Ridders
1982), and how far it may be off is known from how little the last step changed it. A kink (of relu, max, min, abs,
hardsigmoid) between the point and a step would be taken for a slope: each stays, step or no step, on the side where it
is at the point, and those that would have changed sides are counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnninspect.runtime.functions import COLUMNS, OF_TWO

# The longest step, as a part of what a number of its tensor is in the mean; each is a quarter of the one before.
_FIRST, _SHORTER, _STEPS = 2.0**-7, 4.0, 9
# Where it is as sure as this, relative to what slopes are large beside, no shorter step is tried; where it is less sure
# than the second, one is though the last made it worse.
_SURE, _UNSURE = 1e-11, 1e-8

Function = Callable[..., Tensor]
# What is evaluated at a distance from a point, along a direction.
Along = Callable[[float], tuple[Tensor, ...]]


class Differences(NamedTuple):
    """slope: of what was asked for. doubt: how far it may be off. kinks: how many lay within the shortest step."""

    slope: float
    doubt: float
    kinks: int


def direction(tensors: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """A direction at random, in which a tensor's numbers move by as much as they are large; zeros as if they were 1."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(values.shape, generator=generator, dtype=torch.float64)
        * (float(values.square().mean().sqrt()) or 1.0)
        for name, values in tensors.items()
    }


def differentiate(evaluate: Along, upstream: tuple[Tensor, ...], sides: Sides, scale: float) -> Differences:
    """The slope of the sum of what is evaluated, weighted by `upstream`.

    sides: those that the functions which `evaluate` uses stay on. scale: what a slope is large beside.
    """
    sides.begin(remember=True)
    evaluate(0.0)
    best, row = Differences(math.nan, math.inf, 0), list[float]()
    for step in (_FIRST / _SHORTER**k for k in range(_STEPS)):
        sides.begin(remember=False)
        pairs = zip(upstream, evaluate(step), evaluate(-step), strict=True)
        slope = sum(float((weight * (ahead - behind)).sum()) for weight, ahead, behind in pairs) / (2 * step)
        # why anew: a step may lead out of where log or a root has a value.
        if not math.isfinite(slope):
            row = []
            continue
        row, before = list(_extrapolated(slope, row)), row
        for k, better in enumerate(row[1:], 1):
            doubt = max(abs(better - row[k - 1]), abs(better - before[k - 1]))
            if doubt <= best.doubt:
                best = Differences(better, doubt, sides.left)
        worse = len(row) > 1 and abs(row[-1] - before[-1]) >= 2 * best.doubt
        if best.doubt <= _SURE * scale or (worse and best.doubt <= _UNSURE * scale):
            break
    return best


def _extrapolated(slope: float, before: list[float]) -> Iterator[float]:
    """A slope, and what it makes of those of longer steps: each free of one more power of the step."""
    yield slope
    factor = 1.0
    for longer in before:
        factor *= _SHORTER**2
        slope += (slope - longer) / (factor - 1)
        yield slope


# --- kinks ------------------------------------------------------------------------------------------------


class Sides:
    """Functions that remember on which side of their kink each number was, and then keep to it.

    functions: all of the language's, in place of `COLUMNS` and `OF_TWO`. left: how many would have left their side.
    """

    def __init__(self) -> None:
        pieces: Mapping[str, tuple[Function, Function]] = {
            "relu": (torch.sign, lambda side, a: torch.where(side > 0, a, 0.0)),
            "abs": (torch.sign, lambda side, a: side * a),
            "softsign": (torch.sign, lambda side, a: a / (1 + side * a)),
            "hardsigmoid": (_third, _hardsigmoid),
            "max": (_larger, _chosen),
            "min": (_larger, lambda side, a, b: _chosen(-side, a, b)),
        }
        self._sides: list[Tensor] = []
        self._next, self._remember, self.left = 0, True, 0
        self.functions: Mapping[str, Function] = {
            **COLUMNS,
            **OF_TWO,
            **{name: self._kept_to(side_of, piece) for name, (side_of, piece) in pieces.items()},
        }

    def begin(self, *, remember: bool) -> None:
        """Begin to remember sides, in the order that functions are used, or to keep to those that are remembered."""
        self._remember, self._next, self.left = remember, 0, 0
        if remember:
            self._sides = []

    def _kept_to(self, side_of: Function, piece: Function) -> Function:
        def function(*given: Any) -> Tensor:
            side = side_of(*given).to(torch.int8)
            if self._remember:
                self._sides.append(side)
            # why a remainder: both ends of a step are evaluated one after the other.
            kept = self._sides[self._next % len(self._sides)]
            self._next += 1
            self.left += int((side != kept).sum())
            return piece(kept, *given)

        return function


def _third(values: Tensor) -> Tensor:
    """Where hardsigmoid is flat, -1 or 1; as in torch its ends belong to the slope."""
    sloped = values / 6 + 0.5
    return (sloped > 1).to(torch.int8) - (sloped < 0).to(torch.int8)


def _hardsigmoid(side: Tensor, values: Tensor) -> Tensor:
    return torch.where(side == 0, values / 6 + 0.5, (side > 0).to(values.dtype))


def _larger(a: Any, b: Any) -> Tensor:
    return torch.sign(torch.as_tensor(a - b))


def _chosen(side: Tensor, a: Any, b: Any) -> Tensor:
    """a where side is 1, b where it is -1; of two that are equal each moves the result by half, as in torch."""
    like = a if isinstance(a, Tensor) else b
    a, b = (torch.as_tensor(value, dtype=like.dtype) for value in (a, b))
    return torch.where(side > 0, a, torch.where(side < 0, b, (b + a) / 2))
