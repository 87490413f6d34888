"""A run made ready: built, called once, held against the equations, and what the device can do calibrated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from rnninspect.bench import kernels
from rnninspect.bench.bound import best_of
from rnninspect.bench.clock import Clock, clock_for, marked
from rnninspect.bench.cpus import many_threads, usable_cpus
from rnninspect.bench.disturbances import slow_cpu
from rnninspect.bench.graphs import GraphPhase, refuse
from rnninspect.bench.jobs import VariantRun
from rnninspect.bench.machine import Machine
from rnninspect.bench.peaks import calibrate, timed_layers
from rnninspect.bench.phases import Phase, Subject, subjects, trains
from rnninspect.bench.plain import canonical
from rnninspect.bench.records import Kernels, Peaks, TimingRequest, Warned, settings_text
from rnninspect.bench.sampling import Meanwhile, Timing
from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.errors import CannotHere, CheckFailed, RnnInspectError
from rnninspect.facts.models import LayerFacts
from rnninspect.facts.tensors import Wires
from rnninspect.layers.recurrent import Recurrent
from rnninspect.plan import plan, plan_layers
from rnninspect.runtime.device import DTYPES, device_of, dtype_name, threads
from rnninspect.runtime.modules import ready, run
from rnninspect.runtime.precision import float32_precision, set_float32_precision
from rnninspect.runtime.recurrence import data_of
from rnninspect.runtime.torch_errors import broke_cuda
from rnninspect.runtime.wiring import Flows
from rnninspect.runtime.workspace import kept_on
from rnninspect.study.verify import verify_layers

# The slice that is held against the equations before anything is timed.
_GATE_STEPS, _GATE_SEQUENCES = 4, 2
# What was calibrated in this process, and how many times.
_CALIBRATED: dict[tuple[object, ...], Peaks] = {}
_TIMES: Counter[tuple[object, ...]] = Counter()
# What was held against the equations in this process, and held.
_HELD: set[str] = set()
Alone = Callable[[], AbstractContextManager[None]]


class _Timer(Phase):
    """A phase with what it is run under: a number of threads, which stays until a phase wants another."""

    def __init__(self, subject: Subject, name: str, clock: Clock, machine: Machine, mark: str = "") -> None:
        super().__init__(subject, name, clock)
        self._machine, self._mark = machine, mark

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
        with marked(self._mark):
            return super().sample(calls)

    def _take_threads(self) -> None:
        if torch.get_num_threads() != self._machine.threads:
            torch.set_num_threads(self._machine.threads)
            super().sample(1)  # why: the first parallel region starts or ends threads, and no sample should hold that


class _GraphTimer(GraphPhase, _Timer):
    """The same for a phase that is recorded and replayed."""


class ReadyRun:
    """A run that is built, checked and about to be timed. Raises what it cannot be made ready for.

    alone: what the device can do is measured within this, so that no other worker does so meanwhile.
    """

    def __init__(self, variant: VariantRun, request: TimingRequest, alone: Alone = nullcontext) -> None:
        self._alone = alone
        spec = variant.spec
        self.run, self.request, self.spec = variant, request, spec
        self.device = device_of(spec)
        self.machine = Machine(self.device, variant.setting.threads or torch.get_num_threads())
        self.warnings: list[Warned] = []
        if request.fp32_precision is not None:
            set_float32_precision(request.fp32_precision)
        need_rows(spec, request.phases)
        refuse(spec, variant.setting, self.device)
        planned = plan(spec)
        self.weights = {layer.name: layer.weights for layer in planned.layers}
        kept = sum(layer.kept_for_backward_bytes or 0 for layer in self.layers_of(spec.links))
        more = 0 if request.phases == ("forward",) else planned.counts.gradient_bytes + kept
        with ready(spec, planned, self.device, request.seed, more=more) as model:
            parts = subjects(spec, model, self.device, each_layer=request.each_layer, input_grad=request.input_grad)
        parts = self._as_set(parts)
        timer = _GraphTimer if variant.setting.backend == "graph" else _Timer
        clock = clock_for(self.device, warm_l2=request.warm_l2)
        self.phases = tuple(
            timer(subject, name, clock, self.machine, self._mark(subject, name))
            for subject in parts
            for name in request.phases
            if name == "forward" or trains(subject)
        )
        if not self.phases:
            why = "nothing is trained, so there is no backward pass (trainable: true, or --input-grad)"
            raise spec.refused(CannotHere, why)
        self._call_first(model.layers)
        self._check()
        if not all(trains(subject) for subject in parts) and request.phases != ("forward",):
            self._warn(Warned("nothing is trained, so there is no backward pass", "trainable: true, or --input-grad"))
        with threads(self.machine.threads):
            self.peaks = self._calibrated()
            self.kernels = {
                (subject.name, training): _kernels(subject, spec, self.device, training)
                for subject in parts
                for training in (False, True)
                if not training or trains(subject)
            }
        self._warn_of_options()
        self._warn(kernels.tf32_in_force(spec.links, spec.dtype, self.device))
        tensors = {name: parameter.detach() for name, parameter in model.named_parameters()}
        self._warn(kernels.subnormals(tensors))

    def _call_first(self, modules: Iterable[nn.Module]) -> None:
        """Call every phase once.

        why before anything else runs: this is when libraries load, dropout gets its state, memory its pools.
        """
        self.first: list[float] = []
        with threads(self.machine.threads):
            messages = kernels.torch_warnings(
                lambda: self.first.extend(phase.sample(1).seconds for phase in self.phases)
            )
        recurrent = [module for module in modules if isinstance(module, nn.RNNBase)]
        nbytes = sum(parameter.nbytes for module in recurrent for parameter in module.parameters())
        self._warn(kernels.scattered_weights(messages, self.spec.dtype, nbytes))

    def _warn_of_options(self) -> None:
        """Warn of what was chosen and is of no use here."""
        request = self.request
        self._warn(many_threads(self.machine.threads, usable_cpus()) if self.device.type == "cpu" else None)
        given = {
            "--nvtx": request.nvtx,
            "--warm-l2": request.warm_l2,
            "--fp32-precision": request.fp32_precision is not None,
        }
        idle = [name for name, is_given in given.items() if is_given]
        if idle and self.device.type != "cuda":
            self._warn(Warned(f"{' and '.join(idle)} changed nothing: that is for CUDA", "leave it out"))

    def _mark(self, subject: Subject, name: str) -> str:
        """What profilers show of a phase; "" for nothing."""
        settings = {**self.run.settings, **self.run.variant}
        words = [self.spec.name, settings_text(settings), subject.name, name]
        return " ".join(filter(None, words)) if self.request.nvtx and self.device.type == "cuda" else ""

    def together(self, phase: Phase) -> object:
        """What the variants of a point have in common, and nothing else has."""
        return (self.run.spec.source, canonical(self.run.settings), phase.subject.name, phase.name)

    @property
    def _place(self) -> tuple[object, ...]:
        """What a calibration depends on."""
        kinds = frozenset((name, repr(layer)) for name, layer in timed_layers(self.spec, self.device).items())
        return (str(self.device), self.spec.dtype, self.machine.threads, kinds, self.request)

    def _calibrated(self) -> Peaks:
        """What the device can do.

        why the best of three times, in other points too: what disturbs a calibration only ever makes it worse.
        """
        place = self._place
        if _TIMES[place] < 3:
            with self._alone():
                finish = self.machine.watch()
                peaks = calibrate(self.spec, self.device, self.request)
                meanwhile = finish()
            disturbance = meanwhile.disturbance or slow_cpu(meanwhile.probe, self.machine.best_probe)
            peaks = peaks._replace(disturbed="" if disturbance is None else disturbance.text)
            _CALIBRATED[place] = best_of(_CALIBRATED.get(place, peaks), peaks)
            _TIMES[place] += 1
        return _CALIBRATED[place]

    def _warn(self, warning: Warned | None) -> None:
        if warning is not None:
            self.warnings.append(warning)

    def _check(self) -> None:
        """Hold a small slice against the equations: a time of a wrong result is worth nothing."""
        small = self.spec.cut(_GATE_STEPS, _GATE_SEQUENCES)
        # why remembered: of every batch and length it is the same.
        about = (str(self.device), small.dtype, float32_precision(), self.request.seed, small.batch, small.links)
        if repr(about) in _HELD:
            return
        verdict = verify_layers(small, self.device, self.request.seed)
        if not verdict.ok:
            raise CheckFailed("torch's results are not those of the equations (rnninspect verify says where)")
        _HELD.add(repr(about))

    def _as_set(self, parts: list[Subject]) -> list[Subject]:
        """The subjects in autocast, or compiled, as the variant says."""
        setting = self.run.setting
        if setting.amp is not None:
            parts = [subject._replace(amp=DTYPES[setting.amp]) for subject in parts]
        return self._compiled(parts) if setting.backend == "compile" else parts

    def _compiled(self, parts: list[Subject]) -> list[Subject]:
        """Each layer compiled by itself: once torch.compile has met a recurrent layer it gives up on all of a call."""
        with torch.no_grad():
            graphs = max(map(_graphs_of, parts))
        self._warn(kernels.compiled_nothing(graphs))
        # why a module in a module: what torch.compile makes of one has its parameters, and trains as it does.
        return [_with_each(subject, torch.compile) for subject in parts]

    def layers_of(self, links: Sequence[Link]) -> tuple[LayerFacts, ...]:
        """What the plan says of layers that are run in order, and this device of what they keep in training."""
        weights = [self.weights[link.layer.name] for link in links]
        if len(links) == 1:
            # why: it is alone, so that what it shares is nobody else's.
            weights = [tuple(replace(weight, shared_with=None) for weight in weights[0])]
        input_grad, dtype = self.request.input_grad, self.spec.dtype
        planned = plan_layers(links, weights, dtype, input_grad=input_grad, inputs=self.spec.inputs)
        return kept_on(self.device.type, links, planned, dtype, input_grad=input_grad)

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


def need_rows(spec: Spec, phases: Sequence[str]) -> None:
    """Raise CannotHere for a phase in training mode where a layer's batch has no variance."""
    alone = next((link.layer.name for link in spec.links if not link.layer.can_train_on(link.signal)), None)
    if alone is not None and any(phase != "forward" for phase in phases):
        why = f"layer {alone!r} has one row, and in training mode it needs more: a variance is of several"
        raise spec.refused(CannotHere, f"{why} (a larger input.batch_size, or --phase forward)")


