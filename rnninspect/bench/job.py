"""One job of a benchmark, in the process that does the work: build, check, time, and say what came of it."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from rnninspect.bench import heap, kernels
from rnninspect.bench.bound import best_of, bound, macs_of
from rnninspect.bench.clock import Clock, clock_for
from rnninspect.bench.cpus import many_threads, usable_cpus
from rnninspect.bench.deepbench import deepbench_flops
from rnninspect.bench.disturbances import advice, slow_cpu
from rnninspect.bench.jobs import Job, VariantRun, not_measured
from rnninspect.bench.machine import Machine, remember_speeds
from rnninspect.bench.peaks import calibrate, memory_of, widths
from rnninspect.bench.phases import EACH, Empty, Phase, Subject, subjects, tokens_of, trains
from rnninspect.bench.plain import canonical
from rnninspect.bench.records import STEADY, Figure, Kernels, Outcome, Peaks, Status, TimingRequest, Warned
from rnninspect.bench.sampling import LEAST_ROUNDS, Meanwhile, Timed, Timing, measure
from rnninspect.bench.statistics import drift, interval
from rnninspect.bench.supervise import Last
from rnninspect.document.chain import Link, Spec
from rnninspect.errors import CannotHere, CheckFailed, NotEnoughMemory, RnnInspectError, first_line
from rnninspect.facts import LayerFacts
from rnninspect.layers.recurrent import Recurrent
from rnninspect.plan import plan, plan_layers
from rnninspect.runtime.device import device_of, threads
from rnninspect.runtime.memory import ran_out
from rnninspect.runtime.modules import data_of, ready, run
from rnninspect.runtime.precision import float32_precision, set_float32_precision
from rnninspect.runtime.torch_errors import broke_cuda, quiet
from rnninspect.runtime.workspace import kept_on
from rnninspect.study.verify import verify_layers

# The slice that is held against the equations before anything is timed.
_GATE_STEPS, _GATE_SEQUENCES = 4, 2
# What was calibrated in this process, and how many times.
_CALIBRATED: dict[tuple[object, ...], Peaks] = {}
_TIMES: Counter[tuple[object, ...]] = Counter()
# What was held against the equations in this process, and held.
_HELD: set[str] = set()
# A page of memory that is new to the process takes it half a microsecond or more; from this share on it matters.
_FAULT_SECONDS, _MOST_FAULTS = 5e-7, 0.05
# The loop's own share of a sample beyond which a figure is not to be believed.
_MOST_OVERHEAD = 0.01


def work(job: Job, progress: Callable[[float], None]) -> list[Outcome] | Last:
    """Time every run of a job. A run that cannot be made ready has an outcome that says why; the others go on."""
    with threads(torch.get_num_threads()), quiet():
        return _work(job, progress)


def _work(job: Job, progress: Callable[[float], None]) -> list[Outcome] | Last:
    began = datetime.now(UTC).isoformat()
    prepared: list[_Ready | Outcome] = []
    for run_ in job.runs:
        try:
            prepared.append(_Ready(run_, job.request))
        except (RnnInspectError, RuntimeError, MemoryError) as error:
            # why the whole job: in this process every later one would fail too, and so it ends with the process.
            if broke_cuda(error):
                raise
            memory = isinstance(error, NotEnoughMemory) or ran_out(error)
            prepared.append(_without(job, run_, Status.MEMORY if memory else Status.FAILED, error))
    made_ready = [one for one in prepared if isinstance(one, _Ready)]
    tasks = [phase for one in made_ready for phase in one.phases]
    if tasks:
        timed = iter(
            measure(
                tasks,
                budget=job.request.budget,
                precision=job.request.precision,
                now=time.monotonic,
                random=Random(job.request.seed + job.process),
                together=[one.together(phase) for one in made_ready for phase in one.phases],
                progress=progress,
            )
        )
        for one in made_ready:
            one.look([next(timed) for _ in one.phases])
    # why after all that is asked of the device: where this breaks it, nothing that was timed is lost.
    usable = all(one.calibrate_again() for one in made_ready)
    found = [one if isinstance(one, Outcome) else one.outcome(job, began) for one in prepared]
    remember_speeds()
    return found if usable else Last(found)


class _Timer(Phase):
    """A phase with what it is run under: a number of threads, which stays until a phase wants another."""

    def __init__(self, subject: Subject, name: str, clock: Clock, machine: Machine) -> None:
        super().__init__(subject, name, clock)
        self._machine = machine

    @property
    def best_probe(self) -> float | None:
        """The best that the probe of this machine has been."""
        return self._machine.best_probe

    def watch(self) -> Callable[[], Meanwhile]:
        """Start to watch the machine."""
        self._take_threads()
        return self._machine.watch()

    @override
    def sample(self, calls: int) -> Timing:
        self._take_threads()
        return super().sample(calls)

    def _take_threads(self) -> None:
        if torch.get_num_threads() != self._machine.threads:
            torch.set_num_threads(self._machine.threads)
            super().sample(1)  # why: the first parallel region starts or ends threads, and no sample should hold that


class _Ready:
    """A run that is built, checked and about to be timed. Raises what it cannot be made ready for."""

    def __init__(self, asked: VariantRun, request: TimingRequest) -> None:
        spec = asked.spec
        self.run, self.request, self.spec = asked, request, spec
        self.device = device_of(spec)
        self.machine = Machine(self.device, asked.setting.threads or torch.get_num_threads())
        self.warnings: list[Warned] = []
        if request.fp32_precision is not None:
            set_float32_precision(request.fp32_precision)
        planned = plan(spec)
        self.weights = {layer.name: layer.weights for layer in planned.layers}
        kept = sum(layer.kept_for_backward_bytes or 0 for layer in self._layers(spec.links))
        more = 0 if request.phases == ("forward",) else planned.counts.gradient_bytes + kept
        with ready(spec, planned, self.device, request.seed, more=more) as model:
            found = subjects(spec, model, self.device, each_layer=request.each_layer, input_grad=request.input_grad)
        if asked.setting.backend == "compile":
            found = self._compiled(found)
        clock = clock_for(self.device, warm_l2=request.warm_l2)
        self.phases = tuple(
            _Timer(subject, name, clock, self.machine)
            for subject in found
            for name in request.phases
            if name == "forward" or trains(subject)
        )
        if not self.phases:
            why = "nothing is trained, so there is no backward pass (trainable: true, or --input-grad)"
            raise spec.refused(CannotHere, why)
        # why before anything else runs: this is when libraries load, dropout gets its state, memory its pools.
        self.first: list[float] = []
        with threads(self.machine.threads):
            messages = kernels.torch_warnings(
                lambda: self.first.extend(phase.sample(1).seconds for phase in self.phases)
            )
        recurrent = [module for module in model.layers if isinstance(module, nn.RNNBase)]
        held = sum(parameter.nbytes for module in recurrent for parameter in module.parameters())
        self._warn(kernels.scattered_weights(messages, spec.dtype, held))
        self._check()
        if not all(trains(subject) for subject in found) and request.phases != ("forward",):
            self._warn(Warned("nothing is trained, so there is no backward pass", "trainable: true, or --input-grad"))
        with threads(self.machine.threads):
            self.peaks = self._calibrated()
            self.kernels = {
                (subject.name, training): _kernels(subject, spec, self.device, training)
                for subject in found
                for training in (False, True)
                if not training or trains(subject)
            }
        self._warn(many_threads(self.machine.threads, usable_cpus()) if self.device.type == "cpu" else None)
        idle = ["--warm-l2"] * request.warm_l2 + ["--fp32-precision"] * (request.fp32_precision is not None)
        if idle and self.device.type != "cuda":
            self._warn(Warned(f"{' and '.join(idle)} changed nothing: that is for CUDA", "leave it out"))
        self._warn(kernels.tf32_in_force(spec.links, spec.dtype, self.device))
        tensors = {name: parameter.detach() for name, parameter in model.named_parameters()}
        self._warn(kernels.subnormals(tensors))

    def together(self, phase: Phase) -> object:
        """What the variants of a point have in common, and nothing else has."""
        return (self.run.spec.source, canonical(self.run.settings), phase.subject.name, phase.name)

    @property
    def _place(self) -> tuple[object, ...]:
        """What a calibration depends on."""
        kinds = frozenset(widths(self.spec, self.device).items())
        return (str(self.device), self.spec.dtype, self.machine.threads, kinds, self.request)

    def _calibrated(self) -> Peaks:
        """What the device can do.

        why the best of three times, in other points too: what disturbs a calibration only ever makes it worse.
        """
        if _TIMES[self._place] < 3:
            finish = self.machine.watch()
            found = calibrate(self.spec, self.device, self.request)
            meanwhile = finish()
            disturbance = meanwhile.disturbance or slow_cpu(meanwhile.probe, self.machine.best_probe)
            found = found._replace(disturbed="" if disturbance is None else disturbance.text)
            _CALIBRATED[self._place] = best_of(_CALIBRATED.get(self._place, found), found)
            _TIMES[self._place] += 1
        return _CALIBRATED[self._place]

    def _warn(self, found: Warned | None) -> None:
        if found is not None:
            self.warnings.append(found)

    def _check(self) -> None:
        """Hold a small slice against the equations: a time of a wrong result is worth nothing."""
        small = self.spec.cut(_GATE_STEPS, _GATE_SEQUENCES)
        # why remembered: of every batch and length it is the same.
        about = (str(self.device), small.dtype, float32_precision(), self.request.seed, small.batch, small.links)
        if repr(about) in _HELD:
            return
        found = verify_layers(small, self.device, self.request.seed)
        if not found.ok:
            raise CheckFailed("torch's results are not those of the equations (rnninspect verify says where)")
        _HELD.add(repr(about))

    def _compiled(self, found: list[Subject]) -> list[Subject]:
        """Each layer compiled by itself: once torch.compile has met a recurrent layer it gives up on all of a call."""
        with torch.no_grad():
            graphs = max(kernels.compiled_graphs(module.call, 0) for module in found)
        self._warn(kernels.compiled_nothing(graphs))
        return [subject._replace(modules=tuple(_compile(module) for module in subject.modules)) for subject in found]

    def _layers(self, links: Sequence[Link]) -> tuple[LayerFacts, ...]:
        """What the plan says of layers that are run in order, and this device of what they keep in training."""
        weights = [self.weights[link.layer.name] for link in links]
        input_grad, dtype = self.request.input_grad, self.spec.dtype
        planned = plan_layers(links, weights, dtype, input_grad=input_grad)
        return kept_on(self.device.type, links, planned, dtype, input_grad=input_grad)

    def look(self, timed: Sequence[Timed]) -> None:
        """Ask the device for what else a figure says of what was timed."""
        with threads(self.machine.threads):
            self.environment = self.machine.environment(self.spec.dtype, self.request)
            self.seen = [
                (first_call, each, _overhead(phase, each), _peak_bytes(phase, self.device))
                for phase, first_call, each in zip(self.phases, self.first, timed, strict=True)
            ]

    def calibrate_again(self) -> bool:
        """Whether the device is of use to this process afterwards.

        why no more than that: what was timed must not be lost because the device has no room for this now.
        """
        try:
            with threads(self.machine.threads):
                self.peaks = self._calibrated()
        except (RnnInspectError, RuntimeError, MemoryError) as error:
            return not broke_cuda(error)
        return True

    def outcome(self, job: Job, began: str) -> Outcome:
        """What was measured, as a record."""
        # why: the caches that a bound assumes are those of as many cores.
        with threads(self.machine.threads):
            figures = tuple(self._figure(phase, *seen) for phase, seen in zip(self.phases, self.seen, strict=True))
        return Outcome(
            model=self.spec.name,
            file=self.spec.source,
            settings=self.run.settings,
            variant=self.run.variant,
            process=job.process,
            dtype=self.spec.dtype,
            status=Status.OK,
            reason="",
            environment=self.environment,
            figures=figures,
            case=self.run.case,
            peaks=self.peaks,
            began=began,
        )

    def _figure(self, phase: Phase, first_call: float, timed: Timed, overhead: float, peak_bytes: int | None) -> Figure:
        subject, name = phase.subject, phase.name
        median = statistics.median(timed.round_medians)
        found = interval(timed.round_medians)
        tokens, sequences, steps = tokens_of(subject)
        # why not for a block of several: its first call alone finds L2 flushed.
        flushed = self.device.type == "cuda" and not self.request.warm_l2 and (timed.block == 1 or name in EACH)
        memory = memory_of(self.device, cold=flushed)
        # why anew: a layer by itself wants other gradients than in the whole model.
        layers = self._layers(subject.links)
        macs = macs_of(layers, name)
        faults = timed.faults if self.device.type == "cpu" else None
        return Figure(
            subject=subject.name,
            phase=name,
            first_call=first_call,
            warmup_calls=timed.warmup_calls,
            block=timed.block,
            rounds=timed.rounds,
            kept=timed.kept,
            passes=timed.passes,
            probes=timed.probes,
            best_probe=timed.best_probe,
            page_faults=faults,
            median=median,
            interval=found,
            best=min(timed.seconds),
            stopped=timed.stopped,
            verdict=timed.verdict,
            overhead=overhead,
            host=timed.host,
            drift=drift(timed.round_medians),
            peak_bytes=peak_bytes,
            flops=2 * macs or None,
            recurrent_flops=_recurrent_flops(subject.links, name),
            planned_bytes=_planned_bytes(layers, name),
            tokens=tokens,
            sequences=sequences,
            steps=steps,
            bound=bound(
                subject.links,
                layers,
                name,
                self.peaks,
                dtype=self.spec.dtype,
                memory=memory,
                input_grad=self.request.input_grad,
            ),
            kernels=self.kernels[subject.name, name != "forward"],
            warnings=tuple(self._warnings(name, timed, overhead, faults)),
        )

    def _warnings(self, name: str, timed: Timed, overhead: float, faults: float | None) -> list[Warned]:
        """What a reader of the figure of this phase must know."""
        median = statistics.median(timed.round_medians)
        spread = interval(timed.round_medians)
        warnings = [*self.warnings, *self.machine.warnings]
        if len(timed.rounds) < LEAST_ROUNDS:
            said = f"only {len(timed.rounds)} of {LEAST_ROUNDS} rounds fitted into three times the budget"
            warnings.append(Warned(said, "a larger --budget"))
        elif spread is not None and spread.half(median) > self.request.precision:
            asked = f"{100 * self.request.precision:g} %"
            warnings.append(Warned(f"the interval is wider than {asked}", "a larger --budget, or a quieter machine"))
        if self.peaks.disturbed and self.peaks.calibrated:
            said = f"the peaks were measured while {self.peaks.disturbed}: the bound is too large"
            warnings.append(Warned(said, "measure again, or --peak-tflops and --bandwidth"))
        if timed.verdict != STEADY:
            remedy = advice(timed.disturbance, self.machine.threads if self.device.type == "cpu" else 1)
            warnings.append(Warned("not steady, see the verdict", remedy))
        # why not backward: most of its faults belong to the forward pass that is made ready before it.
        if faults is not None and name != "backward" and faults * _FAULT_SECONDS > _MOST_FAULTS * median:
            said = f"{faults:,.0f} page faults a call: memory is given back to the system and taken from it anew"
            warnings.append(Warned(said, heap.remedy(kept=self.environment.keeps_freed)))
        if overhead > _MOST_OVERHEAD:
            warnings.append(Warned("the loop itself takes more than 1 % of a sample", "a larger batch"))
        if timed.waited:
            warnings.append(
                Warned("the GPU waits for the host: the phase is launch-bound", "a larger batch, or --vary backend")
            )
        return warnings


def _without(job: Job, asked: VariantRun, status: Status, error: Exception) -> Outcome:
    return not_measured(job, asked, status, first_line(error))


def _compile(module: nn.Module) -> nn.Module:
    # A module in a module: what torch.compile makes of one has its parameters, and trains as it does.
    return cast(nn.Module, torch.compile(module))


def _recurrent_flops(links: Sequence[Link], phase: str) -> int | None:
    """Those of the recurrent matrices alone, which is what DeepBench counts, as often in each of its three passes."""
    once = sum(deepbench_flops(link.layer, link.signal.tokens) or 0 for link in links)
    return {"backward": 2, "step": 3}.get(phase, 1) * once or None


def _planned_bytes(layers: Sequence[LayerFacts], phase: str) -> int:
    """Parameters; outputs and states, or in training what is kept for backward if that is more; gradients."""
    parameters = sum(layer.counts.nbytes for layer in layers)
    outputs = sum(layer.output_bytes for layer in layers)
    kept = 0 if phase == "forward" else sum(layer.kept_for_backward_bytes or 0 for layer in layers)
    gradients = sum(layer.counts.gradient_bytes for layer in layers) if phase in EACH else 0
    return parameters + max(outputs, kept) + gradients


def _overhead(phase: Phase, timed: Timed) -> float:
    """The share of a sample that is the loop's own."""
    empty = Empty(phase)
    return min(empty.seconds(timed.block) for _ in range(5)) / (timed.host or min(timed.seconds))


