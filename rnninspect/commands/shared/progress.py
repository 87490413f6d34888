"""How long a benchmark will take, what it does now and what it found so far: on stderr, where that is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rnninspect.bench.cpus import usable_cpus
from rnninspect.bench.jobs import Job
from rnninspect.bench.records import Doing
from rnninspect.bench.schedule import Expected, expected
from rnninspect.bench.witness import load
from rnninspect.commands.shared.messages import say
from rnninspect.errors import counted, printable
from rnninspect.results.table import short_time

# Of others that run, how much slower than by itself this is taken to be at the most.
_SLOWEST = 4.0


@contextmanager
def progress_bar(jobs: Sequence[Job], at_once: int = 1) -> Iterator[Callable[[int, Doing], None]]:
    """Say how long the jobs will take, then show in one line how far they are; is told a job's number and its state.

    at_once: how many of them are done at the same time.
    """
    if not jobs or sys.stderr is None or not sys.stderr.isatty():
        yield lambda number, doing: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.table import Column
    from rich.text import Text

    slowness = _slowness()
    forecast = Forecast(expected(jobs, slowness), time.monotonic, at_once)
    say(_announced(jobs, forecast.left, slowness))

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"about {duration(forecast.left)} left", no_wrap=True)

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    with Progress(text, BarColumn(bar_width=16), Left(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting torch", total=len(jobs))

        def update(number: int, doing: Doing) -> None:
            forecast.hear(number, doing.share)
            bar.update(task, completed=forecast.done, description=_now(jobs[number], doing))

        yield update


class Forecast:
    """How long jobs still take, by what was expected and by how long those took that are done.

    now: a clock. at_once: how many jobs are done at the same time.
    """

    def __init__(self, jobs: Sequence[Expected], now: Callable[[], float], at_once: int = 1) -> None:
        self._jobs, self._now, self._at_once = jobs, now, at_once
        self._began = self._job_began = now()
        self._job, self._shares = 0, dict.fromkeys(range(len(jobs)), 0.0)

    def hear(self, job: int, share: float) -> None:
        """Go by what a job says of itself."""
        if job > self._job:
            self._job, self._job_began = job, self._now()
            if self._at_once == 1:
                self._shares.update(dict.fromkeys(range(job), 1.0))
        self._shares[job] = share

    @property
    def done(self) -> float:
        """How many jobs are done, parts of them too."""
        return sum(self._shares.values())

    @property
    def left(self) -> float:
        """Seconds."""
        if self._at_once > 1:
            parts = ((self._jobs[job], share) for job, share in self._shares.items())
            return sum(each.ready * (not share) + each.timing * (1 - share) for each, share in parts) / self._at_once
        done, (own, *later) = self._jobs[: self._job], self._jobs[self._job :]
        spent = self._now() - self._job_began
        pace = (self._job_began - self._began) / sum(map(sum, done)) if done else 1.0
        share = self._shares[self._job]
        ready = 0.0 if share else max(own.ready * pace - spent, 0.0)
        return ready + pace * (own.timing * (1 - share) + sum(map(sum, later)))


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `1.5 h`."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _slowness() -> float:
    """How much slower this is for what else runs on the CPUs."""
    return max(1.0, min(_SLOWEST, ((load() or 0.0) + 1) / usable_cpus().usable))


def _announced(jobs: Sequence[Job], seconds: float, slowness: float) -> str:
    figures, processes = sum(job.cases for job in jobs), len({job.process for job in jobs})
    times = f" {processes} times" if processes > 1 else ""
    timed = f"{counted(figures, 'figure')} of {jobs[0].request.budget:g} s or less"
    busy = "; others use the CPUs" if slowness > 1 else ""
    return f"about {duration(seconds)}: torch starts{times}, {timed}{busy}"


def _now(job: Job, doing: Doing) -> str:
    """`tagger: step, 305 ms so far`."""
    so_far = "" if doing.seconds is None else f"{short_time(doing.seconds)} so far"
    said = ", ".join(filter(None, [doing.what, so_far]))
    return ": ".join(filter(None, [printable(job.runs[0].spec.name), said]))
