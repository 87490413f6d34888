"""What a picture of a layer shows: its steps, its stack, and what goes from box to box."""

from __future__ import annotations

from typing import NamedTuple

from rnninspect.cells.notation import Shapes
from rnninspect.cells.tree import Cell, Value, walk
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal


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
