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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from rnninspect.bench.clock import Clock
from rnninspect.bench.sampling import Timing
from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.facts.tensors import Wires
from rnninspect.layers.families import SequenceLayer
from rnninspect.layers.pointwise import PointwiseLayer
from rnninspect.layers.signal import Signal
from rnninspect.layers.window import WindowLayer
from rnninspect.runtime.modules import BuiltModel, Feed, make_feed, run
from rnninspect.runtime.recurrence import Flow, States, data_of, with_data
from rnninspect.runtime.windows import run_window
from rnninspect.runtime.wiring import Flows

POOL = 3
# The phases whose every call is made ready by itself.
EACH = ("backward", "step")


# What a model is fed with, by the names of its inputs; what a layer by itself is fed with, by its own name.
Inputs = Mapping[str, Flow]


class Subject(NamedTuple):
    """What is timed: links and modules, run one after the other, and the pool of what goes in.

    name: a layer's; None for the whole model. states: for each of the pool the states of every link. returns: the
    layers whose output comes out; "" is the last. amp: the dtype of autocast in a forward pass, None without it.
    """

    name: str | None
    links: tuple[Link, ...]
    modules: tuple[nn.Module, ...]
    pool: tuple[Inputs, ...]
    states: tuple[tuple[States, ...], ...]
    returns: tuple[str, ...] = ()
    amp: torch.dtype | None = None

    def call(self, which: int) -> tuple[Tensor, ...]:
        """One forward pass over the inputs `which` of the pool: what comes out at the end."""
        return self.run_of(which)()

    def run_of(self, which: int) -> Callable[[], tuple[Tensor, ...]]:
        """The forward pass over the inputs `which` of the pool, with the least of ours round it."""
        inputs, states = self.pool[which], self.states[which]
        if self.is_chain:
            ((_, flow),) = inputs.items()
            run_once = partial(_run_chain, flow, steps_of(self.links, self.modules, states))
        else:
            run_once = partial(_run_wired, self, inputs, states)
        return run_once if self.amp is None else partial(_autocast, self.given[0].device.type, self.amp, run_once)

    @property
    def is_chain(self) -> bool:
        """Whether each of its layers reads what the one before hands on, as it is."""
        return not self.returns and not any(link.wires.add or link.wires.state_from for link in self.links)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Every parameter, once."""
        return list(dict.fromkeys(parameter for module in self.modules for parameter in module.parameters()))

    @property
    def given(self) -> list[Tensor]:
        """Every tensor that goes in: inputs, and the states that layers start from."""
        states = [state for each in self.states for given in each for state in given]
        return [*(data_of(flow) for inputs in self.pool for flow in inputs.values()), *states]


# One layer as it is called: what comes in to what goes on to the next.
Step = Callable[[Flow], Flow]


def steps_of(
    links: Sequence[Link], modules: Sequence[Callable[..., Any]], states: Sequence[States]
) -> tuple[Step, ...]:
    """Each layer with the least of ours round it: of a call of 70 us, `modules.run` takes 14 us."""
    return tuple(_step(link, module, given) for link, module, given in zip(links, modules, states, strict=True))


def _step(link: Link, module: Callable[..., Any], states: States) -> Step:
    layer = link.layer
    if isinstance(layer, SequenceLayer) and layer.feeds == "output" and not layer.works_on:
        given = states if len(states) > 1 else states[0]
        return lambda flow: module(flow, given)[0]
    if isinstance(layer, PointwiseLayer) and link.signal.batch.lengths is None and not layer.takes_rows:
        return lambda flow: module(flow)
    if isinstance(layer, WindowLayer):
        return lambda flow: run_window(layer, module, flow, link.signal.axes)
    whole = cast(nn.Module, module)
    return lambda flow: run(layer, link, whole, flow, states).handed_on


def _run_chain(flow: Flow, steps: Sequence[Step]) -> tuple[Tensor, ...]:
    for step in steps:
        flow = step(flow)
    return (data_of(flow),)


def _autocast(kind: str, dtype: torch.dtype, run_once: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    # why within a call: as people train, the weights are cast anew at each.
    with torch.autocast(kind, dtype):
        return run_once()


def _run_wired(subject: Subject, inputs: Inputs, states: Sequence[States]) -> tuple[Tensor, ...]:
    flows = Flows(subject.links, inputs, subject.returns)
    for link, module, own in zip(subject.links, subject.modules, states, strict=True):
        fed, given = flows.given(link, own)
        ran = run(link.layer, link, module, fed, given)
        flows.put(link, fed, ran.handed_on, ran.states)
    return tuple(map(data_of, flows.returned))


def subjects(
    spec: Spec, model: BuiltModel, device: torch.device, *, each_layer: bool, input_grad: bool, pool: int = POOL
) -> list[Subject]:
    """The whole model and, where asked for and there are several, each of its layers on what comes before it.

    input_grad: the input requires grad, where it can, and so do the states that layers start from. pool: how many
    batches there are to take in turn.
    """
    feeds = [make_feed(spec, device) for _ in range(pool)]
    modules = tuple(model.layers)
    whole = _subject(None, spec.links, modules, feeds, input_grad)
    whole = whole._replace(returns=spec.returns if spec.wired else ())
    if not each_layer or len(spec.links) == 1:
        return [whole]
    parts = [whole]
    flows = [Flows(spec.links, feed.inputs, spec.returns) for feed in feeds]
    with torch.no_grad():
        for k, (link, module) in enumerate(zip(spec.links, modules, strict=True)):
            read = [each.given(link, feed.states[k]) for each, feed in zip(flows, feeds, strict=True)]
            alone = replace(link, wires=Wires((INPUT,)))
            given = [Feed({INPUT: fed}, (states,)) for fed, states in read]
            parts.append(_subject(link.layer.name, (alone,), (module,), given, input_grad))
            for each, (fed, states) in zip(flows, read, strict=True):
                ran = run(link.layer, link, module, fed, states)
                each.put(link, fed, ran.handed_on, ran.states)
    return parts


def _subject(
    name: str | None, links: Sequence[Link], modules: Sequence[nn.Module], feeds: Sequence[Feed], input_grad: bool
) -> Subject:
    def leaf(flow: Flow) -> Flow:
        data = data_of(flow).detach()
        return with_data(flow, data.requires_grad_(input_grad and data.is_floating_point()))

    states = tuple(
        tuple(tuple(state.detach().requires_grad_(input_grad) for state in given) for given in feed.states)
        for feed in feeds
    )
    pool = tuple({each: leaf(flow) for each, flow in feed.inputs.items()} for feed in feeds)
    return Subject(name=name, links=tuple(links), modules=tuple(modules), pool=pool, states=states)


class Phase:
    """One phase of one subject, as `sampling` times it."""

    def __init__(self, subject: Subject, name: str, clock: Clock) -> None:
        self.subject, self.name = subject, name
        self._clock = clock
        self._runs = cycle([subject.run_of(which) for which in range(len(subject.pool))])
        self._upstream: tuple[Tensor, ...] = ()
        self._kept: object = None

    @property
    def least_sample(self) -> float:
        """The least seconds that a sample may take."""
        return self._clock.least_sample

    def sample(self, calls: int) -> Timing:
        """So many calls, timed."""
        training = self.name != "forward"
        for module in self.subject.modules:
            module.train(training)
        grad = torch.enable_grad() if training else torch.inference_mode()
        try:
            with grad, _without_gc():
                return self.time(calls)
        finally:
            # why: a graph that rests between two visits would take memory from every other phase.
            if training:
                self._kept = None

    def time(self, calls: int) -> Timing:
        """So many calls, timed, where all is set for the phase."""
        match self.name:
            case "backward":
                return self._clock.each(calls, self._ready_backward)
            case "step":
                return self._clock.each(calls, self._ready_step)
            case _:
                return self._clock.block(calls, self._forward)

    def _forward(self) -> None:
        # why kept: as in a loop, what came out before is freed while the next comes out; both are there for a moment.
        self._kept = next(self._runs)()

    def _ready_backward(self) -> Callable[[], None]:
        self.clear()
        outputs = _graded(next(self._runs)())
        upstream = self._gradients(outputs)
        return lambda: torch.autograd.backward(outputs, upstream)

    def _ready_step(self) -> Callable[[], None]:
        self.clear()
        run_once = next(self._runs)
        if not self._upstream:
            self._gradients(_graded(run_once()))

        def step() -> None:
            outputs = _graded(run_once())
            torch.autograd.backward(outputs, self._gradients(outputs))

        return step

    def _gradients(self, outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if not self._upstream:
            self._upstream = tuple(map(torch.randn_like, outputs))
        return self._upstream

    def clear(self) -> None:
        """Set every gradient to None, and let go of what came out last."""
        self._kept = None
        for parameter in self.subject.parameters:
            parameter.grad = None
        for leaf in self.subject.given:
            leaf.grad = None


def _graded(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Those of the outputs that a backward pass can start from."""
    return tuple(output for output in outputs if output.requires_grad)


