"""The phases of a layer or a whole model as tasks: what is made ready before a call, and what is in its time.

    forward        eval mode and inference_mode: in training mode cuDNN runs its training kernel even without grad
    forward+grad   training mode, graph recorded
    backward       a fresh graph for every call; the graph is not in the time
    step           forward+grad, then backward

Not in any time: the inputs (a pool of three, in turn), h_0 and c_0, the gradients at the outputs, setting the gradients
of the weights to None, the graph for `backward`. There is no loss: gradients go in at the output.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import cycle
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnninspect.bench.sampling import Timing
from rnninspect.layers.recurrent import Recurrent
from rnninspect.real import BuiltModel, Feed, data_of, make_feed, run, with_data
from rnninspect.recurrence import Flow, States
from rnninspect.spec.chain import Link, Spec

POOL = 3
# The phases whose every call is made ready by itself.
EACH = ("backward", "step")
# A sample is at least so long: perf_counter tells 0.1 us apart, and CUDA's events 0.5 us.
_LEAST_CPU, _LEAST_CUDA = 1e-3, 20e-3


class Subject(NamedTuple):
    """What is timed: links and modules, run one after the other, and the pool of what goes into the first.

    name: a layer's, or "chain". states: for each of the pool the states of every link.
    """

    name: str
    links: tuple[Link, ...]
    modules: tuple[nn.Module, ...]
    pool: tuple[Flow, ...]
    states: tuple[tuple[States, ...], ...]

    def call(self, which: int) -> Tensor:
        """One forward pass over the input `which` of the pool: what comes out at the end."""
        flow = self.pool[which]
        for link, module, states in zip(self.links, self.modules, self.states[which], strict=True):
            flow = run(link.layer, link, module, flow, states).handed_on
        return data_of(flow)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Every parameter, once."""
        return list(dict.fromkeys(parameter for module in self.modules for parameter in module.parameters()))


def subjects(
    spec: Spec, model: BuiltModel, device: torch.device, *, each_layer: bool, input_grad: bool
) -> list[Subject]:
    """The whole model and, where asked for and there are several, each of its layers on what comes before it.

    input_grad: the input requires grad, where it can.
    """
    feeds = [make_feed(spec, device) for _ in range(POOL)]
    modules = tuple(model.layers)
    chain = _subject("chain", spec.links, modules, feeds, input_grad)
    if not each_layer or len(spec.links) == 1:
        return [chain]
    found = [chain]
    flows = [feed.input for feed in feeds]
    with torch.no_grad():
        for k, (link, module) in enumerate(zip(spec.links, modules, strict=True)):
            given = [Feed(flow, (feed.states[k],)) for flow, feed in zip(flows, feeds, strict=True)]
            found.append(_subject(link.layer.name, (link,), (module,), given, input_grad))
            flows = [
                run(link.layer, link, module, flow, feed.states[k]).handed_on
                for flow, feed in zip(flows, feeds, strict=True)
            ]
    return found


def _subject(
    name: str, links: Sequence[Link], modules: Sequence[nn.Module], feeds: Sequence[Feed], input_grad: bool
) -> Subject:
    pool = []
    for feed in feeds:
        data = data_of(feed.input).detach()
        pool.append(with_data(feed.input, data.requires_grad_(input_grad and data.is_floating_point())))
    return Subject(name, tuple(links), tuple(modules), tuple(pool), tuple(feed.states for feed in feeds))


class Clock:
    """Times one call after the other on the CPU: perf_counter round each call, or round a block of them."""

    least_sample = _LEAST_CPU

    def each(self, calls: int, prepare: Callable[[], Callable[[], object]]) -> Timing:
        """`calls` calls, each made ready outside its time."""
        spent = 0
        for _ in range(calls):
            call = prepare()
            start = time.perf_counter_ns()
            call()
            spent += time.perf_counter_ns() - start
        return Timing(spent / 1e9)

    def block(self, calls: int, call: Callable[[], object]) -> Timing:
        """`calls` calls in a row."""
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
        return Timing((time.perf_counter_ns() - start) / 1e9)


