"""What was timed, drawn: time against the number that is swept."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from rnninspect.bench.records import STEADY, WHOLE_MODEL, Outcome, settings_text
from rnninspect.bench.results import Pooled, pool, several_devices, swept_number
from rnninspect.results.caption import caption, each_once
from rnninspect.results.table import Chart, Series, in_unit, time_unit


def bench_charts(outcomes: Sequence[Outcome]) -> list[Chart]:
    """Time against the swept number, one line for each phase, and its bound; none where nothing or more is swept."""
    rows = pool(outcomes)
    charts = []
    for file, model in dict.fromkeys((row.file, row.model) for row in rows):
        here = [row for row in rows if (row.file, row.model) == (file, model)]
        path = swept_number(row.settings for row in here)
        if path is not None:
            about = _about(here)
            charts += [
                _chart([row for row in here if row.subject == subject], path, about)
                for subject in dict.fromkeys(row.subject for row in here)
            ]
    return charts


def _chart(rows: Sequence[Pooled], path: str, about: str) -> Chart:
    subject = rows[0].subject
    middle = statistics.median(row.median_seconds for row in rows)
    unit, size = time_unit(middle)
    return Chart(
        title=f"time of {f'the {WHOLE_MODEL}' if subject is None else subject}",
        subject=rows[0].model,
        x=path,
        y=in_unit("median time", unit),
        series=tuple(_series(rows, path, size)),
        log=True,
        log_x=True,
        about=about,
        doubt="drifting or disturbed",
    )


def _about(rows: Sequence[Pooled]) -> str:
    """Where the times are from, and what their error bars are."""
    places = [one.outcome.environment for row in rows for one in row.timed]
    several = any(row.processes > 1 for row in rows)
    bars = f"bars: {'range of the medians of processes' if several else '95 % interval of the median'}"
    return caption(
        each_once(place.device_name for place in places if place is not None),
        each_once(f"torch {place.torch}" for place in places if place is not None),
        each_once(row.dtype for row in rows),
        bars if any(row.half_width_percent is not None for row in rows) else "",
    )


def _series(rows: Sequence[Pooled], path: str, unit: float) -> Iterator[Series]:
    lines: dict[tuple[str, str, str], list[Pooled]] = {}
    several = several_devices(rows)
    for row in rows:
        device = (row.device_name or "") * several
        lines.setdefault((row.phase, settings_text(row.variant), device), []).append(row)
    for about, members in lines.items():
        name = " ".join(filter(None, about))
        at = [(float(str(row.settings[path])), row) for row in members]
        at.sort(key=lambda point: point[0])
        halves = ((row.half_width_percent, row.median_seconds / unit) for _, row in at)
        yield Series(
            name,
            tuple((x, row.median_seconds / unit) for x, row in at),
            halves=tuple(None if percent is None else percent / 100 * median for percent, median in halves),
            unsure=tuple(k for k, (_, row) in enumerate(at) if row.verdict != STEADY),
        )
        if any(row.bound for _, row in at):
            bounds = ((x, row.bound_seconds) for x, row in at)
            points = tuple((x, None if seconds is None else seconds / unit) for x, seconds in bounds)
            yield Series(f"bound of {name}", points, limits=name)
