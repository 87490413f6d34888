"""What a recurrent layer hands on: its output or last states, merged and pooled as `layers.feeding` says."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnninspect.layers.families import CellLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.recurrence import Flow, States, data_of, with_data


def handed_on(layer: Recurrent, axes: tuple[str, ...], output: Flow, after: States) -> Flow:
    """What the next layer is fed with.

    axes: of the output, before its features. after: the states after the last step, (num_layers*D, N, H) or, of a cell,
    (N, H).
    """
    if layer.feeds == "output" and not layer.works_on:
        return output
    if layer.feeds == "last":
        last = after[layer.output_state]
        if isinstance(layer, CellLayer):
            return last
        # why: the two directions of the top layer stand side by side, (N, D*H_out).
        return _merged(layer, torch.cat(tuple(last[-layer.directions :]), dim=-1))
    if layer.feeds == "step":
        return _merged(layer, _last_step(output, axes))
    merged = with_data(output, _merged(layer, data_of(output)))
    if layer.feeds == "output":
        return merged
    return _largest(merged, axes) if layer.feeds == "max" else _mean(merged, axes)


def _merged(layer: Recurrent, data: Tensor) -> Tensor:
    """Vectors of both directions, side by side, as what `merge` makes of them."""
    if layer.merging == "concat":
        return data
    forward, reverse = data.chunk(2, dim=-1)
    if layer.merging == "mul":
        return forward * reverse
    added = forward + reverse
    return added / 2 if layer.merging == "mean" else added


def _last_step(output: Flow, axes: tuple[str, ...]) -> Tensor:
    if isinstance(output, Tensor):
        return output.select(axes.index("L"), -1)
    lengths = lengths_of(output)
    last = (_starts(output)[lengths - 1] + torch.arange(len(lengths))).to(output.data.device)
    return _in_order(output, output.data[last])


def _largest(output: Flow, axes: tuple[str, ...]) -> Tensor:
    if isinstance(output, Tensor):
        return output.max(axes.index("L")).values
    return _in_order(output, _padded(output, -math.inf).max(0).values)


def _mean(output: Flow, axes: tuple[str, ...]) -> Tensor:
    if isinstance(output, Tensor):
        return output.mean(axes.index("L"))
    return _in_order(output, _padded(output, 0.0).sum(0) / lengths_of(output)[:, None].to(output.data))


# --- packed: the sequences longest first, step after step -----------------------------------------------------


def lengths_of(packed: PackedSequence) -> Tensor:
    """The length of each sequence, longest first."""
    return (packed.batch_sizes[:, None] > torch.arange(int(packed.batch_sizes[0]))).sum(0)


def _starts(packed: PackedSequence) -> Tensor:
    """The row of the data at which each step begins."""
    return packed.batch_sizes.cumsum(0) - packed.batch_sizes


def _padded(packed: PackedSequence, fill: float) -> Tensor:
    """The data with L first, and `fill` where a sequence has ended.

    why not pad_packed_sequence: it asks a tensor for its values, which has none on meta.
    """
    place = torch.arange(int(packed.batch_sizes[0]))
    inside = packed.batch_sizes[:, None] > place
    rows = (_starts(packed)[:, None] + place).where(inside, 0)
    device = packed.data.device
    return packed.data[rows.to(device)].masked_fill(~inside[..., None].to(device), fill)


def _in_order(packed: PackedSequence, vectors: Tensor) -> Tensor:
    """One vector of each sequence in the order that they were given in."""
    order = packed.unsorted_indices
    return vectors if order is None else vectors.index_select(0, order)
