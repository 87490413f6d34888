"""Recurrences run step by step on tensors: torch's cells looped over L, and equations evaluated as written.

`EquationRNN` is how a kind that torch lacks is run (JordanRNN), and the reference that torch's own layers are
held against: it has their parameter names and their interface, but computes from the text of the equations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.cells import evaluate
from rnninspect.cells.packs import packs
from rnninspect.layers.families import CellLayer
from rnninspect.layers.linear import Linear
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.weights import torch_name

States = tuple[Tensor, ...]
Flow = Tensor | PackedSequence
# One step: x of the rows that are still running, their states -> their new states; the first is the output.
Step = Callable[[Tensor, States], States]


class Moment(NamedTuple):
    """One step of one stacked layer in one direction, as it was computed.

    t: the position in the sequence, 0 to L-1, whichever way the layer reads it.
    vectors: every vector that the equations assign, by name, each (H, B) for the B sequences that are running.
    """

    stacked: int
    direction: int
    t: int
    vectors: Mapping[str, Tensor]


Watch = Callable[[Moment], None]

FUNCTIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


def unroll(step: Step, inputs: Sequence[Tensor], states: States) -> tuple[list[Tensor], States]:
    """Run `step` over `inputs`, one a time step, each (B, H_in) or, unbatched, (H_in,).

    In a packed batch B falls (or, reversed, rises) from step to step: the rows beyond B keep their states.
    Returns the output of every step and the states after the last.
    """
    outputs = []
    for x in inputs:
        running = x.shape[0] if x.dim() > 1 else None
        # why not always a slice: its gradient is laid out anew, which makes the products of the step before slow.
        here = states if running in (None, len(states[0])) else tuple(state[:running] for state in states)
        after = step(x, here)
        outputs.append(after[0])
        if running is None:
            states = after
        else:
            states = tuple(
                torch.cat([new, old[running:]]) if len(new) < len(old) else new
                for new, old in zip(after, states, strict=True)
            )
    return outputs, states


def cell_step(module: Callable[..., Tensor | States]) -> Step:
    """The step of a torch.nn cell; LSTMCell takes and gives a pair, the others one state."""

    def step(x: Tensor, states: States) -> States:
        after = module(x, states if len(states) > 1 else states[0])
        return after if isinstance(after, tuple) else (after,)

    return step


def run_cell(step: Step, x: Tensor | PackedSequence, states: States) -> tuple[Tensor | PackedSequence, States]:
    """A cell over a whole input, packed or with L first; states are (N, H), in the order of the batch."""
    if isinstance(x, PackedSequence):
        outputs, after = unroll(step, torch.split(x.data, x.batch_sizes.tolist()), _reordered(states, x.sorted_indices))
        packed = PackedSequence(torch.cat(outputs), x.batch_sizes, x.sorted_indices, x.unsorted_indices)
        return packed, _reordered(after, x.unsorted_indices)
    outputs, after = unroll(step, x.unbind(0), states)
    return torch.stack(outputs), after


class EquationRNN(nn.Module):
    """A recurrent layer computed from its equations, with torch.nn.RNN's interface.

    forward(input, state) -> (output, state): input (L, N, H_in), (N, L, H_in) with batch_first, (L, H_in) or a
    PackedSequence; each state (num_layers*D, N, H), (N, H) for a cell; one state is a tensor, several a tuple.
    Parameters carry torch's names, so `load_state_dict` of the torch module fits. Dropout is left out.
    watch, where given to forward, is called with every step as soon as it is computed.
    """

    def __init__(
        self, layer: Recurrent, *, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.layer = layer
        self.batch_first = getattr(layer, "batch_first", False)
        self.functions: Mapping[str, Callable[[Tensor], Tensor]] = FUNCTIONS
        for weight in layer.weights("float32"):
            values = torch.empty(weight.shape, device=device, dtype=dtype)
            self.register_parameter(weight.name, nn.Parameter(values))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every parameter from torch's own law, U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)).

        The laws of an `init` block come after it, as they do for torch's modules: see `initial`.
        """
        bound = 1 / math.sqrt(self.layer.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, input: Flow, state: Tensor | States, watch: Watch | None = None) -> tuple[Flow, Tensor | States]:
        """Run the layer over a whole input; shapes as the class says."""
        given = (state,) if isinstance(state, Tensor) else state
        output: Flow
        if isinstance(input, PackedSequence):
            steps = list(torch.split(input.data, input.batch_sizes.tolist()))
            outputs, after = self._stack(steps, _reordered(given, input.sorted_indices, self._batch_axis), watch)
            after = _reordered(after, input.unsorted_indices, self._batch_axis)
            output = PackedSequence(torch.cat(outputs), input.batch_sizes, input.sorted_indices, input.unsorted_indices)
        elif input.dim() == 2:
            outputs, after = self._stack(
                [x.unsqueeze(0) for x in input], tuple(s.unsqueeze(self._batch_axis) for s in given), watch
            )
            output = torch.cat(outputs)
            after = tuple(s.squeeze(self._batch_axis) for s in after)
        else:
            time_axis = 1 if self.batch_first else 0
            outputs, after = self._stack(list(input.unbind(time_axis)), given, watch)
            output = torch.stack(outputs, time_axis)
        return output, after if len(after) > 1 else after[0]

    @property
    def _batch_axis(self) -> int:
        return 0 if isinstance(self.layer, CellLayer) else 1

    def _stack(self, steps: list[Tensor], states: States, watch: Watch | None) -> tuple[list[Tensor], States]:
        """All stacked layers, both directions; each state (num_layers*D, N, H) or, for a cell, (N, H)."""
        if isinstance(self.layer, CellLayer):
            return unroll(self._step(0, 0, "", range(len(steps)), watch), steps, states)
        final: list[States] = []
        for k in range(self.layer.depth):
            by_direction = []
            for direction in range(self.layer.directions):
                ordered = steps[::-1] if direction else steps
                row = self.layer.directions * k + direction
                times = range(len(steps))[:: -1 if direction else 1]
                step = self._step(k, direction, f"_l{k}" + "_reverse" * direction, times, watch)
                outputs, after = unroll(step, ordered, tuple(state[row] for state in states))
                by_direction.append(outputs[::-1] if direction else outputs)
                final.append(after)
            steps = [torch.cat(both, dim=-1) for both in zip(*by_direction, strict=True)]
        return steps, tuple(torch.stack(parts) for parts in zip(*final, strict=True))

    def _step(self, k: int, direction: int, suffix: str, times: Iterable[int], watch: Watch | None) -> Step:
        """One step of stacked layer `k`, evaluated from the text; a column of each vector is one sequence.

        times: the position of every step in the order in which they are run.
        """
        cell = self.layer.cell
        weights: dict[str, Tensor] = {}
        for pack in packs(cell, self.layer.declared(k)):
            parameter = self.get_parameter(torch_name(pack.symbol) + suffix)
            columns = parameter if parameter.dim() == 2 else parameter.unsqueeze(1)
            weights |= zip(pack.blocks, columns.chunk(len(pack.blocks)), strict=True)

        ahead = iter(times)

        def step(x: Tensor, states: States) -> States:
            # why contiguous: a product with the transposed layout, and above all its gradient, is ten times slower.
            given = dict(zip(cell.states, (state.T.contiguous() for state in states), strict=True))
            after = evaluate.step(cell, weights | given | {"x": x.T.contiguous()}, self.functions)
            if watch is not None:
                watch(Moment(stacked=k, direction=direction, t=next(ahead), vectors=after))
            return tuple(cast(Tensor, after[name]).T for name in cell.states)

        return step


class EquationLinear(nn.Module):
    """torch.nn.Linear computed from its equation: (*, H_in) -> (*, H_out), with torch's parameter names."""

    def __init__(self, layer: Linear, *, device: torch.device | None = None) -> None:
        super().__init__()
        self.layer = layer
        for weight in layer.weights("float32"):
            self.register_parameter(weight.name, nn.Parameter(torch.zeros(weight.shape, device=device)))

    def forward(self, input: Tensor) -> Tensor:
        """(*, H_in) -> (*, H_out)."""
        given: dict[str, Tensor] = {"x": input.reshape(-1, input.shape[-1]).T}
        for weight in self.layer.weights("float32"):
            values = self.get_parameter(weight.name)
            given[weight.symbol] = values if values.dim() == 2 else values.unsqueeze(1)
        (result,) = evaluate.step(self.layer.cell, given, FUNCTIONS).values()
        return cast(Tensor, result).T.reshape(*input.shape[:-1], -1)


def _reordered(states: States, order: Tensor | None, axis: int = 0) -> States:
    return states if order is None else tuple(state.index_select(axis, order) for state in states)
