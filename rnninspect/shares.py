"""Shares from 0 to 1 as numbers and texts in %."""

from __future__ import annotations


def percent(share: float) -> float:
    """A share in %."""
    # why 15 digits: 100 * 0.07 is a little more than 7
    return float(f"{100 * share:.15g}")


def share_text(share: float) -> str:
    """A share as it is written where one was asked for: `5 %`."""
    return f"{100 * share:g} %"
