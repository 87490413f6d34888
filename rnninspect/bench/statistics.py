"""What samples say of a time: its median's interval, its drift, percentiles; and the interval of a ratio of two."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from functools import lru_cache

from rnninspect.bench.records import Interval

# How many samples a percentile needs before an honest estimate of it exists (MLPerf LoadGen's early stopping).
PERCENTILE_NEEDS = {90: 64, 99: 662}
_CONFIDENCE = 0.95
# Of the interval of a ratio: how often processes and rounds are drawn anew, and the share left out at each end.
_REPEATS, _OUTSIDE = 1000, 0.025


def interval(round_medians: Sequence[float]) -> Interval | None:
    """The 95 % interval of the rounds' median: two of the rounds themselves; None for fewer than six rounds.

    why of rounds: calls in a row are alike, so that an interval over calls is far too narrow. The true median lies
    between the k-th smallest and the k-th largest of n with probability 1 - 2 P(X < k), where X follows the binomial
    law B(n, 1/2): each round falls below the median or above it with the same chance. The largest such k is taken.
    """
    ordered = sorted(round_medians)
    n = len(ordered)
    k, tail = 0, 0.0
    while k < n // 2:
        tail += math.comb(n, k) / 2**n
        if 1 - 2 * tail < _CONFIDENCE:
            break
        k += 1
    return Interval(ordered[k - 1], ordered[n - k]) if k else None


def drift(round_medians: Sequence[float]) -> float | None:
    """The median of the second half of the rounds over that of the first; None for fewer than six rounds."""
    if len(round_medians) < 6:
        return None
    middle = len(round_medians) // 2
    return statistics.median(round_medians[-middle:]) / statistics.median(round_medians[:middle])


def percentile(samples: Sequence[float], which: int) -> float | None:
    """The 90th or 99th percentile (nearest rank); None where there are too few samples to tell."""
    if len(samples) < PERCENTILE_NEEDS[which]:
        return None
    return sorted(samples)[math.ceil(which / 100 * len(samples)) - 1]


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
