"""What a call takes in energy, by a counter that is made up and moves now and then; and what data sheets promise."""

from __future__ import annotations

import math

import pytest

from rnninspect.bench.data_sheets import sheet_flops
from rnninspect.bench.figure import joules_of


class Meter:
    """A GPU that takes `watts`, whose counter moves every `every` seconds; five calls take `seconds`."""

    def __init__(self, watts: float, every: float, seconds: float) -> None:
        self.watts, self.every, self.seconds = watts, every, seconds
        self.now, self.calls = 0.013, 0

    def sample(self) -> int:
        self.now += self.seconds
        self.calls += 5
        return 5

    def counter(self) -> float | None:
        return self.watts * self.every * math.floor(self.now / self.every)


@pytest.mark.parametrize(("every", "seconds"), [(0.1, 0.02), (0.02, 0.003), (0.1, 0.4)])
def test_joules_are_watts_by_the_seconds_of_a_call(every: float, seconds: float) -> None:
    """To as much as a sample at either end leaves open, and not the counter, which moves less often."""
    meter = Meter(300.0, every, seconds)
    found = joules_of(meter.sample, meter.counter, 0.95, lambda: meter.now)
    assert found == pytest.approx(300.0 * seconds / 5, rel=2 * seconds / 0.95)
    assert meter.now < 3.0


def test_what_nobody_counts_is_not_known() -> None:
    meter = Meter(300.0, 0.1, 0.02)
    assert joules_of(meter.sample, lambda: None, 1.0, lambda: meter.now) is None
    assert meter.calls == 0
    # One that stands still is given up, after a while.
    assert joules_of(meter.sample, lambda: 5.0, 1.0, lambda: meter.now) is None
    assert meter.now < 2.0


@pytest.mark.parametrize(
    ("name", "dtype", "precision", "tera"),
    [
        ("NVIDIA H200", "float32", "tf32", 494.5),
        ("NVIDIA H200", "float32", "ieee", 67.0),
        ("NVIDIA H200", "bfloat16", None, 989.5),
        ("NVIDIA A100-SXM4-80GB", "float64", None, 19.5),
        ("Tesla V100-SXM2-16GB", "bfloat16", None, None),
        ("Tesla V100-SXM2-16GB", "float32", "tf32", None),
        ("NVIDIA H200", "float32", None, None),
        ("AMD EPYC", "float32", None, None),
        (None, "float32", "tf32", None),
    ],
)
def test_what_a_data_sheet_promises(name: str | None, dtype: str, precision: str | None, tera: float | None) -> None:
    assert sheet_flops(name, dtype, precision) == (tera and 1e12 * tera)