class Empty:
    """A phase of layers that do nothing: what the clock, the loop and our part of a call take on the host."""

    def __init__(self, phase: Phase) -> None:
        self._each = phase.name in EACH
        flows = [next(iter(inputs.values())) for inputs in phase.subject.pool]
        links = phase.subject.links
        if phase.subject.is_chain:
            nothing: Step = lambda flow: _same(flow, ())[0]  # noqa: E731 (as _step makes them)
            self._runs = cycle([partial(_run_chain, flow, (nothing,) * len(links)) for flow in flows])
        else:
            # why a chain: that tensors are joined and added is the model's work, and not ours.
            before = (INPUT, *(link.layer.name for link in links[:-1]))
            chain = [replace(link, wires=Wires((name,))) for link, name in zip(links, before, strict=True)]
            self._runs = cycle([partial(_run_nothing, flow, chain) for flow in flows])
        self._kept: object = None

    def seconds(self, calls: int) -> float:
        """Seconds per call."""
        clock = Clock()
        with _without_gc():
            timing = clock.each(calls, lambda: self._forward) if self._each else clock.block(calls, self._forward)
        return timing.seconds / calls

    def _forward(self) -> None:
        self._kept = next(self._runs)()


def _run_nothing(flow: Flow, links: Sequence[Link]) -> tuple[Tensor, ...]:
    """As `_run_wired`, of layers that do nothing."""
    flows = Flows(links, {INPUT: flow}, (links[-1].layer.name,))
    for link in links:
        fed, given = flows.given(link, ())
        same, states = _same(fed, given)
        flows.put(link, fed, same, states)
    return tuple(map(data_of, flows.returned))


def _same(flow: Flow, states: States) -> tuple[Flow, States]:
    return flow, states


def trains(subject: Subject) -> bool:
    """Whether there is anything that a backward pass could reach."""
    return any(leaf.requires_grad for leaf in (*subject.parameters, *subject.given))


def tokens_of(subject: Subject) -> tuple[int, int, int | None]:
    """Tokens, sequences and time steps that go in at one call; no steps where only a last state does.

    Of several inputs the tokens of all together, and no steps: each has its own.
    """
    # By input, what the first layer that reads it alone reads, or one that reads it beside others.
    signals: dict[str, Signal] = {}
    for link in sorted(subject.links, key=lambda link: len(link.wires.reads)):
        for name in link.wires.reads:
            if name in subject.pool[0]:
                signals.setdefault(name, link.signal)
    tokens = sum(signal.tokens for signal in signals.values())
    first = subject.links[0].signal
    one = len(signals) == 1 and first.is_sequence
    return tokens, first.batch.letters["N"], first.batch.letters["L"] if one else None


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
