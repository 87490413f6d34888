"""How a gradient fades or grows with the lag: a straight line through its logarithms, and what it says."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

# Below this share of its start a gradient is called vanished; above its inverse, exploded.
HORIZON = 1e-3
# From the first lag to the last: what changes by less does not fade; what may change by more is not kept.
_NO_CHANGE, _KEPT = math.log(1.01), math.log(2)
# Beyond these a gradient has lost digits, or all of them.
_TINY, _HUGE = 1e-290, 1e290
# 97.5 % of Student's t is below this, by degrees of freedom from 1; with more, 1.960 + 2.372 / n + 2.823 / n^2.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


class Decay(NamedTuple):
    """A curve in one number: the factor per step, exp of the slope of a straight line through its logarithms.

    factor: None where fewer than three lags are on the line.
    low, high: the 95 % interval of the factor, from sequence to sequence; None for one sequence.
    horizon: the first lag at which the curve is below HORIZON of its start, None where it never is. The start is the
    first lag that is not 0.
    verdict: "vanishing" with a horizon, "exploding" where it rises above 1 / HORIZON of its start first; short of
    both "fading" or "growing" where the factor and its interval are on one side of 1, "kept" where they are near it,
    else "unclear"; "dead" is 0.
    """

    factor: float | None
    low: float | None
    high: float | None
    horizon: int | None
    verdict: str


def rms(norms: Tensor) -> Tensor:
    """The root mean square at every lag, (lags,), over the sequences that have it: (lags, N), nan for the others."""
    scale = norms.nan_to_num(0).amax(dim=1, keepdim=True)
    shares = torch.where(scale > 0, norms / scale, norms)
    return scale.squeeze(1) * shares.square().nanmean(dim=1).sqrt()


def half_widths(norms: Tensor) -> Tensor:
    """Half the 95 % interval of `rms` at every lag, (lags,), of the jackknife; nan where only one sequence has it."""
    scale, means = _means(norms)
    present = ~norms.isnan()
    count = present.sum(dim=1)
    without = means[:, 1:].sqrt()
    # why only of those that have the lag: without one that has not, nothing changes.
    middle = torch.where(present, without, 0.0).sum(dim=1) / count
    off = torch.where(present, (without - middle[:, None]).square(), 0.0).sum(dim=1)
    students = [student(int(n) - 1) if n > 1 else math.nan for n in count]
    return scale * torch.tensor(students, dtype=torch.float64) * (off * (count - 1) / count).sqrt()


def _means(norms: Tensor) -> tuple[Tensor, Tensor]:
    """A scale of every lag, (lags,), and the mean square in it, of all sequences and without each, (lags, 1 + N)."""
    # why: norms of 1e-200 have no square in float64.
    scale = norms.nan_to_num(0).amax(dim=1, keepdim=True)
    squares, present = (norms / scale).square().nan_to_num(0), (~norms.isnan()).double()
    total, count = squares.sum(dim=1, keepdim=True), present.sum(dim=1, keepdim=True)
    means = torch.cat([total, total - squares], dim=1) / torch.cat([count, count - present], dim=1)
    return scale.squeeze(1), means


def decay_of(norms: Tensor, first: int) -> Decay | None:
    """The decay of a curve; None where there are too few lags to tell.

    norms: of each sequence at every lag from `first` on, (lags, N); nan where a sequence is shorter.
    The interval is that of the jackknife over the sequences, with Student's t (Tukey 1958). why not the bootstrap: of
    few sequences its 95 % were 50 % (two) to 85 % (eight), measured.
    """
    curve = rms(norms)
    if len(curve) < 3:
        return None
    if float(curve.max()) == 0:
        return Decay(factor=None, low=None, high=None, horizon=None, verdict="dead")
    # why: a state that the same step's output does not read is 0 at lag 0, and whatever follows would have exploded.
    unread = int((curve > 0).long().argmax())
    norms, curve, first = norms[unread:], curve[unread:], first + unread
    if len(curve) < 3:
        return None
    # why: a lag that only few sequences have says how those few decay, and what is beyond float64 is on no line.
    common = (~norms.isnan()).double().mean(dim=1) > 0.5
    whole = common & (curve > _TINY) & (curve < _HUGE)
    line = _line(norms[: int(whole.long().cumprod(0).sum())])
    horizon, exploded = _first(curve < HORIZON * curve[0]), _first(curve * HORIZON > curve[0])
    if exploded is not None and (horizon is None or exploded < horizon):
        verdict = "exploding"
    elif horizon is not None:
        verdict = "vanishing"
    elif line is None:
        return None
    else:
        verdict = line.verdict
    factor, low, high = line.factors if line else (None, None, None)
    lag = None if horizon is None else horizon + first
    return Decay(factor=factor, low=low, high=high, horizon=lag, verdict=verdict)


class _Line(NamedTuple):
    """A straight line through the logarithms of `lags` norms.

    half: half the width of the 95 % interval of its slope, None for one sequence.
    """

    slope: float
    half: float | None
    lags: int

    @property
    def factors(self) -> tuple[float, float | None, float | None]:
        """The factor per step, and its interval."""
        half = math.nan if self.half is None else self.half
        logs = torch.tensor([self.slope, self.slope - half, self.slope + half], dtype=torch.float64)
        factor, low, high = logs.exp().tolist()
        return (factor, None, None) if self.half is None else (factor, low, high)

    @property
    def verdict(self) -> str:
        """Which way it goes, where the interval leaves no doubt."""
        slope, half, steps = abs(self.slope), self.half or 0.0, self.lags - 1
        if slope > half and slope * steps > _NO_CHANGE:
            return "fading" if self.slope < 0 else "growing"
        return "kept" if (slope + half) * steps < _KEPT else "unclear"


def _line(norms: Tensor) -> _Line | None:
    """The line through log(rms) by least squares; None for fewer than three lags."""
    lags, sequences = norms.shape
    if lags < 3:
        return None
    scale, means = _means(norms)
    x = torch.arange(lags, dtype=torch.float64)
    x -= x.mean()
    slope, *without = (x @ (means.log() / 2 + scale.log()[:, None]) / x.square().sum()).tolist()
    half = None
    if sequences > 1:
        spread = torch.tensor(without, dtype=torch.float64).std(correction=0).item()
        half = student(sequences - 1) * math.sqrt(sequences - 1) * spread
        # Where one sequence alone is not 0, there is no telling how they vary.
        half = half if math.isfinite(half) else math.inf
    return _Line(slope, half, lags)


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t for so many degrees of freedom, or a little more."""
    return _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else 1.960 + 2.372 / freedom + 2.823 / freedom**2


def _first(true: Tensor) -> int | None:
    """The first index at which `true` is, None where it never is."""
    indices = torch.nonzero(true)
    return int(indices[0]) if len(indices) else None
