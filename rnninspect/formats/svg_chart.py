"""A chart as SVG for a page: its axes are those of the terminal's charts, its colours those of the page's style.

No style sheet is in it: `page.css` has what its classes mean, in light and in dark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.errors import printable
from rnninspect.formats.axis import Axis, Tick, left_out, nothing, picture_x_axis, placed, raised, y_axis
from rnninspect.formats.described import described
from rnninspect.formats.looks import Look, looks
from rnninspect.markup import Markup, tag
from rnninspect.results.table import Chart, Series

_WIDTH, _HEIGHT = 660.0, 260.0  # of the plot itself, in pixels
_TOP, _RIGHT, _BELOW, _LINE = 30.0, 34.0, 46.0, 21.0
_LETTER = 7.0  # at most, of a label's character
_ALMOST_0 = 1e-9
_LONGEST = 72  # characters of a text
_CAP = 3.5  # half of an error bar's end

_MARKERS = {
    "circle": "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
    "square": "M-3.2 -3.2h6.4v6.4h-6.4z",
    "up": "M0 -4.2L4 3.2H-4z",
    "down": "M0 4.2L4 -3.2H-4z",
    "left": "M-4.2 0L3.2 4V-4z",
    "right": "M4.2 0L-3.2 4V-4z",
    "diamond": "M0 -4.6L4.6 0L0 4.6L-4.6 0z",
    "plus": "M-1.4 -4.2h2.8v2.8h2.8v2.8h-2.8v2.8h-2.8v-2.8h-2.8v-2.8h2.8z",
    "cross": "M-4 -2.4L-2.4 -4L0 -1.6L2.4 -4L4 -2.4L1.6 0L4 2.4L2.4 4L0 1.6L-2.4 4L-4 2.4L-1.6 0z",
    "tick": "M-5 0H5",
}


class _Places(NamedTuple):
    """Where values stand, in pixels. left: of the plot; columns, rows: its axes."""

    left: float
    columns: Axis
    rows: Axis

    def x(self, cell: float) -> float:
        """The place of a cell of x."""
        return round(self.left + cell / max(self.columns.size - 1, 1) * _WIDTH, 2)

    def y(self, cell: float) -> float:
        """The place of a cell of y, which grows upwards."""
        return round(_TOP + _HEIGHT - cell / (self.rows.size - 1) * _HEIGHT, 2)

    def points(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """The places of points."""
        xs = self.columns.positions([x for x, _ in points])
        ys = self.rows.positions([y for _, y in points])
        return [(self.x(x), self.y(y)) for x, y in zip(xs, ys, strict=True)]


def draw(chart: Chart, name: str) -> Markup:
    """The chart below its title and above its notes. name: what no other picture of the page is called.

    Values that have no place are left out, and the legend says how many; without any a sentence stands there.
    """
    drawn = [placed(chart, series) for series in chart.series]
    points = [point for series in drawn for point in series if point]
    if not points:
        return tag("p", nothing(chart))
    rows = _raised(y_axis([*(y for _, y in points), *_ends(chart)], chart.log))
    columns = _raised(picture_x_axis([x for x, _ in points], chart.log_x))
    left = max(max(len(tick.label) for tick in rows.ticks) * _LETTER + 14, 34)
    places = _Places(left, columns, rows)
    seen = list(looks(chart))
    entries = list(_legend(chart, seen, _TOP + _HEIGHT + _BELOW))
    width, height = left + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BELOW + _LINE * len(entries) + 6
    return tag(
        "svg",
        tag("title", chart.title or chart.y, id=f"{name}-title"),
        tag("desc", described(chart), id=f"{name}-desc"),
        *_axes(chart, places),
        *(_series(*each, places) for each in zip(chart.series, drawn, seen, strict=True)),
        *entries,
        class_="chart",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        xmlns="http://www.w3.org/2000/svg",
    )


def _raised(axis: Axis) -> Axis:
    """The axis, its labels as print has them: 10⁻³."""
    return axis._replace(ticks=tuple(Tick(tick.at, raised(tick.label)) for tick in axis.ticks))


def _ends(chart: Chart) -> Iterator[float]:
    """The ends of error bars, those that have a place."""
    for series in chart.series:
        for point, half in zip(placed(chart, series), series.halves, strict=False):
            if point and half is not None:
                yield from (end for end in (point[1] - half, point[1] + half) if end > 0 or not chart.log)


def _axes(chart: Chart, places: _Places) -> Iterator[Markup]:
    """The lines of the grid, the labels of both axes and what they are of."""
    right, bottom = places.left + _WIDTH, _TOP + _HEIGHT
    for tick in places.rows.ticks:
        y = places.y(tick.at)
        yield tag("path", d=f"M{places.left:g} {y:g}H{right:g}", class_="grid")
        yield tag("text", tick.label, x=places.left - 8, y=y + 4, text_anchor="end")
    for tick in places.columns.ticks:
        x = places.x(tick.at)
        yield tag("path", d=f"M{x:g} {bottom:g}v5", class_="axis")
        yield tag("text", tick.label, x=x, y=bottom + 18, text_anchor="middle")
    yield tag("path", d=f"M{places.left:g} {_TOP:g}V{bottom:g}H{right:g}", class_="axis")
    yield tag("text", _short(chart.y), x=2.0, y=14.0, class_="of")
    yield tag("text", _short(chart.x), x=places.left + _WIDTH / 2, y=bottom + 36, text_anchor="middle", class_="of")


def _short(words: str) -> str:
    """A text that has room in the picture; its description has all of it."""
    shown = printable(words)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _series(series: Series, drawn: Sequence[tuple[float, float] | None], look: Look, places: _Places) -> Markup:
    """A line, broken at gaps, its error bars and its markers."""
    at = dict(enumerate(drawn))
    numbers = [k for k, point in at.items() if point]
    spots = dict(zip(numbers, places.points([point for point in drawn if point]), strict=True))
    steps = (f"{'L' if k - 1 in spots else 'M'}{x:g} {y:g}" for k, (x, y) in spots.items())
    return tag(
        "g",
        tag("path", d="".join(steps), class_=f"line {look.dash}"),
        *_bars(series, [point if k in look.marked else None for k, point in at.items()], spots, places),
        *(
            _marker(look.marker, *spots[k], doubted=k in series.unsure)
            for k in {*look.marked, *series.unsure} & {*spots}
        ),
        class_=f"s{look.colour}",
    )


def _bars(
    series: Series, drawn: Sequence[tuple[float, float] | None], spots: dict[int, tuple[float, float]], places: _Places
) -> Iterator[Markup]:
    for k, (point, half) in enumerate(zip(drawn, series.halves, strict=False)):
        if point and half is not None:
            x, y = point
            # why from y on: below 0 nothing has a place on a logarithmic axis, and positions end where the axis does.
            low = max(y - half, y * _ALMOST_0) if places.rows.log else y - half
            (_, bottom), (_, top) = places.points([(x, low), (x, y + half)])
            middle = spots[k][0]
            ends = "".join(f"M{middle - _CAP:g} {end:g}h{2 * _CAP:g}" for end in (bottom, top))
            yield tag("path", d=f"M{middle:g} {bottom:g}V{top:g}{ends}", class_="bar")


def _marker(marker: str, x: float, y: float, *, doubted: bool = False) -> Markup | None:
    if not marker:
        return None
    kinds = " ".join(["mark", *(["doubted"] if doubted else []), *(["stroke"] if marker == "tick" else [])])
    return tag("path", d=_MARKERS[marker], transform=f"translate({x:g} {y:g})", class_=kinds)


def _legend(chart: Chart, seen: Sequence[Look], top: float) -> Iterator[Markup]:
    """A line for each series: how it is drawn, its name, and what is left out of it."""
    y = top + _LINE / 2
    for series, look in zip(chart.series, seen, strict=True):
        remark = left_out(chart, series)
        sample = tag("path", d=f"M4 {y:g}h40", class_=f"line {look.dash}")
        name = tag("text", _short(series.name + (f" ({remark})" if remark else "")), x=54.0, y=y + 4)
        yield tag("g", sample, _marker(look.marker, 24, y), name, class_=f"s{look.colour}")
        y += _LINE
    if any(series.unsure for series in chart.series):
        name = tag("text", _short(chart.doubt), x=54.0, y=y + 4)
        yield tag("g", _marker("circle", 24, y, doubted=True), name, class_="s4")
