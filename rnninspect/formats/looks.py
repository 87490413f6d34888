"""How the series of a chart are told apart: the same in every picture, so that pages and plots look alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from rnninspect.formats.axis import placed
from rnninspect.results.table import Chart

# Wong's colours, which colour-blind people can tell apart (Nature Methods 8, 441), without the yellow, which white
# paper swallows. The counts have no common factor, so that two series share at most one of the three for long.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
DASHES = ("solid", "dashed", "dashdot", "dotted")
MARKERS = ("circle", "square", "up", "diamond", "down", "plus", "cross", "left", "right")
_MARKS = 16  # on a line, so that a long one is still a line


class Look(NamedTuple):
    """How a series is drawn. colour: its number in COLOURS; dash: one of DASHES; marker: one of MARKERS, "tick" or "".

    marked: the points with a marker.
    """

    colour: int
    dash: str
    marker: str
    marked: list[int]


def looks(chart: Chart) -> Iterator[Look]:
    """How each series is drawn: a bound like what it bounds, but dashed and without markers."""
    measured = [series.name for series in chart.series if series.limits is None]
    numbers, others = count(), count(len(measured))
    for series in chart.series:
        points = placed(chart, series)
        if series.limits is not None:
            number = measured.index(series.limits) if series.limits in measured else next(others)
            alone = _alone(points)
            yield Look(number % len(COLOURS), "dashed", marker="tick" if alone else "", marked=alone)
        else:
            look = _look(next(numbers), points)
            # why: where there are bounds, what is dashed is one.
            yield look if len(measured) == len(chart.series) else look._replace(dash="solid")


def _look(number: int, points: Sequence[object]) -> Look:
    every = max(1, round(len(points) / _MARKS))
    # why the shift: where lines run together, the markers of one would hide those of the other.
    regular = range(number * every // 4 % every, len(points), every)
    return Look(
        number % len(COLOURS),
        DASHES[number % len(DASHES)],
        marker=MARKERS[number % len(MARKERS)],
        marked=sorted({*regular, *_alone(points)}),
    )


def _alone(points: Sequence[object]) -> list[int]:
    """The points between two gaps: they are on no line, so that without a marker they would not be seen."""
    around = [None, *points, None]
    return [k for k, point in enumerate(points) if point and not around[k] and not around[k + 2]]
