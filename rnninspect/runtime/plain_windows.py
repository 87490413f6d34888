"""Convolutions and pools by their equations, one sequence after another: what torch's are held against.

It calls none of torch's, and knows nothing of how a batch is padded for them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.layers.convolution import Conv1d
from rnninspect.layers.pooling import AvgPool1d, MaxPool1d
from rnninspect.layers.window import WindowLayer
from rnninspect.runtime.recurrence import Flow


class PlainWindow(nn.Module):
    """A layer of windows on a flow, packed or not, with torch's parameter names."""

    def __init__(self, layer: WindowLayer, *, device: torch.device | None = None) -> None:
        super().__init__()
        self.layer = layer
        for weight in layer.weights("float32"):
            self.register_parameter(weight.name, nn.Parameter(torch.zeros(weight.shape, device=device)))

    def forward(self, flow: Flow, axes: tuple[str, ...]) -> Flow:
        """axes: of a flow that is not packed, before its features."""
        if isinstance(flow, PackedSequence):
            return self._packed(flow)
        if axes == ("L",):
            return self.one(flow)
        along = axes.index("N")
        return torch.stack([self.one(sequence) for sequence in flow.unbind(along)], along)

    def one(self, x: Tensor) -> Tensor:
        """One sequence, (L, H_in) -> (L', H_out)."""
        window, steps = self.layer.window, len(x)
        starts = window.stride * torch.arange(window.length(steps)) - window.left
        read = starts[:, None] + window.dilation * torch.arange(window.kernel_size)
        there = (read >= 0) & (read < steps)
        fill = -math.inf if isinstance(self.layer, MaxPool1d) else 0.0
        windows = x[read.clamp(0, steps - 1)].masked_fill(~there[..., None], fill)  # (L', kernel_size, H_in)
        if isinstance(self.layer, Conv1d):
            return self._convolved(self.layer, windows)
        if not isinstance(self.layer, AvgPool1d):
            return windows.max(dim=1).values
        counted = [self.layer.counted(t, steps) for t in range(len(windows))]
        return windows.sum(dim=1) / torch.tensor(counted, dtype=x.dtype)[:, None]

    def _convolved(self, layer: Conv1d, windows: Tensor) -> Tensor:
        weight = self.get_parameter("weight")
        groups = zip(windows.chunk(layer.groups, -1), weight.chunk(layer.groups), strict=True)
        products = [
            sum((part[:, k] @ matrix[:, :, k].T for k in range(layer.kernel_size)), torch.zeros((), dtype=part.dtype))
            for part, matrix in groups
        ]
        convolved = torch.cat(products, dim=-1)
        return convolved + self.get_parameter("bias") if layer.bias else convolved

    def _packed(self, flow: PackedSequence) -> PackedSequence:
        """Rows stand step after step, and in a step the sequences, the longest first."""
        rows = torch.split(flow.data, flow.batch_sizes.tolist())
        sequences = [torch.stack([step[n] for step in rows if n < len(step)]) for n in range(len(rows[0]))]
        done = [self.one(sequence) for sequence in sequences]
        steps = [[each[t] for each in done if t < len(each)] for t in range(len(done[0]))]
        data = torch.stack([row for step in steps for row in step])
        return flow._replace(data=data, batch_sizes=torch.tensor([len(step) for step in steps]))
