"""The interval of a ratio of medians, by drawing processes, and the rounds of each, anew."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache

_REPEATS = 1000
_OUTSIDE = 0.025


def ratio_interval(
    old: Sequence[Sequence[float]], new: Sequence[Sequence[float]], center: float
) -> tuple[float, float]:
    """The 95 % interval of new / old, from the rounds of each process, sorted; `center` alone where one has no rounds.

    why center is always inside: the figures are the medians of all calls, and rounds may hold unequal numbers of them.
    """
    if not all(old) or not all(new):
        return center, center
    drawn = zip(_medians(old, "old"), _medians(new, "new"), strict=True)
    ratios = sorted(b / a for a, b in drawn)
    outside = int(_OUTSIDE * _REPEATS)
    return min(ratios[outside], center), max(ratios[-1 - outside], center)


def _medians(processes: Sequence[Sequence[float]], stream: str) -> list[float]:
    """The median of the processes' medians, _REPEATS times, each time with processes and rounds drawn anew."""
    drawn = [
        # one of each process, for each place that it may be drawn to
        [[process[k] for k in _places(len(process), f"{stream} {slot}")] for process in processes]
        for slot in range(len(processes))
    ]
    if len(processes) == 1:
        return drawn[0][0]
    # why sorted by hand: statistics.median takes three times as long, and it is called a million times.
    ordered = (
        sorted([drawn[slot][process][k] for slot, process in enumerate(chosen)])
        for k, chosen in enumerate(_choices(len(processes), stream))
    )
    lower, upper = (len(processes) - 1) // 2, len(processes) // 2
    return [(values[lower] + values[upper]) / 2 for values in ordered]


# why these are kept: the draws depend on no time, so that a thousand comparisons share them and take a second.
@lru_cache(maxsize=256)
def _places(rounds: int, stream: str) -> tuple[int, ...]:
    """Which of n rounds, in order of size, is the median of n that are drawn from them with replacement.

    The median of n uniform draws follows Beta((n + 1) / 2, (n + 1) / 2); drawing it so spares drawing the n.
    """
    draw = random.Random(f"rounds {rounds} {stream}")
    shape = (rounds + 1) / 2
    return tuple(min(int(rounds * draw.betavariate(shape, shape)), rounds - 1) for _ in range(_REPEATS))


@lru_cache(maxsize=16)
def _choices(processes: int, stream: str) -> tuple[tuple[int, ...], ...]:
    draw = random.Random(f"processes {processes} {stream}")
    return tuple(tuple(draw.choices(range(processes), k=processes)) for _ in range(_REPEATS))
