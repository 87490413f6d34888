"""Which rows of a long table people are shown."""

from __future__ import annotations

_MOST = 40


def evenly(count: int) -> tuple[int, ...] | None:
    """At most 40 of `count` rows, evenly spread with the first and the last; None where all have room."""
    if count <= _MOST:
        return None
    return tuple(dict.fromkeys(round(k * (count - 1) / (_MOST - 1)) for k in range(_MOST)))


def by_decades(count: int) -> tuple[int, ...] | None:
    """Rows 0, 1, 2, 5, 10, 20, 50 ... and the last; None where `count` is small enough for all."""
    if count <= 12:
        return None
    steps = (digit * 10**power for power in range(len(str(count))) for digit in (1, 2, 5))
    return tuple(dict.fromkeys([0, *(step for step in steps if step < count), count - 1]))
