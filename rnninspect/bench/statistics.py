"""What samples say of a time: the interval of its median, its drift, and percentiles where they are enough."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from rnninspect.bench.records import Interval

# How many samples a percentile needs before an honest estimate of it exists (MLPerf LoadGen's early stopping).
PERCENTILE_NEEDS = {90: 64, 99: 662}
_CONFIDENCE = 0.95


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
