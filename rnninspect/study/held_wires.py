"""The wires of a model by themselves, against `plain_wires`: what is read, added, handed over and handed on.

Of what torch ran, every flow is held against the same worked out from what the layers before had handed on. How
gradients go through is the same for all numbers: it is held in float64, on numbers that are drawn.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.facts.tensors import Wires
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime import feeding
from rnninspect.runtime.device import DTYPES
from rnninspect.runtime.modules import LayerOutput
from rnninspect.runtime.recurrence import Flow, States, data_of, with_data
from rnninspect.runtime.wiring import Flows
from rnninspect.study import plain_wires
from rnninspect.study.passes import GRADIENT
from rnninspect.study.plain_wires import Laid, laid_out
from rnninspect.study.reference import exact, exact_tensor
from rnninspect.study.rounding import Deviation

# How far a tensor may be off, in epsilons for each unit of the square root of how many numbers are added up in one.
_SLACK = 4.0
# The epsilon of float64, in which gradients are compared.
_DOUBLE = torch.finfo(torch.float64).eps


class HeldWire(NamedTuple):
    """What a layer is connected to, in the words of its document, and the tensors that were held."""

    layer: str
    wire: str
    tensors: tuple[Deviation, ...]

    @property
    def ok(self) -> bool:
        """Whether every tensor is within what is allowed."""
        return all(tensor.ok for tensor in self.tensors)


class _Ended(NamedTuple):
    """A layer that others start from: its link, and its last states."""

    link: Link
    states: States


class WiresOf:
    """Holds the wires of one model after another layer has run, in order."""

    def __init__(self, spec: Spec, inputs: Mapping[str, Flow], seed: int) -> None:
        self._links, self._wired = spec.links, spec.wired
        self._epsilon = torch.finfo(DTYPES[spec.dtype]).eps
        self._made = dict(inputs)
        self._axes = {each.name: each.signal.axes for each in spec.inputs}
        self._ended: dict[str, _Ended] = {}
        # By a name, the number of the last layer that reads or adds it, or starts from it.
        self._last_read = {
            name: k for k, link in enumerate(self._links) for name in (*link.wires.reads, link.wires.add)
        }
        self._last_taken = {link.wires.state_from: k for k, link in enumerate(self._links)}
        # why its own: what is drawn for the model must not depend on what is held.
        self._generator = torch.Generator().manual_seed(seed)

    def hold(self, k: int, fed: Flow, states: States, ran: LayerOutput, handed_on: Flow) -> Iterator[HeldWire]:
        """What layer `k` read, started from and handed on, held. handed_on: with what is added to it."""
        link = self._links[k]
        name, wires = link.layer.name, link.wires
        if self._wired:
            yield HeldWire(name, f"from {', '.join(wires.reads)}", self._read(link, fed))
        if wires.state_from:
            how = f", {wires.directions}" if wires.directions else ""
            yield HeldWire(name, f"state_from {wires.state_from}{how}", self._started(link, states))
        if link.ways_on:
            words = ", ".join(f"{option} {way}" for option, way in link.ways_on.items())
            yield HeldWire(name, words, self._handed_on(link, fed, ran, handed_on))
        self._made[name], self._axes[name] = handed_on, link.emitted.axes
        self._ended[name] = _Ended(link, ran.states)
        self._let_go(k)

    def _let_go(self, k: int) -> None:
        """Forget what no later layer reads."""
        self._made = {name: flow for name, flow in self._made.items() if self._last_read.get(name, k) > k}
        self._ended = {name: ended for name, ended in self._ended.items() if self._last_taken.get(name, k) > k}

    # --- what is read ---------------------------------------------------------------------------------------

    def _read(self, link: Link, fed: Flow) -> tuple[Deviation, ...]:
        names = link.wires.reads
        computed, expected = self._laid(fed, link.signal.axes), self._side_by_side(names, self._made)
        tensors = [_compare("input", computed, expected, self._epsilon, 1, _largest(expected.data))]
        if len(names) > 1:
            leaves = {name: self._drawn(self._made[name]) for name in names}
            alone = replace(link, wires=Wires(names))
            given, _ = Flows([alone], leaves, ()).given(alone, ())
            exact_leaves = {name: _leaf(exact(leaf)) for name, leaf in leaves.items()}
            tensors += self._gradients(
                given, link.signal.axes, self._side_by_side(names, exact_leaves), leaves, exact_leaves, self._steps(fed)
            )
        return tuple(tensors)

    def _side_by_side(self, names: Sequence[str], flows: Mapping[str, Flow]) -> Laid:
        parts = [self._laid(flows[name], self._axes[name]) for name in names]
        return plain_wires.side_by_side(parts) if len(parts) > 1 else parts[0]

    # --- states ---------------------------------------------------------------------------------------------

    def _started(self, link: Link, states: States) -> tuple[Deviation, ...]:
        taker, (giver, last) = link.layer, self._ended[link.wires.state_from]
        assert isinstance(taker, Recurrent)
        assert isinstance(giver.layer, Recurrent)
        names = [fact.name for fact in taker.inputs(link.signal, "float32")[1:]]
        ends = dict(zip(giver.layer.cell.states, last, strict=True))
        expected = plain_wires.first_states(taker, giver.layer, _exact(ends), link.wires)
        tensors = [
            _compare(name, _whole(exact_tensor(state)), _whole(expected[name]), self._epsilon, 2, _largest(*last))
            for name, state in zip(names, states, strict=True)
        ]
        leaves = {state: data_of(self._drawn(tensor)) for state, tensor in ends.items()}
        alone = replace(giver, wires=Wires(()))
        reading = replace(link, wires=link.wires._replace(reads=(giver.layer.name,), add=""))
        flows = Flows([alone, reading], {}, ())
        fed = next(iter(leaves.values()))
        flows.put(alone, fed, fed, tuple(leaves.values()))
        _, given = flows.given(reading, ())
        exact_leaves = {state: exact_tensor(leaf).requires_grad_() for state, leaf in leaves.items()}
        made = plain_wires.first_states(taker, giver.layer, exact_leaves, link.wires)
        upstream = [torch.randn(made[name].shape, generator=self._generator, dtype=torch.float64) for name in names]
        computed = _backward(given, leaves, [u.to(g.device) for u, g in zip(upstream, given, strict=True)])
        wanted = _backward([made[name] for name in names], exact_leaves, upstream)
        return (
            *tensors,
            *(
                _compare(f"{GRADIENT}{state}_n of {giver.layer.name}", _whole(one), _whole(other), _DOUBLE, 2)
                for state, one, other in zip(leaves, computed, wanted, strict=True)
            ),
        )

    # --- what is handed on ----------------------------------------------------------------------------------

    def _handed_on(self, link: Link, fed: Flow, ran: LayerOutput, handed_on: Flow) -> tuple[Deviation, ...]:
        add, steps = link.wires.add, self._steps(fed)
        flows: dict[str, Flow] = {"output": ran.output}
        if add:
            flows["input" if add == INPUT else add] = fed if add == INPUT else self._made[add]
        names = link.layer.cell.states if isinstance(link.layer, Recurrent) else ()
        last = dict(zip(names, ran.states, strict=True))
        axes = link.emitted.axes
        computed = self._laid(handed_on, axes)
        expected = self._expected(link, flows, _exact(last))
        largest = _largest(*map(data_of, flows.values()), *ran.states)
        tensors = [_compare("handed on", computed, expected, self._epsilon, steps + 3, largest)]
        leaves = {name: self._drawn(flow) for name, flow in flows.items()}
        ends = {state: self._drawn(tensor) for state, tensor in last.items()}
        given = leaves["output"]
        if isinstance(link.layer, Recurrent):
            given = feeding.handed_on(link.layer, link.signal.axes, given, tuple(map(data_of, ends.values())))
        if add:
            alone = replace(link, wires=Wires((), add=add))
            # why an input: what is added is what another has handed on.
            others = {} if add == INPUT else {add: leaves[add]}
            given = Flows([alone], others, ()).put(alone, leaves.get("input", given), given, ())
        both = {**leaves, **{f"{state}_n": leaf for state, leaf in ends.items()}}
        exact_flows = {name: _leaf(exact(leaf)) for name, leaf in leaves.items()}
        exact_ends = {state: _leaf(exact_tensor(data_of(leaf))) for state, leaf in ends.items()}
        exact_both = {**exact_flows, **{f"{state}_n": leaf for state, leaf in exact_ends.items()}}
        states = {state: data_of(leaf) for state, leaf in exact_ends.items()}
        tensors += self._gradients(given, axes, self._expected(link, exact_flows, states), both, exact_both, 3)
        return tuple(tensor for tensor in tensors if tensor.name not in _without_part(link))

    def _expected(self, link: Link, flows: Mapping[str, Flow], last: Mapping[str, Tensor]) -> Laid:
        """What is handed on, from the output, what is added to it, and the last states."""
        layer, add = link.layer, link.wires.add
        handed = self._laid(flows["output"], link.emitted.axes)
        if isinstance(layer, Recurrent):
            handed = plain_wires.handed_on(layer, self._laid(flows["output"], link.signal.axes), last)
        if not add:
            return handed
        axes = link.signal.axes if add == INPUT else self._axes[add]
        return plain_wires.added(handed, self._laid(flows["input" if add == INPUT else add], axes))

    # --- both ways ------------------------------------------------------------------------------------------

    def _laid(self, flow: Flow, axes: tuple[str, ...]) -> Laid:
        return laid_out(exact(flow) if not data_of(flow).requires_grad else flow, axes)

    def _steps(self, fed: Flow) -> int:
        return len(fed.batch_sizes) if isinstance(fed, PackedSequence) else max(fed.shape[:2])

    def _drawn(self, flow: Flow) -> Flow:
        """Another flow of the same shape, with a gradient, on the same device where that has float64."""
        like = exact(flow) if data_of(flow).device.type == "mps" else flow
        data = torch.randn(data_of(like).shape, generator=self._generator, dtype=torch.float64)
        return with_data(like, data.to(data_of(like).device).requires_grad_())

    def _gradients(
        self,
        given: Flow,
        axes: tuple[str, ...],
        expected: Laid,
        leaves: Mapping[str, Flow],
        exact_leaves: Mapping[str, Flow],
        terms: int,
    ) -> Iterator[Deviation]:
        """The gradients of the leaves, of what the runtime made of them and of what is expected.

        terms: how many numbers are added up in one at the most.
        """
        data = data_of(given)
        upstream = torch.randn(data.shape, generator=self._generator, dtype=torch.float64)
        computed = _backward([data], leaves, [upstream.to(data.device)])
        laid = laid_out(with_data(exact(given), upstream), axes)
        wanted = _backward([expected.data], exact_leaves, [laid.data])
        for name, one, other in zip(leaves, computed, wanted, strict=True):
            yield _compare(f"{GRADIENT}{name}", _whole(one), _whole(other), _DOUBLE, terms)


def _without_part(link: Link) -> set[str]:
    """The gradients that are 0: of the output where the last state is handed on, else of all last states."""
    layer = link.layer
    if not isinstance(layer, Recurrent):
        return set()
    last = layer.feeds == "last"
    states = {f"{GRADIENT}{state}_n" for state in layer.cell.states if not (last and state == layer.cell.output)}
    return states | {f"{GRADIENT}output"} if last else states


def _exact(states: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: exact_tensor(state) for name, state in states.items()}


def _leaf(flow: Flow) -> Flow:
    return with_data(flow, data_of(flow).requires_grad_())


def _whole(tensor: Tensor) -> Laid:
    return Laid(tensor, None)


def _backward(ends: Sequence[Tensor], leaves: Mapping[str, Flow], upstream: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of the leaves, on the CPU; zeros of what makes no difference."""
    inputs = [data_of(leaf) for leaf in leaves.values()]
    if not any(end.requires_grad for end in ends):
        return [torch.zeros_like(leaf, device="cpu") for leaf in inputs]
    gradients = torch.autograd.grad(list(ends), inputs, list(upstream), allow_unused=True, materialize_grads=True)
    return [gradient.cpu() for gradient in gradients]


