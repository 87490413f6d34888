"""Recurrences run step by step on tensors: torch's cells looped over L, and layers defined by their equations.

`RecurrentModule` is what a layer of equations has of torch.nn.RNN whichever way its steps are worked out: see
`ahead.EquationRNN`, which is trained with, and `plain.PlainRNN`, which is held against it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from rnninspect.cells.packs import packs
from rnninspect.layers.families import CellLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.weights import first_of, torch_name

States = tuple[Tensor, ...]
Flow = Tensor | PackedSequence
# One step: its position in the sequence, and the states of the rows that are running -> their output and new states.
Step = Callable[[int, States], tuple[Tensor, States]]


class Level(NamedTuple):
    """One stacked layer in one direction; suffix: of its parameters' names, `_l0_reverse`."""

    stacked: int
    direction: int
    suffix: str


class Block(NamedTuple):
    """A weight of the equations: so many rows of a parameter, from `start` on."""

    parameter: Tensor
    start: int
    rows: int

    @property
    def values(self) -> Tensor:
        """The weight itself."""
        return self.parameter.narrow(0, self.start, self.rows)


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


class Pace(NamedTuple):
    """How a tensor of whole sequences is cut into steps: along an axis, or, packed, into so many rows each."""

    axis: int
    rows: Sequence[int] | None = None

    def cut(self, data: Tensor) -> Sequence[Tensor]:
        """The steps, each (B, H)."""
        return data.unbind(self.axis) if self.rows is None else torch.split(data, list(self.rows))

    def join(self, steps: Sequence[Tensor]) -> Tensor:
        """What `cut` has cut."""
        return torch.stack(list(steps), self.axis) if self.rows is None else torch.cat(list(steps))


def unroll(
    step: Step, length: int, states: States, *, rows: Sequence[int] | None = None, reverse: bool = False
) -> tuple[list[Tensor], States]:
    """Run `step` at every position, from the last to the first where `reverse`; states are (B, H) or (H,).

    rows: how many sequences run at each position of a packed batch: the rows beyond them keep their states.
    Returns the output of every position, in order, and the states after the step that was run last.
    """
    outputs = []
    for t in range(length)[:: -1 if reverse else 1]:
        # why not always a slice: its gradient is laid out anew, which makes the products of the step before slow.
        if rows is None or rows[t] == len(states[0]):
            output, states = step(t, states)
        else:
            output, after = step(t, tuple(state[: rows[t]] for state in states))
            states = tuple(torch.cat([new, old[rows[t] :]]) for new, old in zip(after, states, strict=True))
        outputs.append(output)
    return outputs[:: -1 if reverse else 1], states


def run_cell(module: Callable[..., Tensor | States], flow: Flow, states: States) -> tuple[Flow, States]:
    """A torch.nn cell over a whole input, packed or with L first; states are (N, H), in the order of the batch.

    LSTMCell takes and gives a pair, the others one state.
    """
    pace, data, states = _paced(flow, 0), data_of(flow), _sorted(states, flow, 0)
    inputs = pace.cut(data)

    def step(t: int, states: States) -> tuple[Tensor, States]:
        after = module(inputs[t], states if len(states) > 1 else states[0])
        after = after if isinstance(after, tuple) else (after,)
        return after[0], after

    outputs, after = unroll(step, len(inputs), states, rows=pace.rows)
    return with_data(flow, pace.join(outputs)), _unsorted(after, flow, 0)


