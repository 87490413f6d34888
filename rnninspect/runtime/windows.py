"""Convolutions and pools run on what flows between layers: torch wants the steps last, and no packed batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence

from rnninspect.layers.window import WindowLayer
from rnninspect.runtime.feeding import lengths_of
from rnninspect.runtime.recurrence import Flow

# From our axes to (N, C, L), or (C, L), and back.
_TURNED = {("L", "N"): ((1, 2, 0), (2, 0, 1)), ("N", "L"): ((0, 2, 1), (0, 2, 1)), ("L",): ((1, 0), (1, 0))}


def run_window(layer: WindowLayer, module: Callable[[Tensor], Tensor], flow: Flow, axes: tuple[str, ...]) -> Flow:
    """What torch's module of a layer makes of `flow`, whose axes before the features are `axes`.

    Of a packed batch what lies beyond a sequence's end is `layer.pads_with`, and no part of the result.
    """
    if isinstance(flow, Tensor):
        return _turned(module, flow, axes)
    lengths = lengths_of(flow).tolist()
    # why without its indices: in its own order, the longest first, no tensor is asked for values, which meta has not.
    padded, _ = pad_packed_sequence(PackedSequence(flow.data, flow.batch_sizes), padding_value=layer.pads_with)
    if layer.by_sequence:
        parts = [_turned(module, padded[:steps, n], ("L",)) for n, steps in enumerate(lengths)]
        after, put_out = list(map(len, parts)), pad_sequence(parts)
    else:
        put_out = _turned(module, padded, ("L", "N"))
        # why torch's own where it says one: a formula that is wrong must show.
        after = [len(put_out) if steps == lengths[0] else layer.window.length(steps) for steps in lengths]
    # why the longest first still: of more steps no fewer come out.
    packed = pack_padded_sequence(put_out, torch.tensor(after, device="cpu"))
    return PackedSequence(packed.data, packed.batch_sizes, flow.sorted_indices, flow.unsorted_indices)


def _turned(module: Callable[[Tensor], Tensor], data: Tensor, axes: tuple[str, ...]) -> Tensor:
    there, back = _TURNED[axes]
    return module(data.permute(there)).permute(back)
