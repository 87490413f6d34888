"""A chart in sentences, from its figures, for who does not see it."""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.formats.axis import left_out, placed
from rnninspect.results.table import Chart, Series

_MOST = 8  # series that are told one by one


def described(chart: Chart) -> str:
    """What it shows, over what, and of each series its ends, its largest and its least value."""
    count = len(chart.series)
    lines = "no line" if not count else "1 line" if count == 1 else f"{count} lines"
    scale = f"{chart.y}{', logarithmic' if chart.log else ''}, over {chart.x}{', logarithmic' if chart.log_x else ''}"
    told = [f"Chart of {chart.title or 'values'}: {lines}, {scale}."]
    told += ["".join(_told(chart, series)) for series in chart.series[:_MOST]]
    if count > _MOST:
        told.append(f"And {count - _MOST} more.")
    return " ".join(told)


def _told(chart: Chart, series: Series) -> Iterator[str]:
    points = [point for point in placed(chart, series) if point]
    remark = left_out(chart, series)
    if not points:
        yield f"{series.name}: {remark or 'no values'}."
        return
    (first_x, first), (last_x, last) = points[0], points[-1]
    if len(points) == 1:
        yield f"{series.name}: {first:.3g} at {first_x:g}"
    else:
        yield f"{series.name}: {len(points):,} points, from {first:.3g} at {first_x:g} to {last:.3g} at {last_x:g}"
    inside = points[1:-1]
    for word, (x, y) in (("largest", max(points, key=_y)), ("least", min(points, key=_y))) if inside else ():
        if (x, y) not in (points[0], points[-1]):
            yield f", {word} {y:.3g} at {x:g}"
    known = [half for half in series.halves if half is not None]
    if known:
        yield f", error bars of at most ± {max(known):.3g}"
    if series.unsure:
        yield f", {len(series.unsure)} to be doubted"
    yield f" ({remark})." if remark else "."


def _y(point: tuple[float, float]) -> float:
    return point[1]
