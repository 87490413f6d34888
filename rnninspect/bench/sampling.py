"""When to run what, and when to stop: warm-up, block lengths, rounds in random order, disturbed rounds set aside.

Nothing here knows torch or reads a clock of its own: tests run it on a fake one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import NamedTuple, Protocol

from rnninspect.bench.disturbances import Disturbance, slow_cpu
from rnninspect.bench.records import STEADY
from rnninspect.bench.statistics import drift, interval

# Rounds before a figure may stop at its precision: an interval from fewer says little.
LEAST_ROUNDS = 7
# A visit lasts about this share of the budget, so that a case is seen at many moments, and at most so many seconds.
_VISIT_SHARE, _VISIT_SECONDS = 1 / 20, 0.2
# Warm-up: at least so many calls and seconds, until the last three are within a twentieth of the best, at most so long.
_WARM_CALLS, _WARM_SECONDS, _WARM_SPREAD, _WARM_MOST = 3, 0.15, 1.05, 2.0
# How much a case may overdraw its budget to get its seven rounds.
_OVERDRAW = 3.0
# A drift beyond this between the halves of a run is named.
_DRIFT = 0.10


class Timing(NamedTuple):
    """A sample: seconds for all its calls on the device, and, where that is another clock, on the host.

    waited: the device was done as soon as the host had asked for everything, so it had waited for the host.
    """

    seconds: float
    host: float | None = None
    waited: bool = False


class Meanwhile(NamedTuple):
    """What the machine did during a block of calls.

    disturbance: what disturbed them, or None. probe: seconds of a probe of the machine's speed. faults: new pages of
    memory. None: nobody knows.
    """

    disturbance: Disturbance | None = None
    probe: float | None = None
    faults: int | None = None


class Task(Protocol):
    """Something to time."""

    @property
    def best_probe(self) -> float | None:
        """Seconds that its probe takes when the machine is at its best, as far as is known by now."""
        ...

    def watch(self) -> Callable[[], Meanwhile]:
        """Begin to watch the machine; what it returns says what the machine did until then."""
        ...

    @property
    def least_sample(self) -> float:
        """The least seconds of a sample, well above what the clock can tell apart."""
        ...

    def sample(self, calls: int) -> Timing:
        """Run it `calls` times; whatever must be made ready for a call is not in the time."""
        ...


# Is told how much is done, which task goes on, and its median so far.
Progress = Callable[[float, int | None, float | None], None]


class Timed(NamedTuple):
    """What was measured of one task.

    rounds: seconds per call of each sample. passes: by round, in which visit of all tasks it was. disturbances: by
    round, what disturbed it. probes: by round the seconds of the machine's probe; best_probe: when it was at its best.
    faults: new pages of memory a call. host: the median of the host's seconds per call. stopped: "precision" or
    "budget", "" while it goes on. waited: in most samples the device waited for the host.
    """

    warmup_calls: int
    block: int
    rounds: tuple[tuple[float, ...], ...]
    passes: tuple[int, ...]
    disturbances: tuple[Disturbance | None, ...]
    probes: tuple[float | None, ...]
    best_probe: float | None
    faults: float | None
    host: float | None
    stopped: str
    waited: bool = False

    @property
    def kept(self) -> tuple[int, ...]:
        """The rounds that count: the undisturbed ones where there are enough, else all."""
        quiet = tuple(k for k, disturbance in enumerate(self.disturbances) if disturbance is None)
        return quiet if len(quiet) >= LEAST_ROUNDS else tuple(range(len(self.rounds)))

    @property
    def seconds(self) -> list[float]:
        """The samples of the rounds that count, seconds per call."""
        return [sample for k in self.kept for sample in self.rounds[k]]

    @property
    def round_medians(self) -> list[float]:
        """The medians of the rounds that count."""
        return [statistics.median(self.rounds[k]) for k in self.kept]

    @property
    def disturbance(self) -> Disturbance | None:
        """What disturbed most of the rounds that count; None where nothing did."""
        disturbances = [one for k in self.kept if (one := self.disturbances[k]) is not None]
        return max(disturbances, key=disturbances.count, default=None)

    @property
    def verdict(self) -> str:
        """`steady`, `drifting (...)` or `disturbed (...)`."""
        if self.disturbance is not None:
            return f"disturbed ({self.disturbance.text})"
        change = drift(self.round_medians)
        if change is not None and abs(change - 1) > _DRIFT:
            return f"drifting (second half {100 * abs(change - 1):.0f} % {'slower' if change > 1 else 'faster'})"
        return STEADY


def measure(
    tasks: Sequence[Task],
    *,
    budget: float,
    precision: float,
    now: Callable[[], float],
    random: Random,
    together: Sequence[object] = (),
    progress: Progress = lambda share, task, seconds: None,
) -> list[Timed]:
    """Time every task, visiting them in random order in short rounds, until each has stopped.

    budget: seconds for each task. precision: half the interval over the median at which a task stops.
    together: a key for each task; those of one key go on until all of them have stopped, as they will be compared.
    progress: told the share of the whole budget that is spent, which task goes on, and its median so far; None while
    it warms up, and None for both when all have stopped.
    """
    cases = [_Case(task, budget=budget, precision=precision, now=now) for task in tasks]
    keys = list(together) or list(range(len(cases)))
    numbers = {case: number for number, case in enumerate(cases)}
    done = 0.0
    for case in random.sample(cases, len(cases)):
        progress(done, numbers[case], None)
        case.warm_up()
    for number in count():
        # why every case is asked again: one that had stopped may turn out to have run while the machine was slow.
        going = {key for key, case in zip(keys, cases, strict=True) if not case.timed.stopped}
        active = [case for key, case in zip(keys, cases, strict=True) if key in going]
        if not active:
            break
        for case in random.sample(active, len(active)):
            case.visit(number)
            spent = len(cases) - len(active) + sum(other.share for other in active)
            done = max(done, spent / len(cases))
            progress(done, numbers[case], case.median)
    progress(1.0, None, None)
    return [case.timed for case in cases]


class _Case:
    """One task on its way."""

    def __init__(self, task: Task, budget: float, precision: float, now: Callable[[], float]) -> None:
        self._task, self._budget, self._precision, self._now = task, budget, precision, now
        self._spent = 0.0
        self._warmed = 0
        self._block = 1
        self._hosts: list[float] = []
        self._waited: list[bool] = []
        self._rounds: list[tuple[float, ...]] = []
        self._passes: list[int] = []
        self._calls: list[int] = []
        self._meanwhile: list[Meanwhile] = []

    def warm_up(self) -> None:
        """Calls until it runs steadily, and how many of them make a sample; none is used again."""
        start = self._now()
        most = min(_WARM_MOST, self._budget)
        seconds: list[float] = []
        while True:
            seconds.append(self._task.sample(1).seconds)
            spent = self._now() - start
            settled = len(seconds) >= _WARM_CALLS and max(seconds[-3:]) <= _WARM_SPREAD * min(seconds)
            if spent >= most or (settled and spent >= min(_WARM_SECONDS, most / 2)):
                break
        self._warmed = len(seconds)
        self._block = max(1, math.ceil(self._task.least_sample / max(min(seconds), 1e-9)))

    def visit(self, number: int) -> None:
        """One round, in the visit `number` of all tasks: samples for a short while."""
        seconds = min(_VISIT_SECONDS, self._budget * _VISIT_SHARE)
        finish = self._task.watch()
        start = self._now()
        samples = []
        while True:
            timing = self._task.sample(self._block)
            samples.append(timing.seconds / self._block)
            if timing.host is not None:
                self._hosts.append(timing.host / self._block)
                self._waited.append(timing.waited)
            if self._now() - start >= seconds:
                break
        self._spent += self._now() - start
        self._rounds.append(tuple(samples))
        self._passes.append(number)
        self._calls.append(len(samples) * self._block)
        self._meanwhile.append(finish())

    @property
    def median(self) -> float:
        """Of the medians of all rounds so far."""
        return statistics.median(map(statistics.median, self._rounds))

    @property
    def share(self) -> float:
        """How much of the budget is spent, 1 at the most."""
        return min(1.0, self._spent / self._budget)

    @property
    def timed(self) -> Timed:
        """What is known so far."""
        best = self._task.best_probe
        timed = Timed(
            warmup_calls=self._warmed,
            block=self._block,
            rounds=tuple(self._rounds),
            passes=tuple(self._passes),
            disturbances=tuple(one.disturbance or slow_cpu(one.probe, best) for one in self._meanwhile),
            probes=tuple(one.probe for one in self._meanwhile),
            best_probe=best,
            faults=self._faults(),
            host=statistics.median(self._hosts) if self._hosts else None,
            stopped="",
            waited=sum(self._waited) > len(self._waited) / 2,
        )
        return timed._replace(stopped=self._stopped(timed))

    def _faults(self) -> float | None:
        """New pages of memory a call, the median of the rounds."""
        known = [(one.faults, calls) for one, calls in zip(self._meanwhile, self._calls, strict=True)]
        each = [faults / calls for faults, calls in known if faults is not None]
        return statistics.median(each) if each else None

    def _stopped(self, timed: Timed) -> str:
        """By what: the precision asked for, or the budget, which is spent."""
        enough = len(timed.rounds) >= LEAST_ROUNDS
        medians = timed.round_medians
        spread = interval(medians)
        narrow = spread is not None and spread.half(statistics.median(medians)) <= self._precision
        if enough and narrow and timed.verdict == STEADY:
            return "precision"
        if (enough and self._spent >= self._budget) or self._spent >= _OVERDRAW * self._budget:
            return "budget"
        return ""
