"""How much faster or slower one thing is than another, in words, from the ratio of their times and its interval."""

from __future__ import annotations

import math


def faster(ratio: float, low: float, high: float) -> str:
    """`1.8 ± 0.1 times faster`; ratio: new over old."""
    if ratio < 1:
        return f"{_give_or_take(1 / ratio, 1 / high, 1 / low)} times faster"
    return f"{_give_or_take(ratio, low, high)} times slower"


def _give_or_take(value: float, low: float, high: float) -> str:
    """`1.8 ± 0.1`: the digits end with the first of the interval."""
    half = max(high - value, value - low)
    if not math.isfinite(half):
        return f"{value:.3g}"
    # why three at the most: of rounds that are all alike the interval has no width.
    digits = 3 if half < 1e-3 else max(0, -math.floor(math.log10(half)))
    return f"{value:,.{digits}f} ± {max(half, 10.0**-digits):,.{digits}f}"
