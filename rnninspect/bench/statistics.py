"""What can be said of a time from its samples: median, interval, best, drift, and no percentile beyond what n bears."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from rnninspect.bench.records import Interval

# How many samples a percentile needs before an honest estimate of it exists (MLPerf LoadGen's early stopping).
PERCENTILE_NEEDS = {90: 64, 99: 662}
_CONFIDENCE = 0.95


def interval(round_medians: Sequence[float]) -> Interval | None:
    """The 95 % interval of the median of the rounds, from order statistics; None for fewer than six rounds.

    why of rounds: calls in a row are correlated, so that an interval over them is far too narrow. By the binomial law
    the k-th smallest and the k-th largest of n hold the median with probability 1 - 2 P(X < k), X ~ B(n, 1/2).
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
