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

Where the state is made of one vector alone, as Jordan's output is of what is hidden, that is a box below its own:

             ┌─┴─┐
             │ y │─(5,)─┐
             └─┬─┘      │
               ↑ (20,)  │
             ┌─┴─┐      │  ┌─┴─┐
      ─(5,)→│ h │      └─→│ h │
             └─┬─┘         └─┬─┘
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.letters import DIRECTIONS
from rnninspect.study.unrolled import Unrolled

_DOTS = " ··· "
_DROPOUT = "dropout"


def draw(unrolled: Unrolled) -> tuple[str, ...]:
    """The picture's lines, for one sequence."""
    steps = unrolled.drawn
    picture = _Picture(unrolled, _places_of(unrolled, steps), _Canvas())
    picture.above_columns(0, [unrolled.output_at(step) for step in steps])
    row = 1
    layers = unrolled.layers
    for layer in reversed(layers):
        row = picture.layer(row, layer)
        if layer and layer - 1 not in layers:
            row = picture.left_out(row)
    picture.upwards(row, unrolled.features)
    picture.above_columns(row + 1, [f"x_{step}" if isinstance(step, int) else f"x_{{{step}}}" for step in steps])
    return picture.canvas.lines()


def size_text(width: int) -> str:
    """The shape of a vector, as Python writes it."""
    return f"({width},)"


def _name(layer: int) -> str:
    return f"layer {layer}"


# --- where things stand -----------------------------------------------------------------------------------


class _Places(NamedTuple):
    """Places and widths. columns: of each step its forward box's left side, from which the next four count.

    centre: of the forward box; shift: to the reverse box; middle: where both meet, above and below; right: of the
    last column, to the final states. box: the width of one; edge: the least width of an edge with its size.
    dots: steps are left out before the last. turn: to where a state goes down to the box of the next step.
    """

    columns: tuple[int, ...]
    centre: int
    shift: int
    middle: int
    right: int
    box: int
    edge: int
    dots: bool
    turn: int


def _places_of(unrolled: Unrolled, steps: Sequence[int | str]) -> _Places:
    inner, below = unrolled.inner or ("", 0)
    box = max(len(state) for state in (inner, *(state for state, _ in unrolled.states))) + 4
    centre = box // 2
    shift = (box + 1) * (unrolled.directions - 1)
    edge = max(len(size_text(width)) for _, width in unrolled.states) + 2
    middle = shift // 2 + centre
    start = max(max(map(len, _gutter(unrolled))) + edge, len(unrolled.left_out) + 1 - middle)
    beside = [f"↑ {size_text(width)}" for width in (unrolled.features, unrolled.above)]
    over = [unrolled.output_at(step) for step in steps]
    # why the second: an edge's size stands beside the line that crosses it, not on it.
    pitch = max(box + edge, (shift + centre + 1 + edge) * (shift > 0), *(len(text) + 2 for text in (*beside, *over)))
    turn = max(box + edge, centre + len(f"↑ {size_text(below)}") + 1)
    pitch = max(pitch, turn + len("└─→")) if inner else pitch
    dots = unrolled.has_gap
    columns = [start + pitch * k for k in range(len(steps))]
    columns[-1] += (len(_DOTS) + 1) * dots
    return _Places(
        columns=tuple(columns),
        centre=centre,
        shift=shift,
        middle=middle,
        right=shift + box + edge,
        box=box,
        edge=edge,
        dots=dots,
        turn=turn,
    )


def _gutter(unrolled: Unrolled) -> Iterator[str]:
    """Everything that may stand on the left."""
    yield from (
        unrolled.row_of(state, time, unrolled.depth - 1, unrolled.directions - 1)
        for state, _ in unrolled.states
        for time in "0n"
    )
    if unrolled.directions > 1:
        yield from DIRECTIONS
    if unrolled.depth > 1:
        yield _name(unrolled.depth - 1)
        yield _DROPOUT * unrolled.dropout


class _Canvas:
    """Characters by place; where lines cross both are seen."""

    def __init__(self) -> None:
        self._characters: dict[tuple[int, int], str] = {}

    def put(self, row: int, column: int, text: str) -> None:
        for place, sign in enumerate(text, start=column):
            there = self._characters.get((row, place), " ")
            self._characters[row, place] = "┼" if {there, sign} == {"─", "│"} else sign

    def lines(self) -> tuple[str, ...]:
        height = max(row for row, _ in self._characters) + 1
        width = max(column for _, column in self._characters) + 1
        rows = ("".join(self._characters.get((row, column), " ") for column in range(width)) for row in range(height))
        return tuple(row.rstrip() for row in rows)


# --- the parts --------------------------------------------------------------------------------------------


