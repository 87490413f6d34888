"""The vectors that a trace looks at, and what is said of one at a step: its statistics, and how sure they are."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from rnninspect.study.decay import student

# Where a function is said to be saturated: below the first or above the second. For gates that is where Karpathy et
# al. 2016, "Visualizing and understanding recurrent networks", section 4.2, draw the line; relu is off, not saturated.
SATURATED = {
    **dict.fromkeys(("sigmoid", "hardsigmoid"), (0.1, 0.9)),
    **dict.fromkeys(("tanh", "softsign"), (-0.9, 0.9)),
    "relu": (math.ulp(0.0), math.inf),
}


class Vector(NamedTuple):
    """A vector of the equations.

    function: the last one applied to it. carries: the state whose past it multiplies; inverse: as 1 - the vector.
    """

    name: str
    function: str | None
    is_state: bool
    carries: str | None
    inverse: bool = False

    @property
    def saturates(self) -> bool:
        """Whether it is made by a function that can be saturated, or off."""
        return self.function in SATURATED

    def share(self, values: Tensor) -> Tensor:
        """How much of the state that it carries stays, whatever its sign."""
        return (1 - values if self.inverse else values).abs()


class VectorStats(NamedTuple):
    """One vector at one step, over all units and all sequences that are running.

    norm: the Euclidean norm over the units, averaged over the sequences. saturated: a share from 0 to 1.
    mean_half, norm_half, saturated_half: half the 95 % interval of these, from sequence to sequence; None for one.
    half_life: after how many steps half of the state is left, were the gate to stay as it is: ln 2 / -mean(ln gate),
    or of 1 - gate where that is what stays.
    """

    mean: float
    std: float
    minimum: float
    maximum: float
    norm: float
    saturated: float | None
    half_life: float | None
    mean_half: float | None
    norm_half: float | None
    saturated_half: float | None


def stats_of(vector: Vector, values: Tensor) -> VectorStats:
    """Statistics of one vector, (H, B)."""
    out = None
    if vector.function in SATURATED:
        low, high = SATURATED[vector.function]
        out = ((values < low) | (values > high)).double().mean(dim=0)
    norms = values.norm(dim=0)
    return VectorStats(
        mean=float(values.mean()),
        std=float(values.std(correction=0)),
        minimum=float(values.min()),
        maximum=float(values.max()),
        norm=float(norms.mean()),
        saturated=None if out is None else float(out.mean()),
        half_life=None if vector.carries is None else half_life(float(vector.share(values).log().mean())),
        mean_half=_half(values.mean(dim=0)),
        norm_half=_half(norms),
        saturated_half=None if out is None else _half(out),
    )


def _half(of_sequences: Tensor) -> float | None:
    """Half the 95 % interval of the mean, (B,)."""
    count = len(of_sequences)
    return None if count < 2 else student(count - 1) * float(of_sequences.std()) / math.sqrt(count)


def half_life(mean_log: float) -> float:
    """After how many steps half is left of what keeps so much at each, by the mean of its logarithm."""
    return math.log(2) / -mean_log if mean_log < 0 else math.inf
