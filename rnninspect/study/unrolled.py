"""What a picture of a layer shows: its steps, its stack, and what goes from box to box."""

from __future__ import annotations

from typing import NamedTuple

from rnninspect.cells.notation import Shapes
from rnninspect.cells.tree import Cell, Value, walk
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal

_MOST_LAYERS = 3  # more than so many are drawn as the last and the first


class Unrolled(NamedTuple):
    """The layer as it is unrolled, for one sequence.

    steps: None where nobody says how many. states: each with its width; output: what goes on to the next layer, with
    its width. features: the width of x_t; above: of what a whole layer, both directions, puts out. indexed: h_0 has an
    axis over layers and directions. inner: the vector below the only state where that is made of nothing else, with
    its width: h below Jordan's y.
    """

    steps: int | None
    depth: int
    directions: int
    states: tuple[tuple[str, int], ...]
    output: tuple[str, int]
    features: int
    above: int
    indexed: bool
    batch_first: bool
    dropout: bool
    inner: tuple[str, int] | None = None

    @property
    def last(self) -> int | str:
        """The last step."""
        return "L-1" if self.steps is None else self.steps - 1

    @property
    def drawn(self) -> list[int | str]:
        """The steps that are drawn: the first two, and the last."""
        if self.steps is None:
            return [0, 1, self.last]
        return sorted({0, min(1, self.steps - 1), self.steps - 1})

    @property
    def has_gap(self) -> bool:
        """Whether steps are left out before the last."""
        return self.drawn[-1] != len(self.drawn) - 1

    @property
    def layers(self) -> list[int]:
        """The stacked layers that are drawn: all, or of many the first and the last."""
        return list(range(self.depth)) if self.depth <= _MOST_LAYERS else [0, self.depth - 1]

    @property
    def left_out(self) -> str:
        """The layers that are not drawn, between the two that are."""
        return f"{self.depth - 2:,} more alike" if self.depth > _MOST_LAYERS else ""

    def output_at(self, step: int | str) -> str:
        """What of the output is of one step, as Python writes it."""
        return f"output[:, {step}]" if self.batch_first else f"output[{step}]"

    def row_of(self, state: str, time: str, layer: int, direction: int) -> str:
        """`h_0[3]`: torch's row of a layer and direction."""
        return f"{state}_{time}[{layer * self.directions + direction}]" if self.indexed else f"{state}_{time}"


def unrolled_layer(layer: Recurrent, cell: Cell, signal: Signal, shape: Shapes) -> Unrolled:
    """What the picture of a layer shows."""
    return Unrolled(
        steps=signal.batch.letters.get("L"),
        depth=layer.depth,
        directions=layer.directions,
        states=tuple((state, shape(cell.last(state))[0]) for state in cell.states),
        output=(cell.output, shape(cell.result)[0]),
        features=layer.width_in,
        above=layer.width_out,
        indexed=bool(layer.stack_axes),
        batch_first=signal.axes[:1] == ("N",),
        dropout=getattr(layer, "dropout", 0) > 0,
        inner=_inner(cell, shape),
    )


def _inner(cell: Cell, shape: Shapes) -> tuple[str, int] | None:
    if cell.states != (cell.output,):
        return None
    state = cell.output
    (made,) = (equation for equation in cell.equations if equation.target == cell.last(state))
    read = {node for node in walk(made.expression) if isinstance(node, Value)}
    if len(read) != 1:
        return None
    (vector,) = read
    return None if vector.name in ("x", state) else (vector.name, shape(vector)[0])
