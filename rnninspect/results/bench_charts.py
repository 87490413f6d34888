"""What was timed, drawn: time against the number that is swept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.bench.records import WHOLE_MODEL, Outcome, settings_text
from rnninspect.bench.results import Pooled, pool, swept_number
from rnninspect.results.table import Chart, Series


def bench_charts(outcomes: Sequence[Outcome]) -> list[Chart]:
    """Time against the swept number, one line for each phase, and its bound; none where nothing or more is swept."""
    rows = pool(outcomes)
    charts = []
    for file, model in dict.fromkeys((row.file, row.model) for row in rows):
        here = [row for row in rows if (row.file, row.model) == (file, model)]
        path = swept_number(row.settings for row in here)
        if path is None:
            continue
        for subject in dict.fromkeys(row.subject for row in here):
            title = f"time of {f'the {WHOLE_MODEL}' if subject is None else subject}"
            series = list(_series([row for row in here if row.subject == subject], path))
            charts.append(
                Chart(title=title, subject=model, x=path, y="seconds", series=tuple(series), log=True, log_x=True)
            )
    return charts


def _series(rows: Sequence[Pooled], path: str) -> Iterator[Series]:
    lines: dict[tuple[str, str], list[Pooled]] = {}
    for row in rows:
        lines.setdefault((row.phase, settings_text(row.variant)), []).append(row)
    for (phase, variant), members in lines.items():
        name = " ".join(filter(None, [phase, variant]))
        at = [(float(str(row.settings[path])), row) for row in members]
        at.sort(key=lambda point: point[0])
        yield Series(name, tuple((x, row.median_seconds) for x, row in at))
        if any(row.bound for _, row in at):
            yield Series(f"bound of {name}", tuple((x, row.bound_seconds) for x, row in at))
