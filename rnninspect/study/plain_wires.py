"""What wires, `merge` and `feeds` mean, worked out once more and step by step: what `held_wires` holds the runtime to.

Nothing of `runtime.wiring` and `runtime.feeding` is used. Everything is laid out with its steps first, (L, N, H), or as
one vector of each sequence, (N, H); a batch without N has one sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from rnninspect.facts.tensors import Wires
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.recurrence import Flow


class Laid(NamedTuple):
    """A flow, laid out. lengths: (N,), how many steps each sequence has; None of vectors."""

    data: Tensor
    lengths: Tensor | None

    @property
    def running(self) -> Tensor:
        """Whether a sequence has a step, (L, N, 1); of vectors all have theirs."""
        if self.lengths is None:
            return torch.ones(len(self.data), 1, dtype=torch.bool)
        return (torch.arange(len(self.data))[:, None] < self.lengths)[..., None]


def laid_out(flow: Flow, axes: tuple[str, ...]) -> Laid:
    """A flow on the CPU whose axes before the features are these; token indices have one number for a feature."""
    if isinstance(flow, PackedSequence):
        data, lengths = pad_packed_sequence(flow)
        return Laid(data if data.is_floating_point() else data.unsqueeze(-1), lengths)
    data = flow if flow.is_floating_point() else flow.unsqueeze(-1)
    if "N" not in axes:
        data = data.unsqueeze(-2)
    if "L" not in axes:
        return Laid(data, None)
    data = data.transpose(0, 1) if axes == ("N", "L") else data
    return Laid(data, torch.full((data.shape[1],), data.shape[0]))


def side_by_side(parts: Sequence[Laid]) -> Laid:
    """The features of all, at every step those of a vector too."""
    lengths = next((part.lengths for part in parts if part.lengths is not None), None)
    if lengths is None:
        return Laid(torch.cat([part.data for part in parts], dim=1), None)
    count = int(lengths.max())
    steps = [[part.data] * count if part.lengths is None else part.data.unbind() for part in parts]
    return Laid(torch.stack([torch.cat(row, dim=1) for row in zip(*steps, strict=True)]), lengths)


def added(one: Laid, other: Laid) -> Laid:
    """Their sum, where both have a step."""
    return one._replace(data=torch.where(one.running, one.data + other.data, 0.0))


def first_states(taker: Recurrent, giver: Recurrent, last: Mapping[str, Tensor], wires: Wires) -> dict[str, Tensor]:
    """By name (h_0) the states that `taker` is handed. last: those of `giver` by name (h), as its module gives them."""
    states = {}
    for name in taker.cell.states:
        if name in taker.learned:
            continue
        rows = list(last[name].unbind()) if giver.stack_axes else [last[name]]
        if wires.directions:
            pairs = [(rows[2 * k], rows[2 * k + 1]) for k in range(giver.depth)]
            rows = [torch.cat(pair, dim=-1) if wires.directions == "concat" else pair[0] + pair[1] for pair in pairs]
        states[f"{name}_0"] = torch.stack(rows) if taker.stack_axes else rows[0]
    return states


def handed_on(layer: Recurrent, output: Laid, last: Mapping[str, Tensor]) -> Laid:
    """What the next layer is fed with. last: the last states by name, as the module gives them."""
    assert output.lengths is not None
    if layer.feeds == "last":
        state = last[layer.cell.output]
        rows = [row.reshape(-1, row.shape[-1]) for row in (state.unbind() if layer.stack_axes else [state])]
        return Laid(_merged(layer, torch.cat(rows[-layer.directions :], dim=1)), None)
    merged = output._replace(data=_merged(layer, output.data))
    match layer.feeds:
        case "step":
            return Laid(torch.stack([merged.data[length - 1, n] for n, length in enumerate(output.lengths)]), None)
        case "max" | "mean":
            return Laid(_over_steps(merged, layer.feeds), None)
    return merged


def _merged(layer: Recurrent, data: Tensor) -> Tensor:
    ways = data[..., : layer.h_out], data[..., layer.h_out :]
    match layer.merging:
        case "sum":
            return ways[0] + ways[1]
        case "mean":
            return (ways[0] + ways[1]) / 2
        case "mul":
            return ways[0] * ways[1]
    return data


def _over_steps(laid: Laid, feeds: str) -> Tensor:
    """The largest or the mean of each feature over the steps that a sequence has, (N, H)."""
    assert laid.lengths is not None
    first, *rest = laid.data.unbind()
    for t, step in enumerate(rest, start=1):
        running = (laid.lengths > t)[:, None]
        greater = running & (step > first) if feeds == "max" else running
        first = torch.where(greater, step if feeds == "max" else first + step, first)
    return first / laid.lengths[:, None] if feeds == "mean" else first