def _largest(*tensors: Tensor) -> float:
    return max(float(tensor.detach().abs().max()) for tensor in tensors)


def _compare(name: str, computed: Laid, expected: Laid, epsilon: float, terms: int, scale: float = 1.0) -> Deviation:
    """How far one is from the other where there are steps.

    terms: how many numbers are added up in one at the most; scale: the largest of them, for what cancels leaves less
    than it is rounded by.
    """
    shape = tuple(computed.data.shape)
    alike = shape == tuple(expected.data.shape) and _same_lengths(computed, expected)
    wanted = expected.data.detach()
    largest = _largest(wanted)
    error = math.inf
    if alike:
        off = (computed.data.detach() - wanted).abs()
        error = float((off if expected.lengths is None else torch.where(expected.running, off, 0.0)).max())
    least = max(max(largest, scale) * epsilon, sys.float_info.min)
    return Deviation(
        name=name,
        shape=shape,
        largest=largest,
        error=error,
        relative=error / least if math.isfinite(error) else math.inf,
        allowed=_SLACK * math.sqrt(terms),
    )


def _same_lengths(one: Laid, other: Laid) -> bool:
    if one.lengths is None or other.lengths is None:
        return one.lengths is other.lengths
    return bool(torch.equal(one.lengths, other.lengths))
