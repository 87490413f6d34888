"""The axes of a chart: where values stand, and what the ticks say; and which points have a place."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import count, pairwise
from typing import NamedTuple

from rnninspect.results.table import Chart, Series

ROWS = 16  # from the bottom of the y axis to its top, give or take four
_MOST_LABELS = 8  # on the y axis, from the second
_COLUMNS = 71  # characters that the x axis of a picture is as wide as
_FEW = 12  # values of a logarithmic x axis that are labelled themselves
_SLACK = 1e-9  # of a step, by which a rounding may miss a round number
_POWER = re.compile(r"(.*)e(−?\d+)")
_RAISED = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LARGEST = sys.float_info.max
_LEAST_STEP = 1e-300  # below, floats have too few digits to divide


class Tick(NamedTuple):
    """A label, and where it stands: in cells from the first."""

    at: float
    label: str


class Axis(NamedTuple):
    """Cells in a row. first: the value in the middle of the first, in steps from 0; step: from one cell to the next.

    log: values are placed by their logarithm to base 10; step is of such ones.
    """

    first: float
    step: float
    size: int
    ticks: tuple[Tick, ...]
    log: bool = False

    def positions(self, values: Sequence[float]) -> list[float]:
        """Where each value stands: in cells from the middle of the first."""
        # why each over the step: a difference of two values may overflow.
        steps = ((math.log10(value) if self.log else value) / self.step for value in values)
        return [min(max(at - self.first, 0.0), self.size - 1.0) for at in steps]


def placed(chart: Chart, series: Series) -> list[tuple[float, float] | None]:
    """The points of a series; None for those that cannot be drawn: not finite, or not > 0 on a logarithmic axis."""

    def has_place(value: float, log: bool) -> bool:
        return math.isfinite(value) and (value > 0 or not log)

    return [
        (x, y) if y is not None and has_place(x, chart.log_x) and has_place(y, chart.log) else None
        for x, y in series.points
    ]


def left_out(chart: Chart, series: Series) -> str:
    """What a legend says about the points that cannot be drawn; nothing where all of them can."""
    given = [(x, point) for (x, y), point in zip(series.points, placed(chart, series), strict=True) if y is not None]
    out = [x for x, point in given if point is None]
    if not given:
        return "no values"
    if not out:
        return ""
    by_x = sum(chart.log_x and not x > 0 for x in out)
    why = ["x not > 0"] * (by_x > 0) + ["not > 0" if chart.log else "not finite"] * (by_x < len(out))
    return f"{len(out):,} of {len(given):,} values left out: {' or '.join(why)}"


def nothing(chart: Chart) -> str:
    """What stands in place of a chart without any point that can be drawn."""
    return f"nothing to draw: no {'value > 0' if chart.log else 'number'}{' at x > 0' if chart.log_x else ''}"


def y_axis(values: Sequence[float], log: bool) -> Axis:
    """An axis from below the least of `values` to above the largest, some 16 cells long; whole decades if log."""
    low, high = min(values), max(values)
    return _decades(low, high) if log else _round(low, high)


def x_axis(values: Sequence[float], size: int, fits: Callable[[Sequence[Tick]], bool], log: bool = False) -> Axis:
    """An axis from the least of `values` to the largest, in at most `size` cells.

    fits: whether there is room for the labels; those with the smallest steps that do are taken.
    """
    values = sorted(set(values))
    place, label = (math.log10, in_full) if log else (float, number)
    places = [place(value) for value in values]
    low, high = places[0], places[-1]
    if not _apart(low, high, _SLACK if log else _LEAST_STEP):
        middle, step = size // 2, max(abs(low), 1.0)
        return Axis(first=low / step - middle, step=step, size=size, ticks=(Tick(middle, label(values[0])),), log=log)
    size = _even(places, size, log)
    step = high / (size - 1) - low / (size - 1)
    numbers_by_step = _log_numbers(values, size) if log else _round_numbers(values, step)
    choices = (
        tuple(Tick(place(each) / step - low / step, label(each)) for each in numbers) for numbers in numbers_by_step
    )
    # Maybe no round number is between the ends, or none whose label has room.
    ticks = next(filter(fits, choices), (Tick(0, label(values[0])),))
    return Axis(first=low / step, step=step, size=size, ticks=ticks, log=log)


def picture_x_axis(values: Sequence[float], log: bool = False) -> Axis:
    """The x axis of a chart that is drawn and not typed: its labels are chosen as for a line of characters."""
    return x_axis(values, _COLUMNS, _stand_apart, log)


def _stand_apart(ticks: Sequence[Tick]) -> bool:
    return all(left.at + (len(left.label) + len(right.label)) / 2 + 2 <= right.at for left, right in pairwise(ticks))


def nice(least: float) -> Iterator[Decimal]:
    """Round steps: 1, 2 and 5 times the powers of ten, from the first that is not below `least`."""
    least = max(least, _LEAST_STEP)
    for exponent in count(math.floor(math.log10(least))):
        for digit in (1, 2, 5):
            step = Decimal(digit).scaleb(exponent)
            if float(step) >= least * (1 - _SLACK):
                yield step


def number(value: float | Decimal, plain: bool = True) -> str:
    """All digits that `value` has, as people write them: 0.05, 20, 1.5e-7; where not `plain`, 5e-2 too."""
    exact = Decimal(str(value)).normalize()
    exponent = exact.adjusted() if exact else 0
    shown = exponent == 0 or (plain and -5 < exponent < 6)
    return f"{exact:f}" if shown else f"{exact.scaleb(-exponent):f}e{exponent}"


def in_full(value: float | Decimal) -> str:
    """The same without an exponent where that is shorter: 1048576."""
    return min(number(value), f"{Decimal(str(value)).normalize():f}", key=len)


def raised(label: str) -> str:
    """A label as print has it: 10⁻³ for 1e-3."""
    label = label.replace("-", "−")
    scientific = _POWER.fullmatch(label)
    if not scientific:
        return label
    factor, power = scientific[1], f"10{scientific[2].translate(_RAISED)}"
    return {"1": power, "−1": f"−{power}"}.get(factor, f"{factor}·{power}")


def _apart(low: float, high: float, least: float = _LEAST_STEP) -> bool:
    """Whether two values are so far apart that floats between them tell cells apart."""
    return high / 8 - low / 8 > max(least, 1e-12 * max(abs(low), abs(high)))


def _even(places: Sequence[float], size: int, log: bool) -> int:
    """As many of the cells as give equal steps of the values an equal number of cells each."""
    # why: a step that is now two columns wide and now three would look like one that is missing.
    unit = min(right - left for left, right in pairwise(places)) if log else 1.0
    if not 1 <= (places[-1] - places[0]) / max(unit, 1e-6) < size:
        return size
    steps = [(place - places[0]) / unit for place in places]
    last = round(steps[-1])
    return (size - 1) // last * last + 1 if all(abs(step - round(step)) < 1e-6 for step in steps) else size


def _round_numbers(values: Sequence[float], cell: float) -> Iterator[Sequence[Decimal]]:
    """The multiples of round steps of a cell and more between the ends, from many numbers to few."""
    whole = all(value == math.floor(value) for value in values)
    for step in nice(max(cell, 1.0) if whole else cell):
        low, high = values[0] / float(step), values[-1] / float(step)
        numbers = range(math.ceil(low - _SLACK), math.floor(high + _SLACK) + 1)
        if not numbers:
            break
        yield [n * step for n in numbers]


def _log_numbers(values: Sequence[float], size: int) -> Iterator[Sequence[float | Decimal]]:
    """What the ticks of a logarithmic x axis may stand at, from many numbers to few: the values themselves or round."""
    if len(values) <= _FEW:
        yield from (values[::nth] for nth in range(1, len(values)))
    low, high = values[0], values[-1]
    if high / 10 < low:
        yield from (numbers for numbers in _round_numbers(values, (high - low) / size) if len(numbers) > 1)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits, apart in (((1, 2, 5), 1), ((1, 3), 1), *(((1,), n) for n in (1, 2, 3, 6, 10, 20, 50, 100, 200))):
        at = [power for power in powers if power % apart == 0]
        decimals = (Decimal(digit).scaleb(power) for power in at for digit in digits)
        numbers = [decimal for decimal in decimals if low <= float(decimal) <= high]
        if len(at) <= size and len(numbers) > 1:
            yield numbers
    yield low, high


def _decades(least: float, most: float) -> Axis:
    # why the small change: a logarithm may miss a power of ten by a rounding.
    low, high = math.floor(math.log10(least) + _SLACK), math.ceil(math.log10(most) - _SLACK)
    if low == high:
        low, high = low - 1, high + 1
    # Up to 16 decades each is one row or more; beyond that a row is several decades.
    per_row = next(step for step in (1, 2, 3, 5, 10, 20, 50) if high - low <= ROWS * step)
    low, high = low // per_row * per_row, -(-high // per_row) * per_row
    rows_each = max(1, round(ROWS * per_row / (high - low)))
    step = per_row / rows_each
    apart = next(n for n in (1, 2, 3, 6, 9, 20, 30, 60, 200) if n % per_row == 0 and n / step > 2)
    plain = low >= -3 and high <= 4
    # why: within one or two decades their ends alone would say little.
    digits = (1, 2, 5) if rows_each >= ROWS // 2 else (1,)
    ticks = (
        Tick((power - low + math.log10(digit)) / step, number(Decimal(digit).scaleb(power), plain))
        for power in range(-(-low // apart) * apart, high + 1, apart)
        for digit in (digits if power < high else (1,))
    )
    return Axis(first=low / step, step=step, size=round((high - low) / step) + 1, ticks=tuple(ticks), log=True)


def _round(low: float, high: float) -> Axis:
    if not _apart(low, high):
        # why from 0 up: what is 0 everywhere is a share or a norm, which is never less.
        half = abs(high) / 2 if abs(high) > _LEAST_STEP else 1.0
        low, high = max(low - abs(low) / 2, -_LARGEST), min(high + half, _LARGEST)
    for step in nice(high / _MOST_LABELS - low / _MOST_LABELS):
        unit = float(step)
        bottom, top = math.floor(low / unit + _SLACK), math.ceil(high / unit - _SLACK)
        if top - bottom <= _MOST_LABELS:
            break
    rows_each = round(ROWS / (top - bottom))
    ticks = tuple(Tick((n - bottom) * rows_each, number(n * step)) for n in range(bottom, top + 1))
    return Axis(first=bottom * rows_each, step=unit / rows_each, size=(top - bottom) * rows_each + 1, ticks=ticks)
