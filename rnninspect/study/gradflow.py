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
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.document.chain import Link, Spec
from rnninspect.errors import CannotHere, printable
from rnninspect.facts import ModelFacts
from rnninspect.layers.families import CellLayer
from rnninspect.layers.linear import Linear
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch
from rnninspect.letters import DIRECTIONS
from rnninspect.plan import plan
from rnninspect.runtime.device import enough_memory, threads_for
from rnninspect.runtime.modules import BuiltModel, Feed, data_of, make_feed, ready, with_data
from rnninspect.runtime.recurrence import Flow, Moment
from rnninspect.runtime.torch_errors import refusals
from rnninspect.study.reference import exact, exact_tensor, reference, reference_bytes, run_layer

Target = Literal["last", "sum"]

# Below this share of its start a gradient is called vanished; above its inverse, exploded.
HORIZON = 1e-3
# From the first lag to the last: what changes by less does not fade; what may change by more is not kept.
_NO_CHANGE, _KEPT = math.log(1.01), math.log(2)
_CPU = torch.device("cpu")
# why so few: what is left out would be a fault of ours.
_REFUSED = (RuntimeError, MemoryError)
# Beyond these a gradient has lost digits, or all of them.
_TINY, _HUGE = 1e-290, 1e290
# 97.5 % of Student's t is below this, by degrees of freedom from 1; with more, 1.960 + 2.372 / n + 2.823 / n^2.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


class Decay(NamedTuple):
    """A curve in one number: the factor per step, exp of the slope of a straight line through its logarithms.

    factor: None where fewer than three lags are on the line.
    low, high: the 95 % interval of the factor, from sequence to sequence; None for one sequence.
    horizon: the first lag at which the curve is below HORIZON of its start, None where it never is.
    verdict: "vanishing" with a horizon, "exploding" where it rises above 1 / HORIZON of its start first; short of
    both "fading" or "growing" where the factor and its interval are on one side of 1, "kept" where they are near it,
    else "unclear"; "dead" is 0.
    """

    factor: float | None
    low: float | None
    high: float | None
    horizon: int | None
    verdict: str


class Curve(NamedTuple):
    """The gradient of the loss with respect to one tensor at every lag, a root mean square over the sequences.

    of: "x" (the layer's input) or a state. stacked, direction: whose state; None for x.
    side: "past" counts the lag back from the position, "future" ahead, which only a bidirectional layer depends on.
    first: the lag of the first norm: 0, or 1 on the side that the layer, or x, comes to second.
    norms: by lag; infinite beyond float64.
    decay: None where there is none to speak of: for the sum over all steps, and for too few lags.
    """

    layer: str
    of: str
    stacked: int | None
    direction: str | None
    side: str
    first: int
    norms: tuple[float, ...]
    decay: Decay | None


class WeightNorm(NamedTuple):
    """The Frobenius norm of the loss's gradient with respect to one weight; None for one that is frozen."""

    layer: str
    weight: str
    norm: float | None


