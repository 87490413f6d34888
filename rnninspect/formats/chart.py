"""A chart drawn with characters.

It has no colour, so that it reads the same in a pipe, in a file and in a pull request: series differ by their marks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from rnninspect.formats.axis import Axis, Tick, left_out, nothing, placed, x_axis, y_axis
from rnninspect.formats.page import Page, wrapped
from rnninspect.results.table import Chart

_LEAST_WIDTH, _MOST_WIDTH = 30, 120
_LEAST_COLUMNS = 20  # of the plot itself
_GAP = 3  # the least between labels of x
_LETTERS = "abcdefghijklmnpqrstuvwyzABCDEFGHIJKLMNPQRSTUVWYZ"  # without o, O, x and X, which look like marks


class _Signs(NamedTuple):
    """What a chart is drawn with. marks: one for each series; several: where marks of two series meet."""

    marks: str
    several: str
    side: str
    tick: str
    corner: str
    floor: str
    tick_below: str


_UNICODE = _Signs(
    marks="●○▲◆■×△◇□+*▼▽" + _LETTERS, several="▒", side="│", tick="┤", corner="└", floor="─", tick_below="┬"
)
_ASCII = _Signs(marks="ox+*#@" + _LETTERS, several="%", side="|", tick="+", corner="+", floor="-", tick_below="+")

_Cell = tuple[int, int]  # row and column, from the bottom left


def draw(chart: Chart, width: int, ascii: bool = False) -> list[str]:
    """The lines of a chart below its title and above its notes, none wider than `width`, or 120 where that is more.

    Values that have no place (on a log axis those <= 0; NaN, infinities) are left out, and the legend says how many.
    """
    width = min(width, _MOST_WIDTH)
    signs = _ASCII if ascii else _UNICODE
    drawn = [list(filter(None, placed(chart, series))) for series in chart.series[: len(signs.marks)]]
    points = [point for series in drawn for point in series]
    rows = y_axis([y for _, y in points], chart.log) if points else None
    gutter = max(len(tick.label) for tick in rows.ticks) + 1 if rows else 0
    needed = max(_LEAST_WIDTH, gutter + 1 + _LEAST_COLUMNS)
    if width < needed:
        messages = (f"a chart needs {needed} columns", f"needs {needed} columns", f"needs {needed}", f"{needed}")
        return [text for text in messages if len(text) <= width][:1]
    if rows is None:
        return wrapped(nothing(chart), width)
    columns = x_axis(
        [x for x, _ in points], width - gutter - 1, lambda ticks: _fit(_starts(ticks, gutter, width)), chart.log_x
    )
    cells = _filled(drawn, rows, columns, signs)
    page = Page(width, False, ascii)
    return [
        *(wrapped(page.plain(chart.y).strip(), width) if chart.y.strip() else []),
        *_picture(rows, columns, cells, gutter, signs),
        _below(_starts(columns.ticks, gutter, width)),
        *(wrapped(" " * (gutter + 1) + page.plain(chart.x).strip(), width) if chart.x.strip() else []),
        *_legend(chart, signs, page, signs.several in cells.values()),
    ]


def _starts(ticks: Sequence[Tick], gutter: int, width: int) -> list[tuple[int, str]]:
    """Where in its line each label of x begins: centred below its tick, but within the line."""
    centred = ((gutter + 1 + _cell(at) - (len(label) - 1) // 2, label) for at, label in ticks)
    return [(min(max(start, 0), width - len(label)), label) for start, label in centred]


def _fit(starts: Sequence[tuple[int, str]]) -> bool:
    return all(start + len(label) + _GAP <= after for (start, label), (after, _) in pairwise(starts))


def _below(starts: Sequence[tuple[int, str]]) -> str:
    line = ""
    for start, label in starts:
        line = line.ljust(start) + label
    return line


def _legend(chart: Chart, signs: _Signs, page: Page, meet: bool) -> Iterator[str]:
    """What each mark stands for. meet: whether marks of two series do."""
    for mark, series in zip(signs.marks, chart.series, strict=False):
        remark = left_out(chart, series)
        name = f"{mark} {page.plain(series.name)}".rstrip()
        yield from wrapped(f"{name} ({remark})" if remark else name, page.width, hang="  ")
    if meet:
        yield from wrapped(f"{signs.several} several series", page.width)
    if (more := len(chart.series) - len(signs.marks)) > 0:
        yield from wrapped(f"not drawn, there are no more marks: {more:,} series", page.width)


def _cell(position: float) -> int:
    return math.floor(position + 0.5)


def _filled(
    drawn: Sequence[Sequence[tuple[float, float]]], rows: Axis, columns: Axis, signs: _Signs
) -> dict[_Cell, str]:
    cells: dict[_Cell, str] = {}
    for mark, series in zip(signs.marks, drawn, strict=False):
        across = map(_cell, columns.positions([x for x, _ in series]))
        up = map(_cell, rows.positions([y for _, y in series]))
        for cell in dict.fromkeys(zip(up, across, strict=True)):
            cells[cell] = signs.several if cell in cells else mark
    return cells


def _picture(rows: Axis, columns: Axis, cells: Mapping[_Cell, str], gutter: int, signs: _Signs) -> Iterator[str]:
    labels = {_cell(at): label for at, label in rows.ticks}
    for row in reversed(range(rows.size)):
        label = labels.get(row, "")
        marks = "".join(cells.get((row, column), " ") for column in range(columns.size))
        yield f"{label:>{gutter - 1}} {signs.tick if label else signs.side}{marks}".rstrip()
    ticks = {_cell(at) for at, _ in columns.ticks}
    floor = "".join(signs.tick_below if column in ticks else signs.floor for column in range(columns.size))
    yield " " * gutter + signs.corner + floor
