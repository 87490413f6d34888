"""The axes of a chart, the same ones in characters and in a picture: where values stand, and what the ticks say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import count, pairwise
from typing import NamedTuple

from rnninspect.results.table import Series

ROWS = 16  # from the bottom of the y axis to its top, give or take four
_MOST_LABELS = 8  # on the y axis, from the second
_FEW = 12  # values of a logarithmic x axis that are labelled themselves


class Tick(NamedTuple):
    """A label, and where it stands: in cells from the first."""

    at: float
    label: str


class Axis(NamedTuple):
    """Cells in a row. low: the value in the middle of the first; step: from one to the next; size: how many.

    log: values are placed by their logarithm to base 10; low and step are such ones.
    """

    low: Fraction
    step: Fraction
    size: int
    ticks: tuple[Tick, ...]
    log: bool = False

    def positions(self, values: Sequence[float]) -> list[float]:
        """Where each value stands: in cells from the middle of the first."""
        if not values:
            return []
        values = [math.log10(value) for value in values] if self.log else values
        # why so roundabout: exact fractions would take seconds for long series, and floats alone overflow where
        # values are near the largest, and round all to one where they are near each other.
        largest = max(abs(self.low), abs(self.low + self.step * self.size))
        exponent = largest.numerator.bit_length() - largest.denominator.bit_length() + 1
        first = math.ldexp(values[0], -exponent)
        start = float((Fraction(values[0]) - self.low) / self.step)
        scale = float(self.step / Fraction(2) ** exponent)
        found = (start + (math.ldexp(value, -exponent) - first) / scale for value in values)
        return [min(max(position, 0.0), self.size - 1.0) for position in found]


def has_place(x: float, y: float | None, log: bool, log_x: bool = False) -> bool:
    """Whether a point can be drawn: both numbers finite, and > 0 on a log axis."""
    return y is not None and math.isfinite(x) and math.isfinite(y) and (y > 0 or not log) and (x > 0 or not log_x)


def left_out(series: Series, log: bool, log_x: bool = False) -> str:
    """What a legend says about the points that have no place; nothing where all of them have one."""
    given = [(x, y) for x, y in series.points if y is not None]
    out = [x for x, y in given if not has_place(x, y, log, log_x)]
    if not given:
        return "no values"
    if not out:
        return ""
    by_x = sum(log_x and not x > 0 for x in out)
    rest = "not > 0" if log else "not finite"
    why = ["x not > 0"] * (by_x > 0) + [rest] * (by_x < len(out))
    return f"{len(out):,} of {len(given):,} values left out: {' or '.join(why)}"


def nothing(log: bool, log_x: bool = False) -> str:
    """What stands in place of a chart without any point that has a place."""
    return f"nothing to draw: no {'value > 0' if log else 'number'}{' at x > 0' if log_x else ''}"


def y_axis(values: Sequence[float], log: bool) -> Axis:
    """An axis from below the least of `values` to above the largest, some 16 cells long; whole decades if log."""
    return _decades(values) if log else _round(values)


def x_axis(values: Sequence[float], size: int, fits: Callable[[Sequence[Tick]], bool], log: bool = False) -> Axis:
    """An axis from the least of `values` to the largest, in at most `size` cells.

    fits: whether there is room for the labels; those with the smallest steps that do are taken.
    """
    if log:
        return _log_x_axis(sorted(set(values)), size, fits)
    low, high = Fraction(min(values)), Fraction(max(values))
    first = _number(Decimal(repr(float(low))))
    if low == high:
        middle = size // 2
        return Axis(low=low - middle, step=Fraction(1), size=size, ticks=(Tick(middle, first),))
    whole = all(value == math.floor(value) for value in values)
    if whole and high - low < size:
        # why: a step that is now two columns wide and now three would look like one that is missing.
        size = int((size - 1) // (high - low) * (high - low)) + 1
    cell = (high - low) / (size - 1)
    for step in _round_steps(max(cell, Fraction(whole))):
        unit = Fraction(step)
        numbers = range(math.ceil(low / unit), math.floor(high / unit) + 1)
        ticks = tuple(Tick(float((n * unit - low) / cell), _number(n * step)) for n in numbers)
        if not ticks:
            break
        if fits(ticks):
            return Axis(low=low, step=cell, size=size, ticks=ticks)
    # No round number is between the ends, or none whose label has room.
    return Axis(low=low, step=cell, size=size, ticks=(Tick(0, first),))


def _log_x_axis(values: Sequence[float], size: int, fits: Callable[[Sequence[Tick]], bool]) -> Axis:
    """The logarithmic one. values: in order, each once."""
    logs = sorted({Fraction(math.log10(value)) for value in values})
    low, high = logs[0], logs[-1]
    first = _in_full(values[0])
    # why: nearer than that, logarithms in floats do not tell values apart well enough to draw them.
    if high - low < Fraction(1, 10**9):
        middle = size // 2
        return Axis(low=low - middle, step=Fraction(1), size=size, ticks=(Tick(middle, first),), log=True)
    # why: equal ratios, as in a sweep of powers of two, are to look equal, as steps of one do on the linear axis.
    ratio = min(right - left for left, right in pairwise(logs))
    steps = [(at - low) / ratio for at in logs]
    if steps[-1] < size and all(abs(step - round(step)) < Fraction(1, 10**6) for step in steps):
        size = (size - 1) // round(steps[-1]) * round(steps[-1]) + 1
    cell = (high - low) / (size - 1)
    for numbers in _log_numbers(values, size):
        ticks = tuple(Tick(float((Fraction(math.log10(n)) - low) / cell), _in_full(n)) for n in numbers)
        if fits(ticks):
            return Axis(low=low, step=cell, size=size, ticks=ticks, log=True)
    return Axis(low=low, step=cell, size=size, ticks=(Tick(0, first),), log=True)


def _log_numbers(values: Sequence[float], size: int) -> Iterator[Sequence[float]]:
    """What the ticks of a logarithmic axis may stand at, from many numbers to few: the values themselves or round."""
    if len(values) <= _FEW:
        yield from (values[::nth] for nth in range(1, len(values)))
    low, high = (Fraction(repr(float(end))) for end in (values[0], values[-1]))
    if high < 10 * low:
        whole = all(value == math.floor(value) for value in values)
        for step in _round_steps(max((high - low) / size, Fraction(whole))):
            unit = Fraction(step)
            numbers = [float(n * unit) for n in range(math.ceil(low / unit), math.floor(high / unit) + 1)]
            if len(numbers) < 2:
                break
            yield numbers
    powers = range(math.floor(math.log10(values[0])), math.ceil(math.log10(values[-1])) + 1)
    for digits, apart in (((1, 2, 5), 1), ((1, 3), 1), *(((1,), n) for n in (1, 2, 3, 6, 10, 20, 50, 100, 200))):
        at = [power for power in powers if power % apart == 0]
        if len(at) > size:
            continue
        decimals = (Decimal(digit).scaleb(power) for power in at for digit in digits)
        numbers = [float(number) for number in decimals if low <= Fraction(number) <= high]
        if len(numbers) > 1:
            yield numbers
    yield values[0], values[-1]


def _decades(values: Sequence[float]) -> Axis:
    # why the small change: a logarithm may miss a power of ten by a rounding.
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    if low == high:
        low, high = low - 1, high + 1
    # Up to 16 decades each is one row or more; beyond that a row is several decades.
    per_row = next(step for step in (1, 2, 3, 5, 10, 20, 50) if high - low <= ROWS * step)
    low, high = low // per_row * per_row, -(-high // per_row) * per_row
    rows_each = max(1, round(ROWS * per_row / (high - low)))
    step = Fraction(per_row, rows_each)
    apart = next(n for n in (1, 2, 3, 6, 9, 20, 30, 60, 200) if n % per_row == 0 and n / step > 2)
    plain = low >= -3 and high <= 4
    # why: within one or two decades their ends alone would say little.
    digits = (1, 2, 5) if rows_each >= ROWS // 2 else (1,)
    ticks = (
        Tick(float((power - low + Fraction(math.log10(digit))) / step), _label(digit, power, plain))
        for power in range(-(-low // apart) * apart, high + 1, apart)
        for digit in (digits if power < high else (1,))
    )
    return Axis(low=Fraction(low), step=step, size=int((high - low) / step) + 1, ticks=tuple(ticks), log=True)


def _label(digit: int, power: int, plain: bool) -> str:
    return _number(Decimal(digit).scaleb(power)) if plain or power == 0 else f"{digit}e{power}"


def _round(values: Sequence[float]) -> Axis:
    low, high = Fraction(min(values)), Fraction(max(values))
    if low == high:
        # why from 0 up: what is 0 everywhere is a share or a norm, which is never less.
        low, high = low - abs(low) / 2, high + (abs(high) / 2 or 1)
    for step in _round_steps((high - low) / _MOST_LABELS):
        unit = Fraction(step)
        bottom, top = math.floor(low / unit), math.ceil(high / unit)
        if top - bottom <= _MOST_LABELS:
            break
    rows_each = round(ROWS / (top - bottom))
    ticks = (Tick((n - bottom) * rows_each, _number(n * step)) for n in range(bottom, top + 1))
    return Axis(low=bottom * unit, step=unit / rows_each, size=(top - bottom) * rows_each + 1, ticks=tuple(ticks))


def _round_steps(least: Fraction) -> Iterator[Decimal]:
    """1, 2 and 5 times the powers of ten, from the first that is not below `least`."""
    for exponent in count((Decimal(least.numerator) / least.denominator).adjusted()):
        for digit in (1, 2, 5):
            step = Decimal(digit).scaleb(exponent)
            if Fraction(step) >= least:
                yield step


def _in_full(value: float) -> str:
    """All digits of a value, without an exponent where that is shorter: 1048576."""
    exact = Decimal(repr(float(value)))
    return min(_number(exact), f"{exact.normalize():f}", key=len)


def _number(value: Decimal) -> str:
    """All digits that `value` has, as people write them: 0.05, 20, 1.5e-7."""
    if not value:
        return "0"
    value = value.normalize()
    exponent = value.adjusted()
    return f"{value:f}" if -5 < exponent < 6 else f"{value.scaleb(-exponent):f}e{exponent}"