class Gradflow(NamedTuple):
    """One model.

    layer: whose output the loss reads. position: the step it reads, None for the last of each sequence.
    weights: of that layer and of those before it; a shared one stands where its owner is.
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


def gradflow(
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
    links = spec.links[: _target_index(spec, layer) + 1]
    needed = sum(reference_bytes(link) for link in links)
    enough_memory(spec, planned, needed, _CPU)
    aimed = links[-1].layer
    if target == "last" and position is None and isinstance(aimed, Recurrent) and aimed.directions == 2:
        position = min(spec.batch.lengths or (spec.batch.seq_len,)) // 2
    # why: one step is too little work to be shared, and threads that wait for each other took ten times as long.
    each_step = threads_for(planned.macs // spec.batch.letters["L"], _CPU)
    refused = refusals(spec, "be followed", _CPU, dtype="float64", errors=_REFUSED)
    with ready(spec, planned, device, seed) as model, each_step, refused:
        twins = twins_of(links, model)
        runs = run_links(links, twins, make_feed(spec, device))
        _no_overflow(runs, spec.source)
        curves, weights = follow(runs, twins, aim_at(spec.batch, target, position), seed)
    about = (planned, str(device), torch.__version__, seed, target, aimed.name, position, spec.batch.size or 1)
    return Gradflow(*about, curves, weights)


def decay_of(norms: Tensor, first: int) -> Decay | None:
    """The decay of a curve given for each sequence, (lags, N), from lag `first`; None where there is none to speak of.

    A sequence that is shorter has nan. The interval is that of the jackknife over the sequences, with Student's t
    (Tukey 1958). why not the bootstrap: of few sequences its 95 % were 50 % (two) to 85 % (eight), measured.
    """
    curve = _rms(norms)
    if len(curve) < 3:
        return None
    if float(curve.max()) == 0:
        return Decay(None, None, None, None, "dead")
    # why: a lag that few have is told by those few alone, and what is beyond float64 is on no line.
    common = (~norms.isnan()).double().mean(dim=1) > 0.5
    whole = common & (curve > _TINY) & (curve < _HUGE)
    line = _line(norms[: int(whole.long().cumprod(0).sum())])
    horizon, exploded = _first(curve < HORIZON * curve[0]), _first(curve * HORIZON > curve[0])
    if exploded is not None and (horizon is None or exploded < horizon):
        verdict = "exploding"
    elif horizon is not None:
        verdict = "vanishing"
    elif line is None:
        return None
    else:
        verdict = line.verdict
    factor, low, high = line.factors if line else (None, None, None)
    return Decay(factor, low, high, None if horizon is None else horizon + first, verdict)


class _Line(NamedTuple):
    """A straight line through the logarithms of so many lags. half: of the interval of its slope, None without one."""

    slope: float
    half: float | None
    lags: int

    @property
    def factors(self) -> tuple[float, float | None, float | None]:
        """The factor per step, and its interval."""
        half = math.nan if self.half is None else self.half
        logs = torch.tensor([self.slope, self.slope - half, self.slope + half], dtype=torch.float64)
        factor, low, high = logs.exp().tolist()
        return (factor, None, None) if self.half is None else (factor, low, high)

    @property
    def verdict(self) -> str:
        """Which way it goes, where that is beyond doubt."""
        slope, half, steps = abs(self.slope), self.half or 0.0, self.lags - 1
        if slope > half and slope * steps > _NO_CHANGE:
            return "fading" if self.slope < 0 else "growing"
        return "kept" if (slope + half) * steps < _KEPT else "unclear"


def _line(norms: Tensor) -> _Line | None:
    """The line through log(rms) by least squares; None for fewer than three lags."""
    lags, sequences = norms.shape
    if lags < 3:
        return None
    # why: norms of 1e-200 have no square in float64.
    scale = norms.nan_to_num(0).amax(dim=1, keepdim=True)
    squares, there = (norms / scale).square().nan_to_num(0), (~norms.isnan()).double()
    total, count = squares.sum(dim=1, keepdim=True), there.sum(dim=1, keepdim=True)
    # Of all sequences, and without each in turn.
    means = torch.cat([total, total - squares], dim=1) / torch.cat([count, count - there], dim=1)
    x = torch.arange(lags, dtype=torch.float64)
    x -= x.mean()
    slope, *without = (x @ (means.log() / 2 + scale.log()) / x.square().sum()).tolist()
    half = None
    if sequences > 1:
        spread = torch.tensor(without, dtype=torch.float64).std(correction=0).item()
        half = _student(sequences - 1) * math.sqrt(sequences - 1) * spread
        # Where one sequence alone is not 0, there is no telling how they vary.
        half = half if math.isfinite(half) else math.inf
    return _Line(slope, half, lags)


def _student(freedom: int) -> float:
    return _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else 1.960 + 2.372 / freedom + 2.823 / freedom**2


def _first(true: Tensor) -> int | None:
    """The first index at which `true` is, None where it never is."""
    found = torch.nonzero(true)
    return int(found[0]) if len(found) else None


def _rms(norms: Tensor) -> Tensor:
    """The root mean square over the sequences that have the lag: (lags, N) with nan for those that have not."""
    scale = norms.nan_to_num(0).amax(dim=1, keepdim=True)
    shares = torch.where(scale > 0, norms / scale, norms)
    return scale.squeeze(1) * shares.square().nanmean(dim=1).sqrt()


class Aim(NamedTuple):
    """What the loss reads: reads (L, N) says which steps; positions (N,) are those that a lag is counted from.

    decays: whether what is read is one step, so that the lag says how far a gradient went. ahead: whether there are
    steps after it.
    """

    reads: Tensor
    positions: Tensor
    decays: bool
    ahead: bool


def aim_at(batch: Batch, target: Target, position: int | None) -> Aim:
    """See `gradflow`; the sequences in the order of a packed batch, the longest first."""
    lengths = sorted(batch.lengths or (batch.seq_len,) * (batch.size or 1), reverse=True)
    last = torch.tensor(lengths) - 1
    positions = last if position is None else torch.full_like(last, position)
    when = torch.arange(lengths[0])[:, None]
    reads = when <= last if target == "sum" else when == positions
    return Aim(reads, positions, target == "last", bool((positions < last).any()))


class LayerRun(NamedTuple):
    """One recurrent layer's run by its equations, in float64 and with its graph.

    x: its input. levels: by (stacked layer, direction), then by t, the states as they are handed on, (H, B).
    """

    layer: Recurrent
    axes: tuple[str, ...]
    x: Flow
    levels: dict[tuple[int, int], dict[int, Mapping[str, Tensor]]]


def _target_index(spec: Spec, layer: str | None) -> int:
    names = {link.layer.name: k for k, link in enumerate(spec.links) if isinstance(link.layer, Recurrent)}
    return max(names.values()) if layer is None else names[layer]


def twins_of(links: Sequence[Link], model: BuiltModel) -> dict[str, nn.Module]:
    """By name, the first layers of the model as they are evaluated; what trains in the document has a gradient."""
    twins: dict[str, nn.Module] = {}
    # why not strict: `links` ends with the layer whose output is read.
    for link, module in zip(links, model.layers, strict=False):
        layer = link.layer
        twin = reference(layer, module).requires_grad_(layer.trainable)
        if isinstance(twin, nn.Embedding):
            twin.sparse = False  # its gradient is the same, and has a norm
        if isinstance(layer, Linear) and layer.tied_to is not None:
            twin.register_parameter("weight", twins[layer.tied_to].get_parameter("weight"))
        twins[layer.name] = twin
    return twins


def run_links(links: Sequence[Link], twins: Mapping[str, nn.Module], feed: Feed) -> list[LayerRun]:
    """Run layers by their equations, and keep every state of the recurrent ones."""
    flow = exact(feed.input)
    runs = []
    # why not strict: the feed has states for the layers after them too.
    for link, states in zip(links, feed.states, strict=False):
        data = data_of(flow)
        if data.is_floating_point() and not data.requires_grad:
            flow = with_data(flow, data.requires_grad_())
        watch = None
        if isinstance(link.layer, Recurrent):
            runs.append(LayerRun(link.layer, link.signal.axes, flow, {}))
            watch = partial(_keep, runs[-1])
        flow = run_layer(link, twins[link.layer.name], flow, tuple(map(exact_tensor, states)), watch).handed_on
    return runs


def _keep(run: LayerRun, moment: Moment) -> None:
    states = {name: moment.vectors[name] for name in run.layer.cell.states}
    for state in states.values():
        # why: where a packed batch loses a sequence its gradient is laid out anew, which from there on makes every
        # product four times slower.
        state.register_hook(Tensor.contiguous)  # type: ignore[no-untyped-call]
    run.levels.setdefault((moment.stacked, moment.direction), {})[moment.t] = states


def _no_overflow(runs: Sequence[LayerRun], source: str) -> None:
    """Raise CannotHere where a state is beyond float64: what comes after it has no gradient, or a wrong one."""
    for run in runs:
        for steps in run.levels.values():
            for t, states in steps.items():
                if not all(bool(state.isfinite().all()) for state in states.values()):
                    raise CannotHere(
                        f"{printable(source)}: layer {run.layer.name!r}: its states are beyond float64 at t = {t}, so "
                        "there are no gradients to follow (try a smaller input.seq_len)"
                    )


def follow(
    runs: Sequence[LayerRun], twins: Mapping[str, nn.Module], aim: Aim, seed: int
) -> tuple[tuple[Curve, ...], tuple[WeightNorm, ...]]:
    """Every curve, and the norm of every weight's gradient, from one backward pass. seed: of v."""
    aimed = runs[-1]
    output, top = aimed.layer.cell.states[0], aimed.layer.depth - 1
    read = probes(aimed, aim.reads, seed).items()
    loss = torch.stack([(aimed.levels[top, way][t][output] * v).sum() for (way, t), v in read]).sum()
    steps, sequences = aim.reads.shape
    wanted = [
        tensor
        for run in runs
        for tensor in (
            data_of(run.x),
            *(tensor for level in run.levels.values() for t in range(steps) for tensor in level[t].values()),
        )
    ]
    weights: dict[nn.Parameter, tuple[str, str]] = {}
    for layer_name, twin in twins.items():
        for name, weight in twin.named_parameters():
            weights.setdefault(weight, (layer_name, name))
    trained = [weight for weight in weights if weight.requires_grad]
    # What the loss does not depend on has no gradient at all.
    gradients = iter(torch.autograd.grad(loss, [*wanted, *trained], allow_unused=True))
    curves: list[Curve] = []
    for run in runs:
        layer = run.layer
        norms = _by_step(next(gradients), run, steps, sequences)
        curves += _sides(norms, aim, (layer.name, "x", None, None))
        for stacked, direction in run.levels:
            states = {name: torch.full((steps, sequences), math.nan, dtype=torch.float64) for name in layer.cell.states}
            for t in range(steps):
                for name, tensor in run.levels[stacked, direction][t].items():
                    gradient = next(gradients)
                    states[name][t, : tensor.shape[1]] = 0.0 if gradient is None else _norms(gradient, dim=0)
            level = (None, None) if isinstance(layer, CellLayer) else (stacked, DIRECTIONS[direction])
            for name, norms in states.items():
                curves += _sides(norms, aim, (layer.name, name, *level))
    found = {
        weight: 0.0 if given is None else float(_norms(given.flatten(), 0))
        for weight, given in zip(trained, gradients, strict=True)
    }
    return tuple(curves), tuple(WeightNorm(*about, found.get(weight)) for weight, about in weights.items())