def _graphs_of(subject: Subject) -> int:
    if subject.is_chain:
        return kernels.compiled_graphs(lambda compiled: compiled(subject.call)(0))
    # why not of the call: what joins layers is no module, and torch.compile would read all of ours.
    return kernels.compiled_graphs(lambda compiled: _with_each(subject, compiled).call(0))


def _with_each(subject: Subject, compiled: Callable[..., Any]) -> Subject:
    return subject._replace(modules=tuple(map(compiled, subject.modules)))


def _kernels(subject: Subject, spec: Spec, device: torch.device, training: bool) -> Kernels:
    """Which operators serve the recurrent layers of a subject, in a forward or in a whole training step."""
    flows = Flows(subject.links, subject.pool[0], subject.returns)
    cast_to = torch.autocast(device.type, subject.amp) if subject.amp is not None else nullcontext()
    dtype = spec.dtype if subject.amp is None else dtype_name(subject.amp)
    by_layer = []
    for link, module, own in zip(subject.links, subject.modules, subject.states[0], strict=True):
        module.train(training)
        flow, states = flows.given(link, own)
        with torch.no_grad(), cast_to:
            ran_once = run(link.layer, link, module, flow, states)
        if isinstance(link.layer, Recurrent):
            alone = replace(link, wires=Wires((INPUT,)))
            one = Subject(
                name=link.layer.name,
                links=(alone,),
                modules=(module,),
                pool=({INPUT: flow},),
                states=((states,),),
                amp=subject.amp,
            )
            ran = kernels.operators(partial(_once, one, training, torch.ones_like(data_of(ran_once.handed_on))))
            phase = "step" if training else "forward"
            by_layer.append((link.layer.name, kernels.explain(link, ran, dtype=dtype, device=device, phase=phase)))
        flows.put(link, flow, ran_once.handed_on, ran_once.states)
    if len(by_layer) == 1:
        return by_layer[0][1]
    operators = tuple(dict.fromkeys(name for _, each in by_layer for name in each.operators))
    fast = all(each.fast for _, each in by_layer) if by_layer else None
    reasons = [f"{name}: {each.reason}" for name, each in by_layer if each.reason]
    remedies = [f"{name}: {each.remedy}" for name, each in by_layer if each.remedy]
    return Kernels(operators=operators, fast=fast, reason="; ".join(reasons), remedy="; ".join(remedies))


def _once(subject: Subject, training: bool, upstream: Tensor) -> None:
    if not training:
        with torch.inference_mode():
            subject.call(0)
        return
    (output,) = subject.call(0)
    if output.requires_grad:
        torch.autograd.backward(output, upstream)
