"""The largest batch that fits: which batches are tried, and what came of each: `bench --fit-batch`.

A batch is tried by one call of a phase in the process that does the work (`trial`), so that one that runs out of memory
or crashes costs only itself. What is kept per sequence by the plan gives the first guess, and what was measured every
other. The answer is a batch that was tried, and so is the next that does not fit, which is larger by one, or by 1/64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import cycle, islice, takewhile
from typing import NamedTuple

from rnninspect.bench.bound import planned_bytes
from rnninspect.bench.jobs import VariantRun
from rnninspect.bench.records import Status, TimingRequest
from rnninspect.bench.supervise import Ended, Work, run_jobs
from rnninspect.document.chain import Spec
from rnninspect.errors import OptionError, printable
from rnninspect.plan import bytes_needed, plan
from rnninspect.runtime.here import likely_device
from rnninspect.runtime.memory import available_bytes
from rnninspect.runtime.workspace import planned_on

# The largest batch that is tried. why: what has room for more is too small to be asked about.
LARGEST_BATCH = 2**24
# The answer is exact up to this, and beyond known to within this part of itself.
EXACT = 64
# Of the host's free memory so much is left to it, or half of it where that is less.
_RESERVE, _RESERVED_SHARE = 2**30, 1 / 8
# Seconds that a batch may take.
_PATIENCE = 600.0


class Trial(NamedTuple):
    """A batch to be tried: the run with it, and one phase. room: bytes of the host that it may take; None for all."""

    run: VariantRun
    phase: str
    request: TimingRequest
    room: int | None


class Taken(NamedTuple):
    """What a batch that fits has taken at the most, and what was free before; None where the device does not say."""

    peak_bytes: int | None
    free_bytes: int | None
    device: str
    device_name: str
    torch: str


class Tried(NamedTuple):
    """What came of a batch. taken: None where it does not fit, or could not be tried, for this reason."""

    batch: int
    planned_bytes: int
    taken: Taken | None
    status: Status = Status.OK
    reason: str = ""


class Found(NamedTuple):
    """The largest batch that fits, None where not even the least does; and what stopped it, None where nothing did."""

    fits: Tried | None
    stopped: Tried | None
    tries: int


class FittedBatch(NamedTuple):
    """What was found for a variant of a point.

    spec: with the document's own batch. adam_bytes: of the moments that Adam would keep besides. room: bytes that could
    be taken of the host; None where nobody knows.
    """

    model: str
    file: str
    case: str
    point: str
    settings: Mapping[str, object]
    variant: Mapping[str, object]
    spec: Spec
    phase: str
    adam_bytes: int
    room: int | None
    found: Found

    @property
    def taken(self) -> Taken | None:
        """What the largest has taken; None where none fits."""
        return self.found.fits and self.found.fits.taken


# Tries a batch.
Attempt = Callable[[int], Tried]


def largest(attempt: Attempt, least: int, per_sequence: int) -> Found:
    """The largest batch that fits, of `least` to LARGEST_BATCH, and the next that does not, `gap` above it at the most.

    per_sequence: bytes that one more sequence takes, by the plan.
    """
    tries = [attempt(least)]
    while not _ended(tries):
        tries.append(attempt(_next(tries, per_sequence)))
    return Found(next(reversed(_fitting(tries)), None), _stopped(tries), len(tries))


def _fitting(tries: Sequence[Tried]) -> list[Tried]:
    """Those that fit, the largest last."""
    return [tried for tried in tries if tried.taken is not None]


def _stopped(tries: Sequence[Tried]) -> Tried | None:
    """The least that does not fit."""
    return min((tried for tried in tries if tried.taken is None), key=lambda tried: tried.batch, default=None)


def _ended(tries: Sequence[Tried]) -> bool:
    """Whether the answer is known well enough."""
    fitting, stopped = _fitting(tries), _stopped(tries)
    if not fitting:
        return True
    low = fitting[-1].batch
    return low >= LARGEST_BATCH if stopped is None else low + gap(low) >= stopped.batch


def gap(batch: int) -> int:
    """How far above it the next batch may be that is known not to fit."""
    return max(1, batch // EXACT)


def _next(tries: Sequence[Tried], per_sequence: int) -> int:
    """The batch to be tried next: where memory should be full, and once that was tried, a little above or below it."""
    fitting, stopped = _fitting(tries), _stopped(tries)
    low = fitting[-1].batch
    guess, step = _guess(fitting, per_sequence), gap(low)
    # why further each time: a guess that was wrong twice says nothing.
    alike = takewhile(lambda tried: (tried.taken is None) is (tries[-1].taken is None), reversed(tries))
    aside = step * 2 ** (len([*alike]) - 1)
    if stopped is None:
        return min(LARGEST_BATCH, 2 * low if guess is None else max(guess, low + aside))
    high = stopped.batch
    middle = (low + high) // 2
    # why the middle first: with one batch that is not the least, the guess is a measured one.
    if guess is None or len(fitting) == 1 or guess > high + step:
        return middle
    aim = max(guess, low + aside) if guess <= high - step else high - aside
    return aim if low + step <= aim <= high - step else middle


def _guess(fitting: Sequence[Tried], per_sequence: int) -> int | None:
    """The batch that would take all that is free, if each sequence took as much as those before."""
    first, low = fitting[0], fitting[-1]
    before, taken = _bytes(first), _bytes(low)
    free = low.taken and low.taken.free_bytes
    if free is None:
        return None
    more = (taken - before) / (low.batch - first.batch) if low is not first else per_sequence
    return low.batch + math.floor((free - taken) / max(more, 1))


def _bytes(tried: Tried) -> int:
    """What a batch that fits has taken, as measured, or where nobody did by the plan.

    Of the host it is the more of the two: it may take what it never touches.
    """
    taken, planned = tried.taken, tried.planned_bytes
    if taken is None or taken.peak_bytes is None:
        return planned
    return max(planned, taken.peak_bytes) if taken.device == "cpu" else taken.peak_bytes


def spec_on(spec: Spec, batch: int) -> Spec:
    """The model on a batch of so many sequences; those of a packed one have the document's lengths, again and again."""
    return spec.with_batches(
        [
            replace(one, size=batch, lengths=one.lengths and tuple(islice(cycle(one.lengths), batch)))
            for one in (each.signal.batch for each in spec.inputs)
        ]
    )