def _peak_bytes(phase: Phase, device: torch.device) -> int | None:
    """What one call takes at most over what rests on the GPU; on the CPU nobody keeps count."""
    if device.type != "cuda":
        return None
    phase.clear()
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    resting = torch.cuda.memory_allocated(device)
    phase.sample(1)
    return torch.cuda.max_memory_allocated(device) - resting


def _kernels(subject: Subject, spec: Spec, device: torch.device, training: bool) -> Kernels:
    """Which operators serve the recurrent layers of a subject, in a forward or in a whole training step."""
    flow = subject.pool[0]
    found = []
    for link, module, states in zip(subject.links, subject.modules, subject.states[0], strict=True):
        module.train(training)
        with torch.no_grad():
            handed_on = run(link.layer, link, module, flow, states).handed_on
        if isinstance(link.layer, Recurrent):
            one = Subject(name=link.layer.name, links=(link,), modules=(module,), pool=(flow,), states=((states,),))
            ran = kernels.operators(partial(_once, one, training, torch.ones_like(data_of(handed_on))))
            phase = "step" if training else "forward"
            found.append((link.layer.name, kernels.explain(link, ran, dtype=spec.dtype, device=device, phase=phase)))
        flow = handed_on
    if len(found) == 1:
        return found[0][1]
    operators = tuple(dict.fromkeys(name for _, told in found for name in told.operators))
    fast = all(told.fast for _, told in found) if found else None
    reasons = [f"{name}: {told.reason}" for name, told in found if told.reason]
    remedies = [f"{name}: {told.remedy}" for name, told in found if told.remedy]
    return Kernels(operators=operators, fast=fast, reason="; ".join(reasons), remedy="; ".join(remedies))


def _once(subject: Subject, training: bool, upstream: Tensor) -> None:
    if not training:
        with torch.inference_mode():
            subject.call(0)
        return
    output = subject.call(0)
    if output.requires_grad:
        torch.autograd.backward(output, upstream)
