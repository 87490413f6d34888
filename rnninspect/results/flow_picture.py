"""A layer as it is unrolled, in SVG: what `unrolled` draws with characters, in the colours of the pictures of cells.

Time runs from left to right and stacked layers stand above each other; a state's wire has its colour from step to
step. In both directions the reverse boxes stand above and beside the forward ones: x_t parts below, outputs meet above.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from rnninspect.letters import DIRECTIONS
from rnninspect.markup import Markup, tag
from rnninspect.results.unrolled import MOST_LAYERS, drawn, layers_left_out, output_at, state_at
from rnninspect.study.unrolled import Unrolled

# In pixels. A wire from step to step is as long as its size beside it needs, one between layers as an arrow is clear.
_BOX, _ROW, _PAD = 56.0, 22.0, 8.0
_EDGE, _GAP, _DOTS = 64.0, 44.0, 44.0
_BESIDE, _RISE, _TURN = 20.0, 38.0, 20.0  # between the boxes of two directions; to where their wires meet
_LETTER = 6.7  # of a name


class _Places(NamedTuple):
    """left: where names on the left end. columns: of each step its left side; right: where names on the right begin."""

    left: float
    columns: tuple[float, ...]
    right: float
    dots: bool


class _Ink:
    """What is drawn so far: wires below everything, then boxes and texts."""

    def __init__(self) -> None:
        self.wires: list[Markup] = []
        self.over: list[Markup] = []

    def wire(self, kind: str, *points: tuple[float, float], arrow: bool = True) -> None:
        """A wire along these points, with an arrowhead at its end."""
        path = "".join(f"{'L' if k else 'M'}{x:g} {y:g}" for k, (x, y) in enumerate(points))
        self.wires.append(tag("path", d=path, class_=f"wire {kind}"))
        if arrow:
            (x0, y0), (x, y) = points[-2:]
            along, across = (x > x0) - (x < x0), (y > y0) - (y < y0)
            back = x - 7 * along, y - 7 * across
            sides = [(back[0] + 3.5 * across * side, back[1] + 3.5 * along * side) for side in (1, -1)]
            head = "".join(f"L{at_x:g} {at_y:g}" for at_x, at_y in sides)
            self.over.append(tag("path", d=f"M{x:g} {y:g}{head}z", class_=f"fill {kind}"))

    def text(self, words: str, x: float, y: float, style: str = "s", anchor: str | None = None) -> None:
        """A text on its baseline."""
        self.over.append(tag("text", words, x=x, y=y, class_=style, text_anchor=anchor))

    def box(self, x: float, y: float, names: Sequence[str]) -> float:
        """A box with a name in each row; returns where it ends."""
        height = _height(len(names))
        self.over.append(tag("rect", x=x, y=y, width=_BOX, height=height, rx=5.0, class_="box"))
        for row, name in enumerate(names):
            self.text(name, x + _BOX / 2, y + _PAD + _ROW * row + 16, "n", "middle")
        return y + height


def flow_picture(unrolled: Unrolled, title: str, description: str) -> Markup:
    """The picture, for one sequence. description: what it shows, for who does not see it."""
    places, ink = _places(unrolled), _Ink()
    steps = drawn(unrolled)
    middles = [column + _middle(unrolled) for column in places.columns]
    for x, step in zip(middles, steps, strict=True):
        ink.text(output_at(unrolled, step), x, 12, anchor="middle")
    y = _stack(ink, unrolled, places, middles)
    for x, step in zip(middles, steps, strict=True):
        ink.wire("x", (x, y + _GAP), (x, y))
        ink.text(f"{unrolled.features}", x + 6, y + _GAP / 2 + 4)
        ink.text(f"x_{step}" if isinstance(step, int) else f"x_{{{step}}}", x, y + _GAP + 14, anchor="middle")
    width, height = places.right + places.left, y + _GAP + 22
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        *ink.wires,
        *ink.over,
        xmlns="http://www.w3.org/2000/svg",
        class_="rc",
        width=width,
        height=height,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=title,
    )


def _middle(unrolled: Unrolled) -> float:
    """Where a step is fed and what it puts out leaves, from its left side."""
    return _BOX / 2 + (_BOX + _BESIDE) / 2 * (unrolled.directions - 1)


def _stack(ink: _Ink, unrolled: Unrolled, places: _Places, middles: Sequence[float]) -> float:
    """The stacked layers from the last down, those between left out where they are many; returns where they end."""
    y = 20.0
    layers = list(range(unrolled.depth)) if unrolled.depth <= MOST_LAYERS else [0, unrolled.depth - 1]
    for layer in reversed(layers):
        y = _layer(ink, unrolled, places, layer, y)
        if layer and layer - 1 not in layers:
            ink.text(layers_left_out(unrolled), 0, y + 24, "o")
            for x in middles:
                ink.text("⋮", x, y + 24, "n", "middle")
            y += 36
    return y


def _height(rows: int) -> float:
    return 2 * _PAD + _ROW * rows


def _named(unrolled: Unrolled) -> float:
    """The room of the names on one side."""
    last = unrolled.depth - 1, unrolled.directions - 1
    names = [state_at(unrolled, state, time, *last) for state, _ in unrolled.states for time in "0n"]
    words = [*DIRECTIONS] * (unrolled.directions > 1) + ["dropout"] * unrolled.dropout + [layers_left_out(unrolled)]
    return max(map(len, [*names, *words])) * _LETTER + 8


def _places(unrolled: Unrolled) -> _Places:
    steps, left = drawn(unrolled), _named(unrolled)
    column = _BOX + (_BOX + _BESIDE) * (unrolled.directions - 1)
    pitch = column + _EDGE * (1.5 if unrolled.inner else 1)
    dots = steps[-1] != len(steps) - 1
    columns = [left + _EDGE + pitch * k for k in range(len(steps))]
    columns[-1] += _DOTS * dots
    return _Places(left, tuple(columns), right=columns[-1] + column + _EDGE, dots=dots)


def _layer(ink: _Ink, unrolled: Unrolled, places: _Places, layer: int, y: float) -> float:
    """One stacked layer, from what it hands upwards at `y` down to where it is fed; returns where that is."""
    top = y + _GAP
    if layer < unrolled.depth - 1 and unrolled.dropout:
        ink.text("dropout", 0, y + _GAP / 2 + 4, "o")
    if unrolled.depth > 1:
        ink.text(f"layer {layer}", 0, top - 2, "o")
    for column in places.columns:
        _up(ink, column + _middle(unrolled), y, top, unrolled.above)
    if unrolled.directions == 2:
        return _both(ink, unrolled, places, layer, top)
    return (_inner if unrolled.inner else _boxes)(ink, unrolled, places, layer, top)


def _both(ink: _Ink, unrolled: Unrolled, places: _Places, layer: int, y: float) -> float:
    """Both directions: what they put out meets above them, and what they are fed with parts below."""
    between = _boxes(ink, unrolled, places, layer, y + _TURN, direction=1)
    bottom = _boxes(ink, unrolled, places, layer, between + _RISE) + _TURN
    for direction, at in ((1, y + _TURN), (0, between + _RISE)):
        ink.text(DIRECTIONS[direction], places.left - 8, at + 2, "o", "end")
    kind = "new" if layer else "x"
    for column in places.columns:
        forward, reverse, middle = column + _BOX / 2, column + _BOX * 1.5 + _BESIDE, column + _middle(unrolled)
        ink.wire("new", (forward, between + _RISE), (forward, y), (reverse, y), (reverse, y + _TURN), arrow=False)
        for x, at in ((forward, between + _RISE - 6), (reverse, y + 14)):
            ink.text(f"{unrolled.output[1]}", x + 5, at)
        ink.wire(kind, (middle, bottom), (forward, bottom), (forward, bottom - _TURN))
        ink.wire(kind, (middle, bottom), (reverse, bottom), (reverse, between))
    return bottom


def _up(ink: _Ink, x: float, y: float, below: float, width: int) -> None:
    ink.wire("new", (x, below), (x, y))
    ink.text(f"{width}", x + 6, (y + below) / 2 + 4)


def _boxes(ink: _Ink, unrolled: Unrolled, places: _Places, layer: int, y: float, direction: int = 0) -> float:
    """The boxes of one direction and the wires between them; returns where they end."""
    left = [column + (_BOX + _BESIDE) * direction for column in places.columns]
    for row, (state, width) in enumerate(unrolled.states):
        middle = y + _PAD + _ROW * (row + 0.5)
        ends = [(places.left, places.left), *((x, x + _BOX) for x in left), (places.right, places.right)]
        gaps = [(start, end) for (_, start), (end, _) in pairwise(ends)]
        for number, (start, end) in enumerate(gaps):
            broken = places.dots and number == len(gaps) - 2
            _across(ink, (end, start) if direction else (start, end), middle, width, broken=broken)
        names = [state_at(unrolled, state, time, layer, direction) for time in ("n0" if direction else "0n")]
        ink.text(names[0], places.left - 5, middle + 4, anchor="end")
        ink.text(names[1], places.right + 5, middle + 4)
    return max(ink.box(x, y, [state for state, _ in unrolled.states]) for x in left)


def _across(ink: _Ink, way: tuple[float, float], y: float, width: int, *, broken: bool) -> None:
    """A state's wire from one box to the next, its size where nothing crosses it; broken: steps are left out."""
    start, end = way
    forth = 1 if end > start else -1
    if broken:
        # why at the end: there no other wire crosses.
        stop = end - forth * (_EDGE / 2 + _DOTS)
        ink.wire("old", (start, y), (stop, y), arrow=False)
        ink.text("···", stop + forth * _DOTS / 2, y + 4, anchor="middle")
        start = stop + forth * _DOTS
    ink.wire("old", (start, y), (end, y))
    near = end - forth * _EDGE / 2 if not broken else end - forth * (_EDGE / 2 + _DOTS + 14)
    ink.text(f"{width}", near, y - 4, anchor="middle")


