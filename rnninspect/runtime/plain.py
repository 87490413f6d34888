"""Equations evaluated as they are written, step by step: what all else that runs a layer is held against.

It knows nothing of how a layer may be run faster, and has nothing of `ahead` but the interface; of convolutions and
pools it calls none of torch's, and knows nothing of how a batch is padded for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils.rnn import PackedSequence
from typing_extensions import override

from rnninspect.cells import evaluate
from rnninspect.layers.batch_norm import BatchNorm1d
from rnninspect.layers.convolution import Conv1d
from rnninspect.layers.pointwise import EquationLayer
from rnninspect.layers.pooling import AvgPool1d, MaxPool1d
from rnninspect.layers.window import WindowLayer
from rnninspect.runtime.functions import COLUMNS, OF_TWO
from rnninspect.runtime.recurrence import Flow, Level, Moment, Pace, RecurrentModule, States, Step, Watch


class PlainRNN(RecurrentModule):
    """Every equation evaluated at every step; a column of each vector is one sequence.

    functions: what the functions of the equations are.
    """

    functions: Mapping[str, Callable[..., Tensor]] = MappingProxyType({**COLUMNS, **OF_TWO})

    @override
    def step_of(self, level: Level, data: Tensor, pace: Pace, watch: Watch | None) -> Step:
        cell, inputs = self.layer.cell, pace.cut(data)
        weights = {name: block.values for name, block in self.blocks(level).items()}
        columns = {name: values if values.dim() == 2 else values.unsqueeze(1) for name, values in weights.items()}

        def step(t: int, states: States) -> tuple[Tensor, States]:
            # why contiguous: a product with the transposed layout, and above all its gradient, is ten times slower.
            given = dict(zip(cell.states, (state.T.contiguous() for state in states), strict=True))
            x = inputs[t].T.contiguous()
            vectors = evaluate.step(cell, columns | given | {"x": x}, self.functions)
            # why: what is set to weights alone is one column, the same for all sequences.
            vectors |= {name: v.expand(-1, x.shape[1]) for name, v in vectors.items() if v.shape[1] != x.shape[1]}
            if watch is not None:
                watch(Moment(stacked=level.stacked, direction=level.direction, t=t, vectors=vectors))
            after = tuple(cast(Tensor, vectors[name]).T for name in cell.states)
            return cast(Tensor, vectors[cell.output]).T, after

        return step


class EquationModule(nn.Module):
    """A layer of one equation, computed from that: (*, H_in) -> (*, H_out), with torch's parameter names.

    functions: what the functions of the equation are.
    """

    functions: Mapping[str, Callable[..., Tensor]] = MappingProxyType({**COLUMNS, **OF_TWO})

    def __init__(self, layer: EquationLayer, *, device: torch.device | None = None) -> None:
        super().__init__()
        self.layer = layer
        for weight in layer.weights("float32"):
            self.register_parameter(weight.name, nn.Parameter(torch.zeros(weight.shape, device=device)))
        for buffer in layer.buffers("float32"):
            self.register_buffer(buffer.name, torch.zeros(buffer.shape, device=device))
        if isinstance(threshold := getattr(layer, "threshold", None), float):
            # why: beyond it torch's softplus is the identity, which has no place in the equation.
            self.functions = {**self.functions, "softplus": lambda values: softplus(values, threshold=threshold)}

    def outside(self, x: Tensor) -> dict[str, Tensor]:
        """What the equation reads besides a token's features and the weights; x: (H_in, tokens)."""
        return {}

    def forward(self, input: Tensor) -> Tensor:
        """(*, H_in) -> (*, H_out)."""
        x = input.reshape(-1, input.shape[-1]).T
        given = {"x": x, **{name: values.unsqueeze(1) for name, values in self.outside(x).items()}}
        for weight in self.layer.weights("float32"):
            values = self.get_parameter(weight.name)
            given[weight.symbol] = values if values.dim() == 2 else values.unsqueeze(1)
        (result,) = evaluate.step(self.layer.cell, given, self.functions).values()
        return cast(Tensor, result).T.reshape(*input.shape[:-1], -1)


class BatchNormModule(EquationModule):
    """A BatchNorm1d, computed from its equations; in training mode its running statistics move with every call.

    stored: what the batch's own statistics become where a module stores them, as rounding does.
    """

    stored: Callable[[Tensor], Tensor] = staticmethod(lambda values: values)
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    @override
    def outside(self, x: Tensor) -> dict[str, Tensor]:
        """The running statistics in eval mode; in training mode, and where none are kept, those of the batch."""
        assert isinstance(self.layer, BatchNorm1d)
        if self.layer.track_running_stats and not self.training:
            return {"mean": self.running_mean, "var": self.running_var}
        mean = self.stored(x.mean(1))
        var = self.stored(((x - mean.unsqueeze(1)) ** 2).mean(1))
        if self.layer.track_running_stats:
            self._move(self.layer.momentum, mean.detach(), var.detach() * x.shape[1] / (x.shape[1] - 1))
        return {"mean": mean, "var": var}

    def _move(self, momentum: float | None, mean: Tensor, var: Tensor) -> None:
        """The running statistics after a batch. var: divided by one less than there are rows."""
        # why not in place: in float64 on the CPU they are the module's own.
        self.num_batches_tracked = self.num_batches_tracked + 1
        share = 1 / float(self.num_batches_tracked) if momentum is None else momentum
        self.running_mean = (1 - share) * self.running_mean + share * mean
        self.running_var = (1 - share) * self.running_var + share * var


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