class CudaClock(Clock):
    """CUDA events on the stream, one synchronise for a sample; and the host's time, which shows a launch-bound phase.

    flush: write over L2 before every sample (a block), so that its first call finds nothing there.
    """

    least_sample = _LEAST_CUDA

    def __init__(self, device: torch.device, *, flush: bool) -> None:
        size = torch.cuda.get_device_properties(device).L2_cache_size if flush else 0
        self._cache = torch.empty(size // 4, dtype=torch.int32, device=device)

    def each(self, calls: int, prepare: Callable[[], Callable[[], object]]) -> Timing:
        """See Clock.each."""
        marks = []
        host = 0
        for _ in range(calls):
            call = prepare()
            self._cache.zero_()
            start, stop = _marks()
            start.record()
            began = time.perf_counter_ns()
            call()
            host += time.perf_counter_ns() - began
            stop.record()
            marks.append((start, stop))
        torch.cuda.synchronize()
        return Timing(sum(start.elapsed_time(stop) for start, stop in marks) / 1e3, host / 1e9)

    def block(self, calls: int, call: Callable[[], object]) -> Timing:
        """See Clock.block."""
        self._cache.zero_()
        start, stop = _marks()
        start.record()
        began = time.perf_counter_ns()
        for _ in range(calls):
            call()
        host = time.perf_counter_ns() - began
        stop.record()
        torch.cuda.synchronize()
        return Timing(start.elapsed_time(stop) / 1e3, host / 1e9)


class MpsClock(Clock):
    """perf_counter, with a synchronise at the end of what is timed."""

    def each(self, calls: int, prepare: Callable[[], Callable[[], object]]) -> Timing:
        """See Clock.each."""

        def prepared() -> Callable[[], object]:
            call = prepare()
            torch.mps.synchronize()

            def whole() -> None:
                call()
                torch.mps.synchronize()

            return whole

        return super().each(calls, prepared)

    def block(self, calls: int, call: Callable[[], object]) -> Timing:
        """See Clock.block."""
        torch.mps.synchronize()
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
        torch.mps.synchronize()
        return Timing((time.perf_counter_ns() - start) / 1e9)


def _marks() -> tuple[torch.cuda.Event, torch.cuda.Event]:
    make: Callable[..., torch.cuda.Event] = torch.cuda.Event
    return make(enable_timing=True), make(enable_timing=True)


def clock_for(device: torch.device, *, warm_l2: bool) -> Clock:
    """The clock of a device."""
    match device.type:
        case "cuda":
            return CudaClock(device, flush=not warm_l2)
        case "mps":
            return MpsClock()
        case _:
            return Clock()


class Phase:
    """One phase of one subject, as `sampling` times it.

    around: what must hold while it runs, such as a number of threads.
    """

    def __init__(
        self,
        subject: Subject,
        name: str,
        clock: Clock,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.subject, self.name = subject, name
        self._clock, self._around = clock, around
        self._which = cycle(range(POOL))
        self._upstream: Tensor | None = None
        self._kept: object = None

    @property
    def least_sample(self) -> float:
        """See sampling.Task."""
        return self._clock.least_sample

    def sample(self, calls: int) -> Timing:
        """See sampling.Task."""
        training = self.name != "forward"
        for module in self.subject.modules:
            module.train(training)
        grad = torch.enable_grad() if training else torch.inference_mode()
        with self._around(), grad, _without_gc():
            match self.name:
                case "backward":
                    return self._clock.each(calls, self._ready_backward)
                case "step":
                    return self._clock.each(calls, self._ready_step)
                case _:
                    return self._clock.block(calls, self._forward)

    def _forward(self) -> None:
        # why kept: what came out is freed by the next call, as in a training loop, and not within this one's time.
        self._kept = self.subject.call(next(self._which))

    def _ready_backward(self) -> Callable[[], None]:
        self._clear()
        output = self.subject.call(next(self._which))
        upstream = self._gradient(output)
        return lambda: torch.autograd.backward(output, upstream)

    def _ready_step(self) -> Callable[[], None]:
        self._clear()
        which = next(self._which)
        if self._upstream is None:
            self._gradient(self.subject.call(which))

        def step() -> None:
            output = self.subject.call(which)
            torch.autograd.backward(output, self._gradient(output))

        return step

    def _gradient(self, output: Tensor) -> Tensor:
        if self._upstream is None:
            self._upstream = torch.randn_like(output)
        return self._upstream

    def _clear(self) -> None:
        for parameter in self.subject.parameters:
            parameter.grad = None
        for flow in self.subject.pool:
            data_of(flow).grad = None


class Empty:
    """A phase that does nothing: what the loop itself takes."""

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock, self._name = clock, name

    def seconds(self, calls: int) -> float:
        """Seconds per call."""
        with _without_gc():
            if self._name in EACH:
                return self._clock.each(calls, lambda: _nothing).seconds / calls
            return self._clock.block(calls, _nothing).seconds / calls


def _nothing() -> None:
    pass


def trains(subject: Subject) -> bool:
    """Whether there is anything that a backward pass could reach."""
    leaves = [*subject.parameters, *(data_of(flow) for flow in subject.pool)]
    return any(leaf.requires_grad for leaf in leaves)


def tokens_of(subject: Subject) -> tuple[int, int, int]:
    """Tokens, sequences and time steps of one call."""
    signal = next((link.signal for link in subject.links if isinstance(link.layer, Recurrent)), subject.links[0].signal)
    return signal.tokens, signal.batch.size or 1, signal.batch.letters["L"]


@contextmanager
def _without_gc() -> Iterator[None]:
    # why: a collection takes milliseconds, and would hit one sample and not the next.
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
