"""How strongly the output at one step depends on what came earlier: gradients against the lag.

The loss is L = sum over the batch of <v, output_p>, v drawn evenly from the unit vectors of each direction, so that
|v' J| averaged over v as a root mean square is the Frobenius norm of the Jacobian J = dh_p/dh_t over sqrt(H_out):
the factor by which a random change is passed on; 1 at lag 0. One backward pass gives the vector v' J of every step at
once, so that time and memory are linear in L; the Jacobians themselves would take H_out passes.

The gradients are those of the equations in float64 (`rnninspect verify` holds them against torch's): float32 would end
at 1e-38. Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", section 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnninspect.device import enough_memory, refusals
from rnninspect.facts import ModelFacts
from rnninspect.layers.recurrent import CellLayer, Recurrent
from rnninspect.plan import plan
from rnninspect.real import BuiltModel, Feed, data_of, make_feed, ready, with_data
from rnninspect.recurrence import Flow, Moment
from rnninspect.reference import exact, exact_tensor, reference, reference_bytes, run_layer
from rnninspect.spec.chain import Link, Spec

Target = Literal["last", "sum"]

# Below this share of its start a gradient is called vanished; above its inverse, exploded.
HORIZON = 1e-3
_RESAMPLES = 1_000
_CPU = torch.device("cpu")
# why so few: what is left out would be a fault of ours.
_REFUSED = (RuntimeError, MemoryError)
# What is smaller than this has lost digits, or all of them.
_TINY = 1e-290


class Decay(NamedTuple):
    """A curve in one number: the factor per step, exp of the slope of a straight line through its logarithms.

    low, high: the middle 95 % over resampled batches, None for one sequence or too short a curve.
    horizon: the first lag at which the curve is below HORIZON of its start, None where it never is.
    verdict: "vanishing" with a horizon, "exploding" where it rises above 1 / HORIZON of its start; short of both
    "fading" or "growing" where the factor and its interval are on one side of 1, else "kept".
    """

    factor: float
    low: float | None
    high: float | None
    horizon: int | None
    verdict: str


class Curve(NamedTuple):
    """The gradient of the loss with respect to one tensor at every lag, a root mean square over the sequences.

    of: "x" (the layer's input) or a state. stacked, direction: whose state; None for x.
    side: "past" counts the lag back from the position, "future" ahead, which only a bidirectional layer depends on.
    first: the lag of the first norm: 0, or 1 on the side that the layer, or x, comes to second.
    decay: None where there is none to speak of: for the sum over all steps, and for fewer than three lags.
    """

    layer: str
    of: str
    stacked: int | None
    direction: str | None
    side: str
    first: int
    norms: tuple[float, ...]
    decay: Decay | None


class Gradflow(NamedTuple):
    """One model.

    layer: whose output the loss reads. position: the step it reads, None for the last of each sequence.
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
    bidirectional, the middle of the shortest), "sum" at every step. Raises NotEnoughMemory or TorchRefused.
    """
    planned = plan(spec)
    links = spec.links[: _target_index(spec, layer) + 1]
    needed = sum(reference_bytes(link) for link in links)
    enough_memory(spec.source, needed, _CPU, "try a smaller input.batch_size or input.seq_len")
    aimed = links[-1].layer
    if target == "last" and position is None and isinstance(aimed, Recurrent) and aimed.directions == 2:
        position = min(spec.batch.lengths or (spec.batch.seq_len,)) // 2
    lengths = sorted(spec.batch.lengths or (spec.batch.seq_len,) * (spec.batch.size or 1), reverse=True)
    last = torch.tensor(lengths) - 1
    positions = last if position is None else torch.full_like(last, position)
    when = torch.arange(lengths[0])[:, None]
    reads = when <= last if target == "sum" else when == positions
    with ready(spec, planned, device, seed) as model, refusals("follow the gradients", _CPU, "float64", _REFUSED):
        feed = make_feed(spec, device)
        recordings = _run(links, model, feed)
        loss = _loss(recordings[-1], reads, torch.Generator().manual_seed(seed))
        curves = tuple(_curves(recordings, loss, positions, decays=target == "last"))
    return Gradflow(planned, str(device), torch.__version__, seed, target, aimed.name, position, len(lengths), curves)


def decay_of(norms: Tensor, first: int) -> Decay | None:
    """The decay of a curve given for each sequence, (lags, N); None where there is none to speak of.

    The interval comes from resampling the sequences (Efron's percentile bootstrap): it is that of this batch.
    """
    curve = _rms(norms)
    # why: the line goes through lags that every sequence has, and a gradient that has run out of float64 is on no line.
    whole = (curve > _TINY) & ~norms.isnan().any(dim=1)
    fitted = norms[: int(whole.long().cumprod(0).sum())]
    sequences = norms.shape[1]
    if len(fitted) < 3:
        return None
    factor = float(_slopes(fitted, torch.ones(1, sequences, dtype=torch.float64)).exp())
    low = high = None
    if sequences > 1:
        draws = torch.randint(sequences, (_RESAMPLES, sequences), generator=torch.Generator().manual_seed(0))
        ones = torch.ones(draws.shape, dtype=torch.float64)
        weights = torch.zeros_like(ones).scatter_add_(1, draws, ones)
        edges = torch.tensor([0.025, 0.975], dtype=torch.float64)
        low, high = _slopes(fitted, weights).exp().quantile(edges).tolist()
    horizon, exploded = _first(curve < HORIZON * curve[0]), _first(curve * HORIZON > curve[0])
    if exploded is not None and (horizon is None or exploded < horizon):
        verdict = "exploding"
    elif horizon is not None:
        verdict = "vanishing"
    else:
        below, above = (factor if high is None else high) < 1, (factor if low is None else low) > 1
        verdict = "fading" if below else "growing" if above else "kept"
    return Decay(factor, low, high, None if horizon is None else horizon + first, verdict)


def _first(true: Tensor) -> int | None:
    """The first index at which `true` is, None where it never is."""
    found = torch.nonzero(true)
    return int(found[0]) if len(found) else None


def _slopes(norms: Tensor, weights: Tensor) -> Tensor:
    """The slope of log(rms) by least squares, for each row of weights (R, N) of the sequences of norms (lags, N)."""
    # why: norms of 1e-200 have no square in float64.
    scale = norms.amax(dim=1, keepdim=True)
    squares = weights @ (norms / scale).square().T / weights.sum(dim=1, keepdim=True)
    logs = squares.log() / 2 + scale.squeeze(1).log()
    lags = torch.arange(len(norms), dtype=torch.float64)
    centred = lags - lags.mean()
    slopes: Tensor = logs @ centred / centred.square().sum()
    return slopes


def _rms(norms: Tensor) -> Tensor:
    """The root mean square over the sequences that have the lag: (lags, N) with nan for those that have not."""
    scale = norms.nan_to_num(0).amax(dim=1, keepdim=True)
    shares = torch.where(scale > 0, norms / scale, norms)
    return scale.squeeze(1) * shares.square().nanmean(dim=1).sqrt()


class _Recording(NamedTuple):
    """One recurrent layer's run.

    x: its input. levels: by (stacked layer, direction), then by t, the states as they are handed on.
    """

    layer: Recurrent
    axes: tuple[str, ...]
    x: Flow
    levels: dict[tuple[int, int], dict[int, Mapping[str, Tensor]]]


def _target_index(spec: Spec, layer: str | None) -> int:
    names = {link.layer.name: k for k, link in enumerate(spec.links) if isinstance(link.layer, Recurrent)}
    return max(names.values()) if layer is None else names[layer]


def _run(links: Sequence[Link], model: BuiltModel, feed: Feed) -> list[_Recording]:
    """Run the chain by its equations and keep every state of its recurrent layers."""
    flow = exact(feed.input)
    recordings = []
    # why not strict: `links` ends with the layer whose output is read.
    for link, module, states in zip(links, model.layers, feed.states, strict=False):
        twin = reference(link.layer, module).requires_grad_(False)
        data = data_of(flow)
        if data.is_floating_point() and not data.requires_grad:
            flow = with_data(flow, data.requires_grad_())
        watch = None
        if isinstance(link.layer, Recurrent):
            recordings.append(_Recording(link.layer, link.signal.axes, flow, {}))
            watch = partial(_record, recordings[-1])
        flow = run_layer(link, twin, flow, tuple(map(exact_tensor, states)), watch).handed_on
    return recordings


def _record(recording: _Recording, moment: Moment) -> None:
    states = {name: moment.vectors[name] for name in recording.layer.cell.states}
    recording.levels.setdefault((moment.stacked, moment.direction), {})[moment.t] = states


def _loss(aimed: _Recording, reads: Tensor, generator: torch.Generator) -> Tensor:
    """The sum of <v, output_t> over the sequences and steps that `reads` (L, N) is true for, for each direction."""
    output = aimed.layer.cell.states[0]
    top = aimed.layer.depth - 1
    terms = []
    for direction in range(aimed.layer.directions):
        for t, states in sorted(aimed.levels[top, direction].items()):
            h = states[output]  # (H_out, B)
            read = reads[t, : h.shape[1]]
            if bool(read.any()):
                v = torch.randn(h.shape, generator=generator, dtype=torch.float64)
                terms.append((h * v / v.norm(dim=0))[:, read].sum())
    return torch.stack(terms).sum()


def _curves(recordings: Sequence[_Recording], loss: Tensor, positions: Tensor, *, decays: bool) -> Iterator[Curve]:
    """Every curve from one backward pass. positions: (N,), the step that a lag is counted from."""
    steps, sequences = len(recordings[0].levels[0, 0]), len(positions)
    wanted = [
        tensor
        for recording in recordings
        for tensor in (
            data_of(recording.x),
            *(tensor for level in recording.levels.values() for t in range(steps) for tensor in level[t].values()),
        )
    ]
    # What the loss does not depend on has no gradient at all.
    gradients = iter(torch.autograd.grad(loss, wanted, allow_unused=True))
    for recording in recordings:
        layer = recording.layer
        norms = _by_step(next(gradients), recording, steps, sequences)
        yield from _sides(norms, positions, (layer.name, "x", None, None), decays=decays)
        for stacked, direction in recording.levels:
            states = {name: torch.full((steps, sequences), math.nan, dtype=torch.float64) for name in layer.cell.states}
            for t in range(steps):
                for name, tensor in recording.levels[stacked, direction][t].items():
                    gradient = next(gradients)
                    running = tensor.shape[1]
                    states[name][t, :running] = 0.0 if gradient is None else gradient.norm(dim=0)
            level = (None, None) if isinstance(layer, CellLayer) else (stacked, ("forward", "reverse")[direction])
            for name, norms in states.items():
                yield from _sides(norms, positions, (layer.name, name, *level), decays=decays)


def _by_step(gradient: Tensor | None, recording: _Recording, steps: int, sequences: int) -> Tensor:
    """The norm of the gradient of x for every step and sequence, (L, N), nan where a sequence has ended."""
    found = torch.full((steps, sequences), math.nan, dtype=torch.float64)
    if gradient is None:
        return found.fill_(0.0)
    norms = gradient.norm(dim=-1)
    if isinstance(recording.x, PackedSequence):
        for t, part in enumerate(torch.split(norms, recording.x.batch_sizes.tolist())):
            found[t, : len(part)] = part
        return found
    by_step: Tensor = norms.T if recording.axes == ("N", "L") else norms.reshape(steps, sequences)
    return by_step


def _sides(
    norms: Tensor, positions: Tensor, about: tuple[str, str, int | None, str | None], *, decays: bool
) -> Iterator[Curve]:
    """The curves on both sides of the positions, from the norms of every step (L, N); one that is 0 is left out."""
    steps = len(norms)
    backwards = about[3] == "reverse"
    for side, sign, first in (("past", -1, int(backwards)), ("future", 1, int(not backwards))):
        at = positions + sign * torch.arange(first, steps)[:, None]  # (lags, N)
        inside = (at >= 0) & (at < steps)
        by_lag = torch.where(inside, norms.gather(0, at.clamp(0, steps - 1)), math.nan)
        by_lag = by_lag[~by_lag.isnan().all(dim=1)]
        if len(by_lag) and float(by_lag.nan_to_num(0).amax()) > 0:
            decay = decay_of(by_lag, first) if decays else None
            yield Curve(*about, side, first, tuple(_rms(by_lag).tolist()), decay)
