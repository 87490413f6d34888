"""Equations evaluated as they are written, step by step: what all else that runs a layer is held against.

It knows nothing of how a layer may be run faster, and has nothing of `ahead` but the interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from typing_extensions import override

from rnninspect.cells import evaluate
from rnninspect.layers.pointwise import EquationLayer
from rnninspect.runtime.functions import COLUMNS, OF_TWO
from rnninspect.runtime.recurrence import Level, Moment, Pace, RecurrentModule, States, Step, Watch


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
        if isinstance(threshold := getattr(layer, "threshold", None), float):
            # why: beyond it torch's softplus is the identity, which has no place in the equation.
            self.functions = {**self.functions, "softplus": lambda values: softplus(values, threshold=threshold)}

    def forward(self, input: Tensor) -> Tensor:
        """(*, H_in) -> (*, H_out)."""
        given: dict[str, Tensor] = {"x": input.reshape(-1, input.shape[-1]).T}
        for weight in self.layer.weights("float32"):
            values = self.get_parameter(weight.name)
            given[weight.symbol] = values if values.dim() == 2 else values.unsqueeze(1)
        (result,) = evaluate.step(self.layer.cell, given, self.functions).values()
        return cast(Tensor, result).T.reshape(*input.shape[:-1], -1)
