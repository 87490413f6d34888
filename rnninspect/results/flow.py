"""A layer drawn as it is unrolled: time from left to right, stacked layers upwards, a size on every edge.

                  output[0]   output[1]         output[19]
                     ↑ (20,)     ↑ (20,)           ↑ (20,)
    layer 0        ┌─┴─┐       ┌─┴─┐             ┌─┴─┐
     h_0[0]─(20,)→│ h │─(20,)→│ h │─(20,)→ ··· →│ h │─(20,)→h_n[0]
                   └─┬─┘       └─┬─┘             └─┬─┘
                     ↑ (10,)     ↑ (10,)           ↑ (10,)
                    x_0         x_1               x_19

In both directions the boxes of the reverse one stand above and beside the forward one's, so that x_t reaches both
and both reach the output:

                ↑ (40,)
             ┌──┴──┐
             │     │ (20,)
             │   ┌─┴─┐
    ←(20,)───┼───│ h │←─     reverse
             │   └─┬─┘
        (20,)│     │
           ┌─┴─┐   │
    ─────→│ h │───┼─(20,)→   forward
           └─┬─┘   │
             └──┬──┘
                ↑ (10,)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.letters import DIRECTIONS
from rnninspect.study.explain import DataFlow

_DOTS = " ··· "
_MOST_LAYERS = 3  # more than so many are drawn as the last and the first
_DROPOUT = "dropout"


def draw(flow: DataFlow) -> tuple[str, ...]:
    """The picture's lines, for one sequence."""
    steps = sorted({0, min(1, flow.steps - 1), flow.steps - 1})
    drawing = _Drawing(flow, _grid(flow, steps), _Canvas())
    drawing.above_columns(0, [output_at(flow, step) for step in steps])
    row = 1
    layers = list(range(flow.depth)) if flow.depth <= _MOST_LAYERS else [0, flow.depth - 1]
    for layer in reversed(layers):
        row = drawing.layer(row, layer)
        if layer and layer - 1 not in layers:
            row = drawing.left_out(row)
    drawing.upwards(row, flow.features)
    drawing.above_columns(row + 1, [f"x_{step}" for step in steps])
    return drawing.canvas.lines()


def output_at(flow: DataFlow, step: int) -> str:
    """What of the output is of one step, as Python writes it."""
    return f"output[:, {step}]" if flow.batch_first else f"output[{step}]"


def _size(width: int) -> str:
    return f"({width},)"


def _name(layer: int) -> str:
    return f"layer {layer}"


def _left_out(flow: DataFlow) -> str:
    """The layers that are not drawn, between the two that are."""
    return f"{flow.depth - 2:,} more alike" if flow.depth > _MOST_LAYERS else ""


def _state(flow: DataFlow, state: str, time: str, layer: int, direction: int) -> str:
    """`h_0[3]`: torch's row of a layer and direction."""
    return f"{state}_{time}[{layer * flow.directions + direction}]" if flow.indexed else f"{state}_{time}"


# --- where things stand -----------------------------------------------------------------------------------


class _Grid(NamedTuple):
    """Places and widths. columns: of each step its forward box's left side, from which the next four count.

    centre: of the forward box; shift: to the reverse box; middle: where both meet, above and below; right: of the
    last column, to the final states. box: the width of one; edge: the least width of an edge with its size.
    dots: steps are left out before the last.
    """

    columns: tuple[int, ...]
    centre: int
    shift: int
    middle: int
    right: int
    box: int
    edge: int
    dots: bool


def _grid(flow: DataFlow, steps: Sequence[int]) -> _Grid:
    box = max(len(state) for state, _ in flow.states) + 4
    centre = box // 2
    shift = (box + 1) * (flow.directions - 1)
    edge = max(len(_size(width)) for _, width in flow.states) + 2
    middle = shift // 2 + centre
    start = max(max(map(len, _gutter(flow))) + edge, len(_left_out(flow)) + 1 - middle)
    beside = [f"↑ {_size(width)}" for width in (flow.features, flow.above)]
    over = [output_at(flow, step) for step in steps]
    # why the second: an edge's size stands beside the line that crosses it, not on it.
    pitch = max(box + edge, (shift + centre + 1 + edge) * (shift > 0), *(len(text) + 2 for text in (*beside, *over)))
    dots = steps[-1] > len(steps) - 1
    columns = [start + pitch * k for k in range(len(steps))]
    columns[-1] += (len(_DOTS) + 1) * dots
    return _Grid(tuple(columns), centre, shift, middle, shift + box + edge, box, edge, dots)


def _gutter(flow: DataFlow) -> Iterator[str]:
    """Everything that may stand on the left."""
    yield from (
        _state(flow, state, time, flow.depth - 1, flow.directions - 1) for state, _ in flow.states for time in "0n"
    )
    if flow.directions > 1:
        yield from DIRECTIONS
    if flow.depth > 1:
        yield _name(flow.depth - 1)
        yield _DROPOUT * flow.dropout