class RecurrentModule(nn.Module):
    """A recurrent layer of equations, with torch.nn.RNN's interface.

    forward(input, state) -> (output, state): input (L, N, H_in), (N, L, H_in) with batch_first, (L, H_in) or a
    PackedSequence; each state (num_layers*D, N, H), (N, H) for a cell; one state is a tensor, several a tuple.
    States that are learned are not given, and come out as all do.
    Parameters carry torch's names, so `load_state_dict` of the torch module fits.
    dropout: between stacked layers, in training; none unless it is set.
    watch, where given to forward, is called with every step as soon as it is computed.
    """

    def __init__(
        self, layer: Recurrent, *, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.layer = layer
        self.dropout = 0.0
        self.batch_first = getattr(layer, "batch_first", False)
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
        axis = 0 if isinstance(self.layer, CellLayer) else 1
        if isinstance(input, Tensor) and input.dim() == 2:
            output, after = self._stack(input.unsqueeze(1), Pace(0), tuple(s.unsqueeze(axis) for s in given), watch)
            return output.squeeze(1), _one_or_all(tuple(state.squeeze(axis) for state in after))
        pace = _paced(input, 1 if self.batch_first else 0)
        output, after = self._stack(data_of(input), pace, _sorted(given, input, axis), watch)
        return with_data(input, output), _one_or_all(_unsorted(after, input, axis))

    def _stack(self, data: Tensor, pace: Pace, states: States, watch: Watch | None) -> tuple[Tensor, States]:
        """All stacked layers, both directions; each state (num_layers*D, N, H) or, for a cell, (N, H)."""
        if isinstance(self.layer, CellLayer):
            return self._run(Level(0, 0, ""), data, pace, states, watch)
        final: list[States] = []
        for k in range(self.layer.depth):
            if k and self.dropout:
                data = functional.dropout(data, self.dropout, self.training)
            outputs = []
            for direction in range(self.layer.directions):
                level = Level(k, direction, f"_l{k}" + "_reverse" * direction)
                output, after = self._run(level, data, pace, tuple(state[len(final)] for state in states), watch)
                outputs.append(output)
                final.append(after)
            data = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
        return data, tuple(torch.stack(parts) for parts in zip(*final, strict=True))

    def _run(
        self, level: Level, data: Tensor, pace: Pace, states: States, watch: Watch | None
    ) -> tuple[Tensor, States]:
        step = self.step_of(level, data, pace, watch)
        states = self._with_learned(level, states, data.shape[1 - pace.axis] if pace.rows is None else pace.rows[0])
        length = data.shape[pace.axis] if pace.rows is None else len(pace.rows)
        outputs, after = unroll(step, length, states, rows=pace.rows, reverse=level.direction == 1)
        return pace.join(outputs), after

    def _with_learned(self, level: Level, given: States, size: int) -> States:
        """The states of a level before its first step, for so many sequences, in the order of the equations."""
        rest, learned = iter(given), self.layer.learned
        return tuple(
            self.get_parameter(first_of(state) + level.suffix).expand(size, -1) if state in learned else next(rest)
            for state in self.layer.cell.states
        )

    @abstractmethod
    def step_of(self, level: Level, data: Tensor, pace: Pace, watch: Watch | None) -> Step:
        """A step of one level, which reads `data` cut into steps."""

    def blocks(self, level: Level) -> dict[str, Block]:
        """Where every weight of a level's equations is, by its name in them."""
        blocks: dict[str, Block] = {}
        for pack in packs(self.layer.cell, self.layer.declared(level.stacked)):
            parameter = self.get_parameter(torch_name(pack.symbol) + level.suffix)
            rows = parameter.shape[0] // len(pack.blocks)
            blocks |= {block: Block(parameter, k * rows, rows) for k, block in enumerate(pack.blocks)}
        return blocks


def data_of(flow: Flow) -> Tensor:
    """The numbers of a flow, packed or not."""
    return flow.data if isinstance(flow, PackedSequence) else flow


def with_data(flow: Flow, data: Tensor) -> Flow:
    """The same flow with other numbers."""
    return flow._replace(data=data) if isinstance(flow, PackedSequence) else data


def _paced(flow: Flow, axis: int) -> Pace:
    return Pace(axis, flow.batch_sizes.tolist()) if isinstance(flow, PackedSequence) else Pace(axis)


def _sorted(states: States, flow: Flow, axis: int) -> States:
    return _reordered(states, flow.sorted_indices, axis) if isinstance(flow, PackedSequence) else states


def _unsorted(states: States, flow: Flow, axis: int) -> States:
    return _reordered(states, flow.unsorted_indices, axis) if isinstance(flow, PackedSequence) else states


def _reordered(states: States, order: Tensor | None, axis: int) -> States:
    return states if order is None else tuple(state.index_select(axis, order) for state in states)


def _one_or_all(states: States) -> Tensor | States:
    return states if len(states) > 1 else states[0]