def _inner(ink: _Ink, unrolled: Unrolled, places: _Places, layer: int, y: float) -> float:
    """The state's boxes above those of what it is made of, and its way down to the next step's."""
    (state, width), (inner, inner_width) = unrolled.states[0], unrolled.inner or ("", 0)
    below = y + _height(1) + _GAP
    upper, lower = y + _height(1) / 2, below + _height(1) / 2
    first, last = places.columns[0], places.columns[-1]
    started, ended = (state_at(unrolled, state, time, layer, 0) for time in "0n")
    _across(ink, (places.left, first), lower, width, broken=False)
    _across(ink, (last + _BOX, places.right), upper, width, broken=False)
    ink.text(started, places.left - 5, lower + 4, anchor="end")
    ink.text(ended, places.right + 5, upper + 4)
    for column, following in pairwise(places.columns):
        turn = column + _BOX + _EDGE * 0.75
        ink.wire("old", (column + _BOX, upper), (turn, upper), (turn, lower), arrow=False)
        ink.text(f"{width}", column + _BOX + _EDGE * 0.4, upper - 4, anchor="middle")
        start = turn
        if places.dots and following == last:
            ink.text("···", turn + _DOTS / 2, lower + 4, anchor="middle")
            start += _DOTS
        ink.wire("old", (start, lower), (following, lower))
    for column in places.columns:
        ink.box(column, y, [state])
        _up(ink, column + _BOX / 2, y + _height(1), below, inner_width)
    return max(ink.box(column, below, [inner]) for column in places.columns)
