"""What a timed phase comes to: its figure, with its bound and warnings, and the outcome of a run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from rnninspect.bench import heap, jobs
from rnninspect.bench.bound import bound, deepbench_flops, macs_of, planned_bytes
from rnninspect.bench.disturbances import advice
from rnninspect.bench.graphs import GraphPhase
from rnninspect.bench.jobs import Job
from rnninspect.bench.peaks import memory_of
from rnninspect.bench.phases import EACH, Empty, Phase, tokens_of
from rnninspect.bench.prepare import ReadyRun
from rnninspect.bench.records import LAUNCH_REMEDY, STEADY, Bound, Environment, Figure, Interval, Outcome, Warned
from rnninspect.bench.sampling import LEAST_ROUNDS, Timed
from rnninspect.bench.statistics import drift, interval
from rnninspect.document.chain import Link
from rnninspect.facts.models import LayerFacts
from rnninspect.runtime.device import threads, watch_peak
from rnninspect.shares import share_text

# A page of memory that is new to the process takes it half a microsecond or more; from this share on it matters.
_FAULT_SECONDS, _MOST_FAULTS = 5e-7, 0.05
# So long a phase is called at the most for what it takes in energy, and for half its budget at the most.
ENERGY_SECONDS = 1.0
# The loop's own share of a sample beyond which a figure is not to be believed.
_MOST_OVERHEAD = 0.01
# Seconds after which a counter that does not move is given up.
_MOST_WAIT = 1.0


class TimedPhase(NamedTuple):
    """A phase and what was measured of it.

    overhead: the loop's share of a sample; peak_bytes, joules: of a call, None on the CPU.
    """

    phase: Phase
    first_call: float
    timed: Timed
    overhead: float
    peak_bytes: int | None
    joules: float | None


def look(ready: ReadyRun, timed: Sequence[Timed]) -> tuple[Environment, list[TimedPhase]]:
    """Ask the device for what else a figure says of what was timed."""
    with threads(ready.machine.threads):
        environment = ready.machine.environment(ready.spec.dtype, ready.request)
        phases = [
            TimedPhase(
                phase=phase,
                first_call=first_call,
                timed=each,
                overhead=_overhead(phase, each),
                # why not of a graph: all that it takes it has taken when it was recorded.
                peak_bytes=None if isinstance(phase, GraphPhase) else _peak_bytes(phase, ready.device),
                joules=_joules(ready, phase, each),
            )
            for phase, first_call, each in zip(ready.phases, ready.first, timed, strict=True)
        ]
    return environment, phases


def outcome_of(
    ready: ReadyRun, job: Job, began: str, environment: Environment, phases: Sequence[TimedPhase]
) -> Outcome:
    """What was measured, as a record."""
    # why: the caches that a bound assumes are those of as many cores.
    with threads(ready.machine.threads):
        figures = tuple(figure_of(ready, measured, environment) for measured in phases)
    unmeasured = jobs.outcome_of(job, ready.run)
    return unmeasured._replace(environment=environment, figures=figures, peaks=ready.peaks, began=began)


def figure_of(ready: ReadyRun, measured: TimedPhase, environment: Environment) -> Figure:
    """What a timed phase of a run comes to."""
    subject, name, timed = measured.phase.subject, measured.phase.name, measured.timed
    tokens, sequences, steps = tokens_of(subject)
    # why anew: a layer by itself wants other gradients than in the whole model.
    layers = ready.layers_of(subject.links)
    faults = timed.faults if ready.device.type == "cpu" else None
    median, spread = statistics.median(timed.round_medians), interval(timed.round_medians)
    return Figure(
        subject=subject.name,
        phase=name,
        first_call=measured.first_call,
        warmup_calls=timed.warmup_calls,
        block=timed.block,
        rounds=timed.rounds,
        kept=timed.kept,
        passes=timed.passes,
        probes=timed.probes,
        best_probe=timed.best_probe,
        page_faults=faults,
        median=median,
        interval=spread,
        best=min(timed.seconds),
        stopped=timed.stopped,
        verdict=timed.verdict,
        overhead=measured.overhead,
        host=timed.host,
        launch_bound=None if timed.host is None else timed.waited,
        drift=drift(timed.round_medians),
        peak_bytes=measured.peak_bytes,
        joules=measured.joules,
        flops=2 * macs_of(layers, name) or None,
        recurrent_flops=_recurrent_flops(subject.links, name),
        planned_bytes=planned_bytes(layers, name),
        tokens=tokens,
        sequences=sequences,
        steps=steps,
        bound=_bound(ready, measured, layers),
        kernels=ready.kernels[subject.name, name != "forward"],
        warnings=tuple(_warnings(ready, measured, median, spread, faults, environment)),
    )


def _bound(ready: ReadyRun, measured: TimedPhase, layers: Sequence[LayerFacts]) -> Bound | None:
    name, request = measured.phase.name, ready.request
    # why none with autocast: what the device can do was measured in the document's dtype.
    if ready.run.setting.amp is not None:
        return None
    # why not for a block of several: its first call alone finds L2 flushed.
    one_call = measured.timed.block == 1 or name in EACH
    flushed = ready.device.type == "cuda" and not request.warm_l2 and one_call
    return bound(
        measured.phase.subject.links,
        layers,
        name,
        ready.peaks,
        dtype=ready.spec.dtype,
        memory=memory_of(ready.device, cold=flushed),
        input_grad=request.input_grad,
    )


def _warnings(
    ready: ReadyRun,
    measured: TimedPhase,
    median: float,
    spread: Interval | None,
    faults: float | None,
    environment: Environment,
) -> list[Warned]:
    """What a reader of the figure of this phase must know."""
    name, timed = measured.phase.name, measured.timed
    warnings = [*ready.warnings, *ready.machine.warnings]
    if len(timed.rounds) < LEAST_ROUNDS:
        text = f"only {len(timed.rounds)} of {LEAST_ROUNDS} rounds fitted into three times the budget"
        warnings.append(Warned(text, "a larger --budget"))
    elif spread is not None and spread.half(median) > ready.request.precision:
        precision = share_text(ready.request.precision)
        warnings.append(Warned(f"the interval is wider than {precision}", "a larger --budget, or a quieter machine"))
    if ready.peaks.disturbed and ready.peaks.calibrated:
        text = f"the peaks were measured while {ready.peaks.disturbed}: the bound is too large"
        warnings.append(Warned(text, "measure again, or --peak-tflops and --bandwidth"))
    if timed.verdict != STEADY:
        remedy = advice(timed.disturbance, ready.machine.threads if ready.device.type == "cpu" else 1)
        warnings.append(Warned("not steady, see the verdict", remedy))
    # why not backward: most of its faults belong to the forward pass that is made ready before it.
    if faults is not None and name != "backward" and faults * _FAULT_SECONDS > _MOST_FAULTS * median:
        text = f"{faults:,.0f} page faults a call: memory is given back to the system and taken from it anew"
        warnings.append(Warned(text, heap.remedy(kept=environment.keeps_freed)))
    if measured.overhead > _MOST_OVERHEAD:
        warnings.append(Warned("the loop itself takes more than 1 % of a sample", "a larger batch"))
    if timed.waited:
        warnings.append(Warned("the GPU waits for the host: the phase is launch-bound", LAUNCH_REMEDY))
    return warnings


def _recurrent_flops(links: Sequence[Link], phase: str) -> int | None:
    """Those of the recurrent matrices alone, which is what DeepBench counts, as often in each of its three passes."""
    once = sum(deepbench_flops(link.layer, link.signal.tokens) or 0 for link in links)
    return {"backward": 2, "step": 3}.get(phase, 1) * once or None


def _overhead(phase: Phase, timed: Timed) -> float:
    empty = Empty(phase)
    return min(empty.seconds(timed.block) for _ in range(5)) / (timed.host or min(timed.seconds))


def _peak_bytes(phase: Phase, device: torch.device) -> int | None:
    """What one call takes at most over what rests on the GPU; on the CPU nobody keeps count."""
    if device.type != "cuda":
        return None
    phase.clear()
    torch.cuda.synchronize(device)
    peak = watch_peak(device)
    phase.sample(1)
    return peak()


def _joules(ready: ReadyRun, phase: Phase, timed: Timed) -> float | None:
    """What a call takes in energy; None of `backward`, as the forward passes before it are in what the GPU takes."""

    def sample() -> int:
        phase.sample(timed.block)
        return timed.block

    if phase.name == "backward":
        return None
    seconds = min(ENERGY_SECONDS, ready.request.budget / 2)
    return joules_of(sample, ready.machine.joules, seconds, time.monotonic)


def joules_of(
    sample: Callable[[], int], counter: Callable[[], float | None], seconds: float, now: Callable[[], float]
) -> float | None:
    """Joules of a call, while it is called for `seconds` or longer; None where nothing counts them.

    sample: makes some calls, comes back when they are done, and says how many. counter: joules so far.
    why from one moment at which it moved to another: its driver moves it on some ten times a second.
    """
    if counter() is None:
        return None
    begin = _moved(sample, counter, 0.0, now)
    end = None if begin is None else _moved(sample, counter, seconds, now)
    if begin is None or end is None or not end[1] or end[0] <= begin[0]:
        return None
    return (end[0] - begin[0]) / end[1]


def _moved(
    sample: Callable[[], int], counter: Callable[[], float | None], seconds: float, now: Callable[[], float]
) -> tuple[float, int] | None:
    """The counter when it first moves after `seconds`, and the calls until then; None where it does not move."""
    start, calls, before = now(), 0, counter()
    while True:
        calls += sample()
        counted, spent = counter(), now() - start
        if counted is None or before is None or spent > seconds + _MOST_WAIT:
            return None
        if counted != before and spent >= seconds:
            return counted, calls
        before = counted
