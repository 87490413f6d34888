from __future__ import annotations

import math
from random import Random

import pytest

from rnninspect.bench.records import Interval
from rnninspect.bench.statistics import drift, interval, percentile


@pytest.mark.parametrize("n", range(6))
def test_fewer_than_six_rounds_bear_no_interval(n: int) -> None:
    assert interval([1.0] * n) is None


@pytest.mark.parametrize(("n", "low", "high"), [(6, 1, 6), (7, 1, 7), (8, 1, 8), (9, 2, 8), (12, 3, 10), (20, 6, 15)])
def test_the_order_statistics_are_those_of_the_tables(n: int, low: int, high: int) -> None:
    """Conover, Practical Nonparametric Statistics: ranks of the 95 % interval of a median."""
    assert interval([float(k) for k in range(1, n + 1)]) == Interval(low, high)


@pytest.mark.parametrize("n", [7, 9, 15, 30])
def test_the_interval_holds_the_median_as_often_as_it_says(n: int) -> None:
    random = Random(n)
    held = 0
    for _ in range(2_000):
        spread = interval([random.expovariate(1.0) for _ in range(n)])
        assert spread is not None
        held += spread.low <= math.log(2) <= spread.high
    # 95 % at the least, less four standard errors.
    assert held / 2_000 >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 2_000)


def test_the_half_width_is_the_longer_side() -> None:
    assert Interval(9.0, 12.0).half(10.0) == pytest.approx(0.2)


def test_drift_compares_the_halves() -> None:
    assert drift([1.0, 1.0, 1.0, 2.0, 2.0, 2.0]) == 2.0
    assert drift([1.0, 1.0, 1.0, 9.0, 2.0, 2.0, 2.0]) == 2.0
    assert drift([1.0] * 5) is None


def test_no_percentile_is_told_that_the_samples_cannot_bear() -> None:
    assert percentile([1.0] * 63, 90) is None
    assert percentile([float(k) for k in range(1, 65)], 90) == 58.0
    assert percentile([1.0] * 661, 99) is None
    assert percentile([float(k) for k in range(1, 663)], 99) == 656.0