def probes(aimed: LayerRun, reads: Tensor, seed: int) -> dict[tuple[int, int], Tensor]:
    """v for each direction and step that the loss reads: a unit vector for each sequence that reads it, (H_out, B)."""
    generator = torch.Generator().manual_seed(seed)
    output, top = aimed.layer.cell.states[0], aimed.layer.depth - 1
    found = {}
    for direction in range(aimed.layer.directions):
        for t, states in sorted(aimed.levels[top, direction].items()):
            read = reads[t, : states[output].shape[1]]
            if bool(read.any()):
                v = torch.randn(states[output].shape, generator=generator, dtype=torch.float64)
                found[direction, t] = v / v.norm(dim=0) * read
    return found


def _norms(gradient: Tensor, dim: int) -> Tensor:
    """Euclidean norms; infinite beyond float64."""
    # why scaled: the square of 1e-170 is 0.
    scale = gradient.abs().amax(dim, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    found: Tensor = (gradient / scale).norm(dim=dim) * scale.squeeze(dim)
    return found.nan_to_num(nan=math.inf, posinf=math.inf)


def _by_step(gradient: Tensor | None, run: LayerRun, steps: int, sequences: int) -> Tensor:
    """The norm of the gradient of x for every step and sequence, (L, N), nan where a sequence has ended."""
    found = torch.full((steps, sequences), math.nan, dtype=torch.float64)
    if gradient is None:
        return found.fill_(0.0)
    norms = _norms(gradient, dim=-1)
    if isinstance(run.x, PackedSequence):
        for t, part in enumerate(torch.split(norms, run.x.batch_sizes.tolist())):
            found[t, : len(part)] = part
        return found
    return norms.T if run.axes == ("N", "L") else norms.reshape(steps, sequences)


def _sides(norms: Tensor, aim: Aim, about: tuple[str, str, int | None, str | None]) -> Iterator[Curve]:
    """The curves on both sides of the positions, from the norms of every step (L, N).

    Lag 0 is on the side that the layer looks to. The other one is left out where it is 0, as it is but for layers
    that read each other.
    """
    steps = len(norms)
    reverse = about[3] == "reverse"
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
            yield Curve(*about, side, first, tuple(_rms(by_lag).tolist()), decay)