def check_grows(spec: Spec) -> None:
    """Raise OptionError for a model whose batch cannot be another."""
    source = printable(spec.source)
    if spec.batch.size is None:
        raise OptionError(f"--fit-batch: {source} has no batch (--set input.batch_size=1)")
    for link in spec.links:
        if link.layer.spans(link.signal) & {"N", "T"}:
            why = f"layer {link.layer.name!r} of {source} is built for its batch"
            raise OptionError(f"--fit-batch: {why}, so that no other can be tried")


def fit_batch(work: Work, run: VariantRun, request: TimingRequest, *, progress: Callable[[int], None]) -> FittedBatch:
    """The largest batch with which one call of the request's only phase fits. Raises NoTorch.

    work: what tries one, `entry.trial`. progress: is told the batch that is tried now.
    """
    spec, (phase,) = run.spec, request.phases
    trial = Trial(run=run, phase=phase, request=request, room=room_here())
    least = _least(spec, phase)
    device = likely_device(spec.device)
    more = _planned(trial, 2 * least, device) - _planned(trial, least, device)
    with closing(_Attempts(work, trial, progress)) as attempt:
        found = largest(attempt, least, more)
    adam_bytes = plan(spec).counts.adam_bytes
    return FittedBatch(*run.of_point, spec=spec, phase=phase, adam_bytes=adam_bytes, room=trial.room, found=found)


def room_here() -> int | None:
    """Bytes of the host that may be taken: what is free now, less what is left to others; None where nobody knows."""
    free = available_bytes()
    if free is None:
        return None
    return free - min(free // 2, max(_RESERVE, int(free * _RESERVED_SHARE)))


def _least(spec: Spec, phase: str) -> int:
    """The least batch that can be run: in training mode a variance needs two rows."""
    one = spec_on(spec, 1)
    return 1 if phase == "forward" or all(link.layer.can_train_on(link.signal) for link in one.links) else 2


def _planned(trial: Trial, batch: int, device: str) -> int:
    """What a batch takes at the least by the plan, on a device of this type: also to go forward at all."""
    spec, input_grad = spec_on(trial.run.spec, batch), trial.request.input_grad
    planned = planned_on(device, spec, plan(spec, input_grad=input_grad), input_grad=input_grad)
    return max(planned_bytes(planned.layers, trial.phase), bytes_needed(spec, planned))


class _Attempts:
    """Tries batches, in one process until one of them ends it; see `fit_batch`. Raises NoTorch."""

    def __init__(self, work: Work, trial: Trial, progress: Callable[[int], None]) -> None:
        self._trial, self._progress = trial, progress
        self._kind = likely_device(trial.run.spec.device)
        self._batch = 0
        limit = trial.request.time_limit or _PATIENCE
        self._results = run_jobs(work, self._jobs(), limit=lambda _: limit, progress=lambda _, doing: None)

    def _jobs(self) -> Iterator[Trial]:
        """The batch that is asked for now, each time."""
        run = self._trial.run
        while True:
            yield self._trial._replace(run=run._replace(spec=spec_on(run.spec, self._batch)))

    def __call__(self, batch: int) -> Tried:
        self._batch = batch
        self._progress(batch)
        result = next(self._results)
        if isinstance(result, Taken):
            self._kind = result.device.partition(":")[0]
        planned = _planned(self._trial, batch, self._kind)
        if isinstance(result, Ended):
            return Tried(batch, planned, None, status=result.status, reason=result.reason)
        return Tried(batch, planned, result)

    def close(self) -> None:
        """End the process."""
        self._results.close()
