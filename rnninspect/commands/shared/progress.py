"""How far a benchmark is, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rnninspect.bench.jobs import Job
from rnninspect.bench.records import settings_text
from rnninspect.errors import printable


@contextmanager
def progress_bar(jobs: Sequence[Job]) -> Iterator[Callable[[int, float], None]]:
    """A bar with the time left, where stderr is a terminal; is told the number of a job and the share that is done."""
    if not jobs or sys.stderr is None or not sys.stderr.isatty():
        yield lambda number, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(jobs))

        def update(number: int, share: float) -> None:
            run = jobs[number].runs[0]
            name = " ".join(filter(None, [printable(run.spec.name), settings_text(run.settings)]))
            bar.update(task, completed=number + share, description=name)

        yield update