class _Picture(NamedTuple):
    """A picture that is being drawn, from the top row down."""

    unrolled: Unrolled
    places: _Places
    canvas: _Canvas

    def above_columns(self, row: int, texts: Sequence[str]) -> None:
        """A text for each step, centred on its column."""
        for column, text in zip(self.places.columns, texts, strict=True):
            self.canvas.put(row, max(0, column + self.places.middle - (len(text) - 1) // 2), text)

    def upwards(self, row: int, width: int) -> None:
        """What each step hands upwards."""
        for column in self.places.columns:
            self.canvas.put(row, column + self.places.middle, f"↑ {size_text(width)}")

    def left_out(self, row: int) -> int:
        """A line for the layers that are not drawn; returns the row below."""
        self._between(row)
        self.canvas.put(row + 1, 0, self.unrolled.left_out)
        self.above_columns(row + 1, ["⋮"] * len(self.places.columns))
        return row + 2

    def layer(self, row: int, layer: int) -> int:
        """One stacked layer, from what it puts out down to where it is fed; returns the row below it."""
        if layer < self.unrolled.depth - 1:
            self._between(row)
        self.upwards(row, self.unrolled.above)
        if self.unrolled.depth > 1:
            self.canvas.put(row + 1, 0, _name(layer))
        if self.unrolled.directions > 1:
            return self._both(row + 1, layer)
        return self._boxes(row + 1, layer, 0) if self.unrolled.inner is None else self._above(row + 1, layer)

    def _between(self, row: int) -> None:
        """What goes from one layer to the next."""
        self.upwards(row, self.unrolled.above)
        self.canvas.put(row, 0, _DROPOUT * self.unrolled.dropout)

    def _above(self, row: int, layer: int) -> int:
        """The state's boxes above those of what it is made of, and its way down to the next step's."""
        places, canvas, (state, width) = self.places, self.canvas, self.unrolled.states[0]
        inner, inner_width = self.unrolled.inner or ("", 0)
        size, first, last = size_text(width), places.columns[0], places.columns[-1]
        for column in places.columns:
            self._box(row, column, [state])
            canvas.put(row + 3, column + places.centre, f"↑ {size_text(inner_width)}")
            self._box(row + 4, column, [inner])
        started, ended = (self.unrolled.row_of(state, time, layer, 0) for time in "0n")
        canvas.put(row + 5, first - places.edge - len(started), f"{started}{f'{size}→':─>{places.edge}}")
        canvas.put(row + 1, last + places.box, f"{f'{size}→':─>{places.edge}}{ended}")
        for column, following in zip(places.columns, places.columns[1:], strict=False):
            turn = column + places.turn
            canvas.put(row + 1, column + places.box, f"─{size}".ljust(places.turn - places.box, "─") + "┐")
            for line in range(row + 2, row + 5):
                canvas.put(line, turn, "│")
            dots = f"{_DOTS}→" if places.dots and following == last else ""
            canvas.put(row + 5, turn, f"└{'→':─>{following - turn - 1 - len(dots)}}{dots}")
        return row + 7

    def _both(self, row: int, layer: int) -> int:
        """Both directions: what they put out meets above them, and what they are fed with parts below."""
        places, canvas = self.places, self.canvas
        between = self._boxes(row + 2, layer, 1)
        bottom = self._boxes(between + 1, layer, 0)
        for direction, line in enumerate((between + 1, row + 2)):
            canvas.put(line, 0, DIRECTIONS[direction])
        size = size_text(self.unrolled.output[1])
        for column in places.columns:
            left, right = column + places.centre, column + places.shift + places.centre
            for line, corners, meeting in ((row, "┌┐", "┴"), (bottom, "└┘", "┬")):
                canvas.put(line, left, corners[0] + "─" * (right - left - 1) + corners[1])
                canvas.put(line, column + places.middle, meeting)
            for line in range(row + 1, between + 1):
                canvas.put(line, left, "│")
            for line in (row + 1, *range(between, bottom)):
                canvas.put(line, right, "│")
            canvas.put(row + 1, right + 2, size)
            canvas.put(between, left - len(size), size)
        return bottom + 1

    def _boxes(self, row: int, layer: int, direction: int) -> int:
        """The boxes of one direction and the edges between them; returns the row below."""
        places, canvas = self.places, self.canvas
        for number, (state, width) in enumerate(self.unrolled.states, start=1):
            started, ended = (self.unrolled.row_of(state, time, layer, direction) for time in "0n")
            left, right = (ended, started) if direction else (started, ended)
            start, end = places.columns[0] - places.edge, places.columns[-1] + places.right
            canvas.put(row + number, start - len(left), left)
            canvas.put(row + number, end, right)
            self._edges(row + number, start, end, size_text(width), direction)
        for column in places.columns:
            self._box(row, column + places.shift * direction, [state for state, _ in self.unrolled.states])
        return row + len(self.unrolled.states) + 2

    def _box(self, row: int, column: int, names: Sequence[str]) -> None:
        """A box with a name in each line, entered below and left above."""
        places, side, bottom = self.places, "─" * (self.places.box - 2), row + len(names) + 1
        for number, name in enumerate(names, start=1):
            self.canvas.put(row + number, column, f"│{name:^{places.box - 2}}│")
        for line, text, joint in ((row, f"┌{side}┐", "┴"), (bottom, f"└{side}┘", "┬")):
            self.canvas.put(line, column, text)
            self.canvas.put(line, column + places.centre, joint)

    def _edges(self, row: int, start: int, end: int, size: str, direction: int) -> None:
        """A state's way from `start` over the steps to `end`, or back; its size stands where nothing crosses it."""
        places = self.places
        boxes = [column + places.shift * direction for column in places.columns]
        gaps = list(zip((start, *(box + places.box for box in boxes)), (*boxes, end), strict=True))
        for number, (left, right) in enumerate(gaps):
            text = f"←{size}".ljust(right - left, "─") if direction else f"{size}→".rjust(right - left, "─")
            if places.dots and number == len(gaps) - 2:
                cut = len(_DOTS) + 1
                text = f"←{_DOTS}{text[:-cut]}" if direction else f"{text[cut:]}{_DOTS}→"
            self.canvas.put(row, left, text)
