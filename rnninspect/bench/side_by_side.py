"""Jobs on several devices at once: controls on each of them, the first point alone too, then all that is left.

What is measured beside others may take longer than alone, as devices share a bus, a host and its power. So the first
point is timed before the others begin as well, and `note` is told the ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial

from rnninspect.bench.jobs import Job
from rnninspect.bench.journal import key_of
from rnninspect.bench.records import Outcome
from rnninspect.bench.schedule import Progress, later, run_all
from rnninspect.bench.seats import Seat
from rnninspect.bench.supervise import Work
from rnninspect.errors import counted


def all_jobs(controls: Sequence[Job], jobs: Sequence[Job], seats: Sequence[Seat]) -> list[Job]:
    """Every job that `measured` does, in the order in which it numbers them."""
    first = jobs[:1] if _times_alone(jobs, seats) else ()
    return [*(job for _ in range(max(len(seats), 1)) for job in controls), *first, *jobs]


def measured(
    work: Work,
    controls: Sequence[Job],
    jobs: Sequence[Job],
    *,
    progress: Progress,
    note: Callable[[str], None],
    seats: Sequence[Seat] = (),
) -> Generator[tuple[bool, Outcome], None, None]:
    """Every outcome as soon as it is known, and whether it is a control; see `run_all`.

    Each device measures the controls by itself, one device after the other, so that they can be held against one
    another. Without seats there is one device, which each process finds. Raises NoTorch.
    """
    at = 0

    def run(jobs: Sequence[Job], seats: Sequence[Seat]) -> Generator[Outcome, None, None]:
        return run_all(work, jobs, progress=partial(later, progress, at), note=note, seats=seats)

    each: list[Sequence[Seat]] = [[seat] for seat in seats] or [()]
    for one in each:
        yield from ((True, outcome) for outcome in run(controls, one))
        at += len(controls)
    alone = {}
    if _times_alone(jobs, seats):
        alone = {key_of(outcome): outcome for outcome in run(jobs[:1], seats[:1])}
        at += 1
    for outcome in run(jobs, seats):
        yield False, outcome
        before = alone.pop(key_of(outcome), None)
        if before is not None:
            for sentence in beside_alone(before, outcome):
                note(sentence)


def _times_alone(jobs: Sequence[Job], seats: Sequence[Seat]) -> bool:
    return len(seats) > 1 and len(jobs) > 1


def beside_alone(alone: Outcome, beside: Outcome) -> Iterable[str]:
    """How many times as long a point takes beside others as alone, for its whole model; nothing where nobody knows."""
    others = beside.environment.beside if beside.environment is not None else None
    before = {figure.phase: figure for figure in alone.figures if figure.subject is None}
    ratios = []
    for figure in beside.figures:
        if figure.subject is None and figure.phase in before:
            first = before[figure.phase]
            # why added up: the two were not timed in turns.
            spread = None if first.half is None or figure.half is None else first.half + figure.half
            ratio = figure.median / first.median
            ratios.append(f"{figure.phase} {ratio:.3g}" + ("" if spread is None else f" ± {ratio * spread:.2g}"))
    if ratios and others:
        devices = counted(others, "other device")
        yield f"{beside.name} took beside {devices}, as a multiple of its time alone: {', '.join(ratios)}"
