"""How strongly the output at one step depends on what came earlier: gradients against the lag.

The loss is L = sum over the batch of <v, output_p>, v drawn evenly from the unit vectors of each direction, so that
|v' J| averaged over v as a root mean square is the Frobenius norm of the Jacobian J = dh_p/dh_t over sqrt(H_out):
the factor by which a random change is passed on; 1 at lag 0. One backward pass gives the vector v' J of every step at
once, so that time and memory are linear in L; the Jacobians themselves would take H_out passes.

The same pass gives dL/dW of every weight. The gradients are those of the equations in float64 (`rnninspect verify`
holds them against torch's): float32 would end at 1e-38. Pascanu et al. 2013, "On the difficulty of training recurrent
neural networks", section 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.document.chain import Link, Spec
from rnninspect.facts.models import ModelFacts
from rnninspect.layers.families import CellLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch
from rnninspect.letters import DIRECTIONS
from rnninspect.plan import plan
from rnninspect.runtime.device import enough_memory, threads_for
from rnninspect.runtime.modules import make_feed, ready
from rnninspect.runtime.recurrence import data_of
from rnninspect.runtime.torch_errors import refusals
from rnninspect.study.decay import Decay, decay_of, half_widths, rms
from rnninspect.study.half_open import HalfOpen, half_open
from rnninspect.study.reached import Steps, inputs_of, reached, stride_of
from rnninspect.study.recorded_run import RecordedLayer, check_finite, run_links, twins_of
from rnninspect.study.reference import reference_bytes

Target = Literal["last", "sum"]

_CPU = torch.device("cpu")
# why so few: what is left out would be a fault of ours.
_REFUSED = (RuntimeError, MemoryError)


class Curve(NamedTuple):
    """The gradient of the loss with respect to one tensor at every lag, a root mean square over the sequences.

    of: "x" (the layer's input) or a state. stacked, direction: whose state; None for x.
    side: "past" counts the lag back from the position, "future" ahead, which only a bidirectional layer depends on.
    first: the lag of the first norm: 0, or 1 on the side that the layer, or x, comes to second.
    norms: by lag; infinite beyond float64. halves: half the 95 % interval of each, from sequence to sequence.
    decay: None where there is none to speak of: for the sum over all steps, and for too few lags.
    inputs: of x, the model's inputs whose steps the layer reads. own_lag: the lag is counted from the layer's own last
    step (of its reverse direction, its first), as it hands over its last states, or one vector of each sequence.
    """

    layer: str
    of: str
    stacked: int | None
    direction: str | None
    side: str
    first: int
    norms: tuple[float, ...]
    halves: tuple[float, ...]
    decay: Decay | None
    inputs: tuple[str, ...] = ()
    own_lag: bool = False


class WeightNorm(NamedTuple):
    """The Frobenius norm of the loss's gradient with respect to one weight; None for one that is frozen."""

    layer: str
    parameter: str
    norm: float | None


class Gradflow(NamedTuple):
    """One model.

    layer: whose output the loss reads. position: the step it reads, None for the last of each sequence.
    weights: of that layer and of those that it depends on; a shared one stands once. half_open: of those layers.
    stride: how many steps of the model's input a step of the layer is, behind convolutions and pools. apart: the layers
    that it depends on and that run over another number of steps, so that no lag is one of theirs: they have no curves.
    inputs: of the model. unlike: what the layer does with the output that is read before it hands it on.
    """

    model: ModelFacts
    device: str
    torch: str
    seed: int
    target: Target
    layer: str
    position: int | None
    sequences: int
    curves: tuple[Curve, ...]
    weights: tuple[WeightNorm, ...]
    half_open: tuple[HalfOpen, ...]
    stride: int = 1
    apart: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    unlike: str = ""


def gradients_by_lag(
    spec: Spec,
    device: torch.device,
    seed: int = 0,
    *,
    target: Target = "last",
    position: int | None = None,
    layer: str | None = None,
) -> Gradflow:
    """Gradients of the output of the recurrent layer called `layer`, or of the last one, against the lag.

    target: "last" reads the output at `position` (None: the last step of each sequence, or, where the layer is
    bidirectional, the middle of the shortest), "sum" at every step.
    Raises NotEnoughMemory, TorchRefused, or CannotHere where a state overflows.
    """
    planned = plan(spec)
    *before, last = spec.links[: _target_index(spec, layer) + 1]
    # why without what is added: the output is read as it comes out.
    before.append(replace(last, wires=last.wires._replace(add="")))
    steps = reached(before)
    links = [link for link in before if link.layer.name in steps]
    aimed, batch = last.layer, last.signal.batch
    enough_memory(spec, planned, sum(map(reference_bytes, links)), _CPU)
    if target == "last" and position is None and isinstance(aimed, Recurrent) and aimed.directions == 2:
        position = min(batch.lengths or (batch.letters["L"],)) // 2
    curves, weights = _followed(spec, planned, device, seed, before, steps, aim_at(batch, target, position))
    recurrent = [link.layer.name for link in links if isinstance(link.layer, Recurrent)]
    return Gradflow(
        model=planned,
        device=str(device),
        torch=torch.__version__,
        seed=seed,
        target=target,
        layer=aimed.name,
        position=position,
        sequences=batch.letters["N"],
        curves=curves,
        weights=weights,
        half_open=tuple(half_open(links)),
        stride=stride_of(links),
        apart=tuple(name for name in recurrent if steps[name] is Steps.OTHER),
        inputs=tuple(each.name for each in spec.inputs),
        unlike=" and ".join(f"{option}: {way}" for option, way in last.ways_on.items()),
    )


def _followed(
    spec: Spec,
    planned: ModelFacts,
    device: torch.device,
    seed: int,
    links: Sequence[Link],
    steps: Mapping[str, Steps],
    aim: Aim,
) -> tuple[tuple[Curve, ...], tuple[WeightNorm, ...]]:
    """What `follow` finds of a model that is built and run as far as the last of `links`, whose output is read.

    steps: of those that it depends on; the others are not run.
    """
    reads = {link.layer.name: inputs_of(link, links) for link in links if link.layer.name in steps}
    own = {link.layer.name: link.signal.batch for link in links if steps.get(link.layer.name) is Steps.OWN}
    # why: one step is too little work to be shared, and threads that wait for each other took ten times as long.
    each_step = threads_for(planned.forward.macs // links[-1].signal.batch.letters["L"], _CPU)
    refused = refusals(spec, "be followed", _CPU, dtype="float64", errors=_REFUSED)
    with ready(spec, planned, device, seed) as model, each_step, refused:
        twins = {name: twin for name, twin in twins_of(links, model).items() if name in steps}
        runs = run_links(links, twins, make_feed(spec, device))
        check_finite(runs, spec.source)
        alike = [run for run in runs if steps[run.layer.name] is not Steps.OTHER]
        curves, weights = follow(alike, twins, aim, seed, own)
    return tuple(curve._replace(inputs=reads[curve.layer]) if curve.of == "x" else curve for curve in curves), weights


class Aim(NamedTuple):
    """What the loss reads.

    reads: whether it reads a step of a sequence, (L, N). positions: the step that lags are counted from, (N,).
    decays: whether it reads one step only, so that the lag says how far a gradient went.
    ahead: whether a sequence has steps after its position.
    """

    reads: Tensor
    positions: Tensor
    decays: bool
    ahead: bool


def aim_at(batch: Batch, target: Target, position: int | None) -> Aim:
    """What `gradients_by_lag` is told to read; the sequences in the order of a packed batch, the longest first."""
    lengths = sorted(batch.lengths or (batch.letters["L"],) * batch.letters["N"], reverse=True)
    last = torch.tensor(lengths) - 1
    positions = last if position is None else torch.full_like(last, position)
    when = torch.arange(lengths[0])[:, None]
    reads = when <= last if target == "sum" else when == positions
    ahead = bool((positions < last).any())
    return Aim(reads=reads, positions=positions, decays=target == "last", ahead=ahead)


def _target_index(spec: Spec, layer: str | None) -> int:
    names = {link.layer.name: k for k, link in enumerate(spec.links) if isinstance(link.layer, Recurrent)}
    return max(names.values()) if layer is None else names[layer]


def follow(
    runs: Sequence[RecordedLayer],
    twins: Mapping[str, nn.Module],
    aim: Aim,
    seed: int,
    own: Mapping[str, Batch] | None = None,
) -> tuple[tuple[Curve, ...], tuple[WeightNorm, ...]]:
    """Every curve, and the norm of every weight's gradient, from one backward pass.

    seed: of v. own: by name the batches of layers whose lags are counted from their own last step.
    """
    aimed = runs[-1]
    output, top = aimed.layer.cell.output, aimed.layer.depth - 1
    read = probes(aimed, aim.reads, seed).items()
    loss = torch.stack([(aimed.levels[top, way][t][output] * v).sum() for (way, t), v in read]).sum()
    inputs = [data_of(run.x) for run in runs]
    states = [
        step[name]
        for run in runs
        for steps in run.levels.values()
        for step in steps.values()
        for name in run.layer.cell.states
    ]
    owners: dict[nn.Parameter, tuple[str, str]] = {}
    for layer_name, twin in twins.items():
        for name, weight in twin.named_parameters():
            owners.setdefault(weight, (layer_name, name))
    followed = [*inputs, *states, *(weight for weight in owners if weight.requires_grad)]
    # What the loss does not depend on has no gradient at all.
    gradients = dict(zip(followed, torch.autograd.grad(loss, followed, allow_unused=True), strict=True))
    curves: list[Curve] = []
    for run in runs:
        batch = (own or {}).get(run.layer.name)
        if batch is None:
            curves += _curves(run, aim, aim, gradients)
            continue
        last, first = (aim_at(batch, "last", at)._replace(decays=aim.decays) for at in (None, 0))
        curves += (curve._replace(own_lag=True) for curve in _curves(run, last, first, gradients))
    weights = []
    for weight, (layer_name, name) in owners.items():
        gradient = gradients.get(weight)
        norm = 0.0 if gradient is None else float(_norms(gradient.flatten(), 0))
        weights.append(WeightNorm(layer_name, name, norm if weight.requires_grad else None))
    return tuple(curves), tuple(weights)


def _curves(
    run: RecordedLayer, aim: Aim, of_reverse: Aim, gradients: Mapping[Tensor, Tensor | None]
) -> Iterator[Curve]:
    """The curves of a layer's input, then of every state of every stacked layer and direction."""
    layer, (steps, sequences) = run.layer, aim.reads.shape
    norms = _by_step(gradients[data_of(run.x)], run, steps, sequences)
    yield from _sides(norms, aim, _Subject(layer.name, "x"))
    for (stacked, direction), states in run.levels.items():
        for name in layer.cell.states:
            norms = torch.full((steps, sequences), math.nan, dtype=torch.float64)
            for t, step in states.items():
                gradient = gradients[step[name]]
                norms[t, : step[name].shape[1]] = 0.0 if gradient is None else _norms(gradient, dim=0)
            subject = _Subject(layer.name, name)
            if not isinstance(layer, CellLayer):
                subject = subject._replace(stacked=stacked, direction=DIRECTIONS[direction])
            yield from _sides(norms, of_reverse if direction else aim, subject)


def probes(aimed: RecordedLayer, reads: Tensor, seed: int) -> dict[tuple[int, int], Tensor]:
    """v for each direction and step that the loss reads: a unit vector for each sequence that reads it, (H_out, B)."""
    generator = torch.Generator().manual_seed(seed)
    output, top = aimed.layer.cell.output, aimed.layer.depth - 1
    vectors = {}
    for direction in range(aimed.layer.directions):
        for t, states in sorted(aimed.levels[top, direction].items()):
            read = reads[t, : states[output].shape[1]]
            if bool(read.any()):
                v = torch.randn(states[output].shape, generator=generator, dtype=torch.float64)
                vectors[direction, t] = v / v.norm(dim=0) * read
    return vectors


def _norms(gradient: Tensor, dim: int) -> Tensor:
    """Euclidean norms; infinite beyond float64."""
    # why scaled: the square of 1e-170 is 0.
    scale = gradient.abs().amax(dim, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    norms: Tensor = (gradient / scale).norm(dim=dim) * scale.squeeze(dim)
    return norms.nan_to_num(nan=math.inf, posinf=math.inf)


def _by_step(gradient: Tensor | None, run: RecordedLayer, steps: int, sequences: int) -> Tensor:
    """The norm of the gradient of x for every step and sequence, (L, N), nan where a sequence has ended."""
    by_step = torch.full((steps, sequences), math.nan, dtype=torch.float64)
    if gradient is None:
        return by_step.fill_(0.0)
    norms = _norms(gradient, dim=-1)
    if isinstance(run.x, PackedSequence):
        for t, part in enumerate(torch.split(norms, run.x.batch_sizes.tolist())):
            by_step[t, : len(part)] = part
        return by_step
    return norms.T if run.axes == ("N", "L") else norms.reshape(steps, sequences)


class _Subject(NamedTuple):
    """The tensor that a gradient is with respect to; the fields are those of `Curve`."""

    layer: str
    of: str
    stacked: int | None = None
    direction: str | None = None


def _sides(norms: Tensor, aim: Aim, subject: _Subject) -> Iterator[Curve]:
    """The curves on both sides of the positions, from the norms of every step (L, N).

    Lag 0 is on the side that the layer looks to. The other one is left out where it is 0, as it is but for layers
    that read each other.
    """
    steps = len(norms)
    reverse = subject.direction == "reverse"
    ahead = int(reverse and aim.ahead)
    for side, sign, first in (("past", -1, ahead), ("future", 1, 1 - ahead)):
        at = aim.positions + sign * torch.arange(first, steps)[:, None]  # (lags, N)
        inside = (at >= 0) & (at < steps)
        by_lag = torch.where(inside, norms.gather(0, at.clamp(0, steps - 1)), math.nan)
        by_lag = by_lag[~by_lag.isnan().all(dim=1)]
        if reverse and side == "past" and not bool((by_lag[1 - first :] > 0).any()):
            by_lag = by_lag[: 1 - first]
        if len(by_lag) and (first == 0 or float(by_lag.nan_to_num(0).amax()) > 0):
            decay = decay_of(by_lag, first) if aim.decays else None
            curve, halves = tuple(rms(by_lag).tolist()), tuple(half_widths(by_lag).tolist())
            yield Curve(**subject._asdict(), side=side, first=first, norms=curve, halves=halves, decay=decay)
