"""Shares from 0 to 1 as numbers and texts in %."""

from __future__ import annotations

import math


def percent(share: float) -> float:
    """A share in %."""
    # why 15 digits: 100 * 0.07 is a little more than 7
    return float(f"{100 * share:.15g}")


def digits(share: float, *, sign: bool = False, above: float = -math.inf) -> str:
    """A number of % in three digits, or whole where it has more; so many more that it reads as more than `above`."""
    plus = "+" if sign else ""
    for precision in range(3, 18):
        text = f"{share:{plus}.{precision}g}" if abs(share) < 999.5 else f"{share:{plus},.{precision - 3}f}"
        if float(text.replace(",", "")) > above:
            break
    return text


def share_text(share: float) -> str:
    """A share as it is written where one was asked for: `5 %`."""
    return f"{100 * share:g} %"
