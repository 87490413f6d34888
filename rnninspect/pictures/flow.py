"""A recurrent layer as it is unrolled: steps from left to right, stacked layers upwards, a width at every wire.

It shows what `results.unrolled` draws for terminals. Of two directions the boxes of the reverse one stand above and
beside those of the forward one, so that x_t reaches both, and both reach the output. Where the state is made of one
vector alone, as Jordan's output is of what is hidden, that is a box below its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rnninspect.errors import listed
from rnninspect.letters import DIRECTIONS
from rnninspect.markup import Markup
from rnninspect.pictures.boxes import EDGE, LINE, PAD
from rnninspect.pictures.downwards import bridges
from rnninspect.pictures.graph import Line, Node
from rnninspect.pictures.scene import Label, Mark, Picture, Placed, Wire
from rnninspect.pictures.style import style_sheet
from rnninspect.pictures.svg import svg
from rnninspect.pictures.texts import Piece, Style, Text, size, symbols, width
from rnninspect.study.unrolled import Unrolled

_MARGIN, _INSIDE = 4.0, 14.0
_ARROW = 30.0  # what a state's wire takes besides its width
_UP = 34.0  # from a layer to what it hands upwards
_JOIN = 22.0  # from where both directions meet, or part, to a box
_BETWEEN = 16.0  # from the boxes of one direction to those of the other
_APART = 14.0  # from a box to the one beside it
_DOTS = 40.0  # for the steps that are not drawn
_TURN = 18.0  # from where a state goes down to the box of the next step
_DROPOUT = "dropout"
_BASE = 4.5

_Point = tuple[float, float]


def flow_svg(unrolled: Unrolled, title: str, *, prefix: str = "steps", alone: bool = True) -> Markup:
    """A layer as it is unrolled as an SVG; see `cell.svg_of`."""
    return svg(
        unrolled_picture(unrolled),
        title=title,
        description=" ".join(_described(unrolled)),
        style=style_sheet() if alone else "",
        prefix=prefix,
    )


def unrolled_picture(unrolled: Unrolled) -> Picture:
    """The picture of a layer, for one sequence."""
    return _Drawn(unrolled).picture()


def _described(unrolled: Unrolled) -> Iterator[str]:
    steps = listed([str(step) for step in unrolled.drawn])
    yield f"Steps {steps} from left to right, each a box that reads x_t with {unrolled.features} numbers."
    for state, wide in unrolled.states:
        begins, ends = (unrolled.row_of(state, time, 0, 0) for time in "0n")
        yield f"{state} with {wide} numbers goes from step to step, from {begins} to {ends}."
    if unrolled.inner is not None:
        yield f"It is made of {unrolled.inner[0]} with {unrolled.inner[1]} numbers, a box below it."
    if unrolled.depth > 1:
        yield f"{unrolled.depth} layers stand above each other, each reading what the one below puts out."
    if unrolled.directions > 1:
        yield "A second row of boxes in each layer reads the sequence from its end."
    yield f"Each step puts out {unrolled.above} numbers."


class _Drawn:
    """Drawn piece by piece, from above to below.

    box: how wide one is. columns: the left side of each step's forward box; shift: from there to the reverse box.
    middle: from there to the wires that go up. left, right: where states begin and end.
    """

    def __init__(self, unrolled: Unrolled) -> None:
        self.unrolled, self.steps = unrolled, unrolled.drawn
        self.nodes: list[Placed] = []
        self.wires: list[Wire] = []
        self.marks: list[Mark] = []
        self.labels: list[Label] = []
        self.states = [symbols(state) for state, _ in unrolled.states]
        self.inner = [symbols(unrolled.inner[0])] if unrolled.inner else []
        self.box = 2 * PAD + max(map(width, (*self.states, *self.inner)))
        self.shift = (self.box + _APART) * (unrolled.directions - 1)
        self.middle = (self.shift + self.box) / 2
        edge = max(width(_size(wide)) for _, wide in unrolled.states) + _ARROW + _TURN * len(self.inner)
        over = max(width(_code(unrolled.output_at(step))) for step in self.steps) + _APART
        beside = 2 * (width(_size(max(unrolled.above, unrolled.features))) + _APART)
        pitch = max(self.shift + self.box + edge, over, beside)
        self.left = _MARGIN + max(map(width, self.gutter())) + 4.0
        self.columns = [self.left + edge + pitch * number for number in range(len(self.steps))]
        self.columns[-1] += _DOTS * unrolled.has_gap
        self.right = self.columns[-1] + self.shift + self.box + edge

    def gutter(self) -> Iterator[Text]:
        """All that may stand at the left."""
        unrolled = self.unrolled
        top = (unrolled.depth - 1, unrolled.directions - 1)
        yield from (_code(unrolled.row_of(state, time, *top)) for state, _ in unrolled.states for time in "0n")
        yield from map(_words, DIRECTIONS * (unrolled.directions > 1))
        if unrolled.depth > 1:
            yield from map(_words, (_layer(unrolled.depth - 1), _DROPOUT * unrolled.dropout, unrolled.left_out))

    def picture(self) -> Picture:
        unrolled, y = self.unrolled, _MARGIN + 16.0
        for column, step in zip(self.columns, self.steps, strict=True):
            self.centred(_code(unrolled.output_at(step)), column + self.middle, y - 4.0)
        top = y + _UP / 2
        for number, layer in enumerate(unrolled.layers[::-1]):
            self.upwards(y, unrolled.above, "new", arrow=not number or unrolled.directions == 1, dropout=number > 0)
            y = self.layer(y + _UP, layer)
            if layer and layer - 1 not in unrolled.layers:
                y = self.skipped(y)
        self.upwards(y, unrolled.features, "x", arrow=unrolled.directions == 1)
        for column, step in zip(self.columns, self.steps, strict=True):
            x_t = (Piece("x", Style.NAME), Piece(f"{step}".replace("-", "−"), Style.INDEX))
            self.centred(x_t, column + self.middle, y + _UP + 14.0)
        frame = (self.left + 8.0, top, self.right - self.left - 16.0, y + _UP / 2 - top)
        self.marks += bridges(self.wires)
        right = max(label.x + width(label.text) for label in self.labels if label.anchor == "start")
        return Picture(
            width=math.ceil(right + _MARGIN),
            height=math.ceil(y + _UP + 18.0 + _MARGIN),
            frame=frame,
            nodes=tuple(self.nodes),
            wires=tuple(self.wires),
            marks=tuple(self.marks),
            labels=tuple(self.labels),
        )

    # --- pieces -------------------------------------------------------------------------------------------

    def centred(self, text: Text, x: float, y: float) -> None:
        self.labels.append(Label(text, x - width(text) / 2, y, anchor="start"))

    def wire(self, kind: str, *points: _Point, arrow: str = "", branch: bool = False) -> None:
        """A wire from its first point to its last, where an arrowhead may stand. branch: it is the last one's."""
        source = self.wires[-1].source if branch else len(self.wires)
        self.wires.append(Wire(source, kind, points))
        if arrow:
            self.marks.append(Mark(arrow, kind, *points[-1]))

    def upwards(self, y: float, wide: int, kind: str, *, arrow: bool, dropout: bool = False) -> None:
        """What each step hands upwards, to `y`. dropout: it does where the layer has any."""
        if dropout and self.unrolled.dropout:
            self.labels.append(Label(_words(_DROPOUT), _MARGIN, y + 11.0, anchor="start"))
        for column in self.columns:
            x = column + self.middle
            self.wire(kind, (x, y + _UP), (x, y), arrow="up" * arrow)
            self.labels.append(Label(_size(wide), x + 6.0, y + _UP / 2 + _BASE, anchor="start"))

    def skipped(self, y: float) -> float:
        """A line for the layers that are not drawn; returns where it ends."""
        self.upwards(y, self.unrolled.above, "new", arrow=self.unrolled.directions == 1, dropout=True)
        self.labels.append(Label(_words(self.unrolled.left_out), _MARGIN, y + _UP + 14.0, anchor="start"))
        for column in self.columns:
            self.centred(_words("⋮"), column + self.middle, y + _UP + 14.0)
        return y + _UP + 20.0

    def boxes(self, y: float, texts: Sequence[Text], what: str, shift: float = 0.0) -> float:
        """A box for each step; returns where they end."""
        high = len(texts) * LINE + 2 * EDGE
        lines = tuple(Line(text=text, size=(), pin=None) for text in texts)
        for column, step in zip(self.columns, self.steps, strict=True):
            node = Node(kind="block", pins=(), lines=lines, said=f"step {step}{what}")
            self.nodes.append(
                Placed(
                    node=node,
                    x=column + shift,
                    y=y,
                    width=self.box,
                    height=high,
                    middle=y + high / 2,
                    pins=(),
                    text=self.box,
                    names=(),
                )
            )
        return y + high

    # --- a stacked layer ----------------------------------------------------------------------------------

    def layer(self, y: float, layer: int) -> float:
        """A stacked layer below `y`; returns where it is fed."""
        what = f" of layer {layer}" * (self.unrolled.depth > 1)
        if self.unrolled.depth > 1:
            self.labels.append(Label(_words(_layer(layer)), _MARGIN, y - 6.0, anchor="start"))
        if self.unrolled.directions > 1:
            return self.both(y, layer, what)
        if self.unrolled.inner:
            return self.fed_back(y, layer, what)
        self.carried(y, layer, 0)
        return self.boxes(y, self.states, what)

    def both(self, y: float, layer: int, what: str) -> float:
        """Both directions: what they put out meets above them, and what they are fed with parts below."""
        kind = "new" if layer else "x"
        reverse = y + _JOIN
        forward = self.boxes(reverse, self.states, f"{what}, reverse", self.shift) + _BETWEEN
        below = self.boxes(forward, self.states, f"{what}, forward")
        parts = below + _JOIN
        self.carried(reverse, layer, 1)
        self.carried(forward, layer, 0)
        wide = _size(self.unrolled.output[1])
        for column in self.columns:
            left, middle, right = (column + at for at in (self.box / 2, self.middle, self.shift + self.box / 2))
            self.wire("new", (left, forward), (left, y), (middle, y))
            self.wire("new", (right, reverse), (right, y), (middle, y), branch=True)
            self.wire(kind, (middle, parts), (left, parts), (left, below), arrow="up")
            self.wire(kind, (middle, parts), (right, parts), (right, forward - _BETWEEN), arrow="up", branch=True)
            self.marks += [Mark("dot", "new", x=middle, y=y), Mark("dot", kind, x=middle, y=parts)]
            self.labels.append(Label(wide, left - 5.0, y + 17.0, anchor="end"))
            self.labels.append(Label(wide, right + 6.0, reverse - 6.0, anchor="start"))
        for direction, at in enumerate((forward, reverse)):
            self.labels.append(Label(_words(DIRECTIONS[direction]), _MARGIN, at - 2.0, anchor="start"))
        return parts

    def carried(self, y: float, layer: int, direction: int) -> None:
        """Each state's way over the steps, to the right or, of the reverse direction, to the left."""
        for number, (state, wide) in enumerate(self.unrolled.states):
            line = y + EDGE + LINE * (number + 0.5)
            first, last = (_code(self.unrolled.row_of(state, time, layer, direction)) for time in "0n")
            if direction:
                first, last = last, first
            self.named(line, first, last)
            boxes = [column + self.shift * direction for column in self.columns]
            begins = [self.left, *(box + self.box for box in boxes)]
            ends = [*boxes, self.right]
            for place, (begin, end) in enumerate(zip(begins, ends, strict=True)):
                self.carry(begin, end, line, back=direction == 1, dots=place == len(boxes) - 1)
                at = self.left + 7.0 if not place else self.columns[place - 1] + self.shift + self.box + 7.0
                self.labels.append(Label(_size(wide), at + 3.0, line + 13.0, anchor="start"))

    def named(self, line: float, first: Text, last: Text) -> None:
        """What a state is called where it begins, and where it ends."""
        self.labels.append(Label(first, self.left - 4.0, line + _BASE - 1.0, anchor="end"))
        self.labels.append(Label(last, self.right + 4.0, line + _BASE - 1.0, anchor="start"))

    def carry(self, begin: float, end: float, line: float, *, back: bool, dots: bool) -> None:
        """A state's way between two steps, with dots for those that are left out."""
        ways = [(begin, end)]
        if dots and self.unrolled.has_gap:
            ways = [(begin, self.dots - 10.0), (self.dots + 10.0, end)]
            self.centred(_words("···"), self.dots, line + _BASE)
        for left, right in ways:
            points = ((right, line), (left, line)) if back else ((left, line), (right, line))
            self.wire("old", *points, arrow=("left" if back else "right") * (points[-1][0] in (begin, end)))

    @property
    def dots(self) -> float:
        """Where the dots stand, before the last step."""
        return self.columns[-1] - _DOTS / 2 - _TURN * len(self.inner) - 10.0

    def fed_back(self, y: float, layer: int, what: str) -> float:
        """The state's boxes above those of what it is made of, and its way down to the next step's."""
        assert self.unrolled.inner is not None
        (state, wide), (_, inner) = self.unrolled.states[0], self.unrolled.inner
        bottom = self.boxes(y, self.states, what)
        self.upwards(bottom, inner, "new", arrow=True)
        line, lower = y + EDGE + LINE / 2, bottom + _UP + EDGE + LINE / 2
        first, last = (_code(self.unrolled.row_of(state, time, layer, 0)) for time in "0n")
        self.labels.append(Label(first, self.left - 4.0, lower + _BASE - 1.0, anchor="end"))
        self.labels.append(Label(last, self.right + 4.0, line + _BASE - 1.0, anchor="start"))
        self.wire("old", (self.left, lower), (self.columns[0], lower), arrow="right")
        self.wire("old", (self.columns[-1] + self.box, line), (self.right, line), arrow="right")
        for column, following in pairwise(self.columns):
            begin, turn = (column + self.box, line), following - _TURN
            if following == self.columns[-1] and self.unrolled.has_gap:
                self.wire("old", begin, (self.dots - 10.0, line))
                self.centred(_words("···"), self.dots, line + _BASE)
                begin = (self.dots + 10.0, line)
            self.wire("old", begin, (turn, line), (turn, lower), (following, lower), arrow="right")
        for x, at in [(self.left, lower), *((column + self.box, line) for column in self.columns)]:
            self.labels.append(Label(_size(wide), x + 8.0, at + 13.0, anchor="start"))
        return self.boxes(bottom + _UP, self.inner, what)


def _layer(layer: int) -> str:
    return f"layer {layer}"


def _size(wide: int) -> Text:
    return size((wide,))


def _code(text: str) -> Text:
    return (Piece(text, Style.SIZE),)


def _words(text: str) -> Text:
    return (Piece(text, Style.NOTE),)