class _Canvas:
    """Characters by place; where lines cross both are seen."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], str] = {}

    def put(self, row: int, column: int, text: str) -> None:
        for place, sign in enumerate(text, start=column):
            there = self._places.get((row, place), " ")
            self._places[row, place] = "┼" if {there, sign} == {"─", "│"} else sign

    def lines(self) -> tuple[str, ...]:
        height = max(row for row, _ in self._places) + 1
        width = max(column for _, column in self._places) + 1
        rows = ("".join(self._places.get((row, column), " ") for column in range(width)) for row in range(height))
        return tuple(row.rstrip() for row in rows)


# --- the parts --------------------------------------------------------------------------------------------


class _Drawing(NamedTuple):
    """A picture that is being drawn, from the top row down."""

    flow: DataFlow
    grid: _Grid
    canvas: _Canvas

    def above_columns(self, row: int, texts: Sequence[str]) -> None:
        """A text for each step, centred on its column."""
        for column, text in zip(self.grid.columns, texts, strict=True):
            self.canvas.put(row, max(0, column + self.grid.middle - (len(text) - 1) // 2), text)

    def upwards(self, row: int, width: int) -> None:
        """What each step hands upwards."""
        for column in self.grid.columns:
            self.canvas.put(row, column + self.grid.middle, f"↑ {_size(width)}")

    def left_out(self, row: int) -> int:
        """A line for the layers that are not drawn; returns the row below."""
        self._between(row)
        self.canvas.put(row + 1, 0, _left_out(self.flow))
        self.above_columns(row + 1, ["⋮"] * len(self.grid.columns))
        return row + 2

    def layer(self, row: int, layer: int) -> int:
        """One stacked layer, from what it puts out down to where it is fed; returns the row below it."""
        if layer < self.flow.depth - 1:
            self._between(row)
        self.upwards(row, self.flow.above)
        if self.flow.depth > 1:
            self.canvas.put(row + 1, 0, _name(layer))
        return self._both(row + 1, layer) if self.flow.directions > 1 else self._boxes(row + 1, layer, 0)

    def _between(self, row: int) -> None:
        """What goes from one layer to the next."""
        self.upwards(row, self.flow.above)
        self.canvas.put(row, 0, _DROPOUT * self.flow.dropout)

    def _both(self, row: int, layer: int) -> int:
        """Both directions: what they put out meets above them, and what they are fed with parts below."""
        grid, canvas = self.grid, self.canvas
        between = self._boxes(row + 2, layer, 1)
        bottom = self._boxes(between + 1, layer, 0)
        for direction, line in enumerate((between + 1, row + 2)):
            canvas.put(line, 0, DIRECTIONS[direction])
        size = _size(self.flow.states[0][1])
        for column in grid.columns:
            left, right = column + grid.centre, column + grid.shift + grid.centre
            for line, corners, meeting in ((row, "┌┐", "┴"), (bottom, "└┘", "┬")):
                canvas.put(line, left, corners[0] + "─" * (right - left - 1) + corners[1])
                canvas.put(line, column + grid.middle, meeting)
            for line in range(row + 1, between + 1):
                canvas.put(line, left, "│")
            for line in (row + 1, *range(between, bottom)):
                canvas.put(line, right, "│")
            canvas.put(row + 1, right + 2, size)
            canvas.put(between, left - len(size), size)
        return bottom + 1

    def _boxes(self, row: int, layer: int, direction: int) -> int:
        """The boxes of one direction and the edges between them; returns the row below."""
        grid, canvas, bottom = self.grid, self.canvas, row + len(self.flow.states) + 1
        for number, (state, width) in enumerate(self.flow.states, start=1):
            started, ended = (_state(self.flow, state, time, layer, direction) for time in "0n")
            left, right = (ended, started) if direction else (started, ended)
            start, end = grid.columns[0] - grid.edge, grid.columns[-1] + grid.right
            canvas.put(row + number, start - len(left), left)
            canvas.put(row + number, end, right)
            self._edges(row + number, start, end, _size(width), direction)
            for column in grid.columns:
                canvas.put(row + number, column + grid.shift * direction, f"│{state:^{grid.box - 2}}│")
        side = "─" * (grid.box - 2)
        for column in grid.columns:
            box = column + grid.shift * direction
            for line, text, joint in ((row, f"┌{side}┐", "┴"), (bottom, f"└{side}┘", "┬")):
                canvas.put(line, box, text)
                canvas.put(line, box + grid.centre, joint)
        return bottom + 1

    def _edges(self, row: int, start: int, end: int, size: str, direction: int) -> None:
        """A state's way from `start` over the steps to `end`, or back; its size stands where nothing crosses it."""
        grid = self.grid
        boxes = [column + grid.shift * direction for column in grid.columns]
        gaps = list(zip((start, *(box + grid.box for box in boxes)), (*boxes, end), strict=True))
        for number, (left, right) in enumerate(gaps):
            text = f"←{size}".ljust(right - left, "─") if direction else f"{size}→".rjust(right - left, "─")
            if grid.dots and number == len(gaps) - 2:
                cut = len(_DOTS) + 1
                text = f"←{_DOTS}{text[:-cut]}" if direction else f"{text[cut:]}{_DOTS}→"
            self.canvas.put(row, left, text)
