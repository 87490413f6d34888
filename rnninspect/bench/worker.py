"""What a job does, in the process that does the work: make ready, time, say what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random

import torch

from rnninspect.bench.figure import TimedPhase, look, outcome_of
from rnninspect.bench.jobs import Job, VariantRun, not_measured
from rnninspect.bench.machine import remember_speeds
from rnninspect.bench.phases import Phase
from rnninspect.bench.prepare import ReadyRun
from rnninspect.bench.records import Doing, Environment, Outcome, Status, settings_text
from rnninspect.bench.sampling import Progress, measure
from rnninspect.bench.supervise import Last
from rnninspect.errors import NoSuchDevice, NotEnoughMemory, RnnInspectError, first_line
from rnninspect.runtime.device import threads
from rnninspect.runtime.memory import ran_out
from rnninspect.runtime.torch_errors import broke_cuda, quiet


def work(job: Job, progress: Callable[[Doing], None]) -> list[Outcome] | Last:
    """Time every run of a job. A run that cannot be made ready has an outcome that says why; the others go on."""
    with threads(torch.get_num_threads()), quiet():
        return _work(job, _Teller(progress))


class _Teller:
    """Tells what the job does."""

    def __init__(self, progress: Callable[[Doing], None]) -> None:
        self._progress, self._last = progress, Doing(0.0)

    def __call__(self, doing: Doing) -> None:
        self._last = doing
        self._progress(doing)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A block that no other worker has such a one beside."""
        self._progress(self._last._replace(alone=True))
        try:
            yield
        finally:
            self._progress(self._last)


def _is_for_all(run: VariantRun) -> bool:
    """Whether the device of a run is that of all, as `--device` says it, and neither a document nor a sweep."""
    return run.spec.is_replaced(("device",)) and "device" not in run.settings


def _work(job: Job, progress: _Teller) -> list[Outcome] | Last:
    began = datetime.now(UTC).isoformat()
    prepared: list[ReadyRun | Outcome] = []
    for number, variant in enumerate(job.runs, 1):
        which = f" {number} of {len(job.runs)}" if len(job.runs) > 1 else ""
        progress(Doing(0.0, f"built, checked, calibrated{which}"))
        try:
            prepared.append(ReadyRun(variant, job.request, progress.alone))
        except (RnnInspectError, RuntimeError, MemoryError) as error:
            # why the whole job: in this process every later one would fail too, and so it ends with the process.
            if broke_cuda(error):
                raise
            if isinstance(error, NoSuchDevice) and _is_for_all(variant):
                raise
            memory = isinstance(error, NotEnoughMemory) or ran_out(error)
            status = Status.MEMORY if memory else Status.FAILED
            prepared.append(not_measured(job, variant, status, first_line(error)))
    made_ready = [one for one in prepared if isinstance(one, ReadyRun)]
    tasks = [phase for one in made_ready for phase in one.phases]
    measured: dict[ReadyRun, tuple[Environment, list[TimedPhase]]] = {}
    if tasks:
        timed = iter(
            measure(
                tasks,
                budget=job.request.budget,
                precision=job.request.precision,
                now=time.monotonic,
                random=Random(job.request.seed + job.process),
                together=[one.together(phase) for one in made_ready for phase in one.phases],
                progress=_telling(progress, [_named(one, phase) for one in made_ready for phase in one.phases]),
            )
        )
        for one in made_ready:
            measured[one] = look(one, [next(timed) for _ in one.phases])
    # why after all that is asked of the device: where this breaks it, nothing that was timed is lost.
    usable = all(one.calibrate_again() for one in made_ready)
    outcomes = [one if isinstance(one, Outcome) else outcome_of(one, job, began, *measured[one]) for one in prepared]
    remember_speeds()
    return outcomes if usable else Last(outcomes)


def _named(one: ReadyRun, phase: Phase) -> str:
    settings = {**one.run.settings, **one.run.variant}
    return " ".join(filter(None, [settings_text(settings), phase.subject.name, phase.name]))


def _telling(progress: Callable[[Doing], None], names: Sequence[str]) -> Progress:
    """What the timing tells of itself, with the names of what is timed."""

    def tell(share: float, task: int | None, seconds: float | None) -> None:
        what = "calibrated again" if task is None else names[task] if seconds is not None else f"{names[task]} warms up"
        progress(Doing(share, what, seconds))

    return tell
