"""What is timed in which order: the jobs of every process, what is left of them, and the outcome of every run.

It knows neither options nor printing: notes and progress go to the functions that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from rnninspect.bench.dealing import MOST_FAILED
from rnninspect.bench.jobs import Job, VariantRun, not_measured
from rnninspect.bench.journal import Key, done, key, key_of
from rnninspect.bench.plain import canonical
from rnninspect.bench.points import Point
from rnninspect.bench.records import Doing, Outcome, TimingRequest
from rnninspect.bench.seats import Seat, seated
from rnninspect.bench.supervise import Ended, Work, run_beside, run_jobs
from rnninspect.errors import printable
from rnninspect.plan import plan

# Blocks of a document that no point is made from: what they say of points is put into the others.
_NOT_RUN = ("sweep", "cases", "budget")
# A job that takes longer hangs: building, checking and calibrating, and the budget of every case.
_START_SECONDS, _OVER = 120.0, 10.0

# What to expect of a quiet machine: a process that imports torch, a run that is made ready and calibrated twice, and
# what a figure takes besides its budget, which is its warm-up and the probes of the CPU.
_TORCH_SECONDS, _READY_SECONDS, _BESIDES_SECONDS = 3.0, 2.5, 0.4

# Is told which job goes on, by its number, and what it does.
Progress = Callable[[int, Doing], None]


class Expected(NamedTuple):
    """Seconds that a job will take: until it times anything, and for that."""

    ready: float
    timing: float


def expected(jobs: Sequence[Job], slowness: float = 1.0) -> list[Expected]:
    """What each of these jobs will take at the most where nothing goes wrong. slowness: how busy the machine is."""
    times = []
    for job, before in zip(jobs, [None, *jobs], strict=False):
        starts = _TORCH_SECONDS * (before is None or before.process != job.process)
        ready = slowness * (starts + _READY_SECONDS * len(job.runs))
        times.append(Expected(ready, job.cases * (job.request.budget + slowness * _BESIDES_SECONDS)))
    return times


def jobs_of(points: Iterable[Point], request: TimingRequest, *, processes: int, interleave: bool) -> list[Job]:
    """A job for every point in every process, or with `interleave` one for all points in every process."""
    groups = [point.variants for point in points]
    if interleave:
        groups = [tuple(run for group in groups for run in group)]
    return [Job(group, request, process) for process in range(processes) for group in groups]


def cost(point: Point) -> int:
    """The FLOPs of a forward pass of all of a point's variants, by the plan."""
    # why each once: variants of threads and of the backend have one document.
    flops = {id(run.spec): sum(layer.forward.flops or 0 for layer in plan(run.spec).layers) for run in point.variants}
    return sum(flops[id(run.spec)] for run in point.variants)


def remaining(jobs: Sequence[Job], outcomes: Iterable[Outcome]) -> list[Job]:
    """The jobs, less the runs that these outcomes say went well."""
    finished = done(outcomes)
    shorter = (
        job._replace(runs=tuple(run for run in job.runs if key_of_run(job, run) not in finished)) for job in jobs
    )
    return [job for job in shorter if job.runs]


def number_of_outcomes(jobs: Sequence[Job], outcomes: Iterable[Outcome]) -> int:
    """How many outcomes there are once every job is done: those that are there, and one for each run without one."""
    return len({*map(key_of, outcomes), *(key_of_run(job, run) for job in jobs for run in job.runs)})


def key_of_run(job: Job, run: VariantRun) -> Key:
    """The key that the run's outcome will have."""
    return key(run.spec.name, run.spec.source, run.settings, run.variant, job.process)


def digest(jobs: Sequence[Job]) -> str:
    """What tells these models, dtypes, devices and variants from others; a journal goes on with the same only."""
    # why each once: more processes may be asked for later.
    runs = dict.fromkeys(canonical(_plain(run)) for job in jobs for run in job.runs)
    return sha256("\n".join(runs).encode()).hexdigest()[:16]


def _plain(run: VariantRun) -> tuple[object, ...]:
    """What a run is made from. why no record: one that gains a field would make another run of it."""
    data = run.spec.tree.data
    model = {key: value for key, value in data.items() if key not in _NOT_RUN} if isinstance(data, dict) else data
    return (run.spec.name, run.spec.device, run.spec.dtype, model, run.settings, run.variant)


def run_all(
    work: Work,
    jobs: Sequence[Job],
    *,
    progress: Progress,
    note: Callable[[str], None],
    seats: Sequence[Seat] = (),
) -> Generator[Outcome, None, None]:
    """The outcome of every run as soon as it is known; each process's jobs are done in a fresh one, in order.

    seats: a process for each, which share out the jobs; an outcome says then beside how many others it was measured.
    Where points that are timed in turns come to no end together, `note` is told, and each is timed by itself: what one
    does costs only it. Raises NoTorch.
    """
    before = 0
    for process in dict.fromkeys(job.process for job in jobs):
        group = [job for job in jobs if job.process == process]
        with closing(_results(work, group, partial(later, progress, before), seats, note)) as results:
            for k, result, beside in results:
                number, job = before + k, group[k]
                if not isinstance(result, Ended):
                    yield from (_placed(outcome, beside) for outcome in result)
                elif len(job.points) > 1:
                    why = f"{result.status}: {printable(result.reason)}"
                    note(f"interleaved: {why}; each of the {len(job.points)} points is timed by itself now")
                    part = partial(_of_part, progress, number, len(job.points))
                    yield from run_all(work, job.points, progress=part, note=note)
                else:
                    yield from (not_measured(job, run, result.status, result.reason) for run in job.runs)
        before += len(group)


def _results(
    work: Work,
    group: Sequence[Job],
    progress: Progress,
    seats: Sequence[Seat],
    note: Callable[[str], None],
) -> Generator[tuple[int, Any, int | None], None, None]:
    """What came of each job: its number, the result, and beside how many others, None where there is one process."""
    if not seats:
        with closing(run_jobs(work, group, limit=_limit, progress=progress)) as results:
            for number, (_, result) in enumerate(zip(group, results, strict=True)):
                yield number, result, None
        return

    def given_up(place: int, last: Ended) -> None:
        why = f"{MOST_FAILED} points in a row failed there, the last: {printable(last.reason)}"
        note(f"{seats[place].device} is given up, and others time its points: {why}")

    works = seated(work, seats)
    with closing(run_beside(works, group, limit=_limit, progress=progress, given_up=given_up)) as several:
        for done in several:
            # why told: which jobs are over does not follow from which one goes on.
            progress(done.number, Doing(1.0))
            yield done


def _limit(job: Job) -> float:
    """Seconds that it may take."""
    return job.request.time_limit or _START_SECONDS + _OVER * job.request.budget * job.cases


def _placed(outcome: Outcome, beside: int | None) -> Outcome:
    place = outcome.environment
    return outcome if beside is None or place is None else outcome._replace(environment=place._replace(beside=beside))


def later(progress: Progress, before: int, number: int, doing: Doing) -> None:
    """Progress of the job `number` of those that come after `before` others."""
    progress(before + number, doing)


def _of_part(progress: Progress, job: int, parts: int, part: int, doing: Doing) -> None:
    progress(job, doing._replace(share=(part + doing.share) / parts))
