"""Where everything in a picture of a cell stands from left to right, and its wires, arrows and texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from rnninspect.pictures.boxes import RADIUS, cap_width, text_width
from rnninspect.pictures.channels import Run, tracks_of
from rnninspect.pictures.columns import Hop
from rnninspect.pictures.graph import Graph, Node, Vector
from rnninspect.pictures.plans import Plan, best_plan
from rnninspect.pictures.scene import Label, Mark, Picture, Placed, Wire
from rnninspect.pictures.texts import Piece, Style, Text, size, symbols, width

TRACK = 12.0
_LEAD, _TAIL = 12.0, 16.0  # of a channel: before its first track, and behind its last
_PORT = 26.0  # how far the wires of ports stand out of the frame
_INSIDE = 16.0  # from the frame to what is in it
_MARGIN = 4.0
_NOTE = 17.0  # a line below the picture


def layout(graph: Graph, notes: Sequence[str] = ()) -> Picture:
    """The picture of a cell. notes: sentences below it."""
    return _Drawn(best_plan(graph)).picture(notes)


class _Drawn:
    """A plan with its places from left to right, drawn piece by piece."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.graph, self.columns = plan, plan.graph, plan.columns
        self.tracks = [tracks_of(runs) for runs in plan.runs]
        handed = {self.graph.output.source, *(end.source for end in self.graph.ends)}
        read = {pin.source for node in self.graph.nodes for pin in node.pins}
        # why not what goes to ports alone: there its name stands already.
        self.unnamed = handed - read
        self.names: dict[int, list[Vector]] = {}
        for label in self.graph.labels:
            self.names.setdefault(label.source, []).append(label)
        self.old = [vector for source, vector in enumerate(self.graph.inputs) if source != self.graph.x]
        self.port = max([_PORT, *(_port_width(vector) + 10.0 for vector in (*self.old, *self.graph.ends))])
        top = _MARGIN + 20.0 + _PORT
        self.y = [line + top for line in plan.lines]
        bottom = max(y + box.below for y, box in zip(self.y, plan.boxes, strict=True)) + _INSIDE
        self.texts = self.widest(text_width)
        self.caps = self.widest(cap_width)
        self.lefts, self.wides = self.places()
        left = _MARGIN + self.port
        self.frame = (left, top - _INSIDE / 2, self.lefts[-1] - left, bottom - top + _INSIDE / 2)
        self.wires: list[Wire] = []
        self.marks: list[Mark] = []
        self.labels: list[Label] = []

    def widest(self, measure: Callable[[Node], float]) -> list[float]:
        """By column the widest of a part of its blocks, which then are equally wide."""
        found = [0.0] * len(self.columns.columns)
        for item in self.columns.items:
            node = None if item.node is None else self.graph.nodes[item.node]
            if node is not None and node.kind == "block":
                found[item.column] = max(found[item.column], measure(node))
        return found

    def places(self) -> tuple[list[float], list[float]]:
        """Where each column begins, and how wide it is."""
        x, lefts, wides = _MARGIN + self.port, [], []
        for number, column in enumerate(self.columns.columns):
            lefts.append(x)
            wides.append(max(self.width(item) for item in column) if column else 0.0)
            if number < len(self.tracks):
                tracks = 1 + max(self.tracks[number].values(), default=-1)
                x += wides[-1] + self.lead(number) + TRACK * max(0, tracks - 1) + _TAIL
        return lefts, wides

    def width(self, number: int) -> float:
        item = self.columns.items[number]
        node = None if item.node is None else self.graph.nodes[item.node]
        if node is None or node.kind != "block":
            return self.plan.boxes[number].width
        return self.texts[item.column] + (self.caps[item.column] if node.cap else 0.0)

    def lead(self, column: int) -> float:
        """How far behind a column the first track is: behind the names that stand there."""
        names = [
            self.name_width(self.columns.items[item].source)
            for item in self.columns.columns[column]
            if self.columns.items[item].node is not None
        ]
        return max([_INSIDE if column == 0 else _LEAD, *(name + 10.0 for name in names if name)])

    def name_width(self, source: int) -> float:
        if source in self.unnamed:
            return 0.0
        names = self.names.get(source, ())
        return max(width(joined(names)), width(size((names[0].width,)))) if names else 0.0

    def track(self, channel: int, source: int) -> float:
        left = self.lefts[channel] + self.wides[channel] + self.lead(channel)
        return left + TRACK * self.tracks[channel][source]

    # --- the parts ----------------------------------------------------------------------------------------

    def picture(self, notes: Sequence[str]) -> Picture:
        nodes = tuple(self.placed(number) for number, item in enumerate(self.columns.items) if item.node is not None)
        for channel, (hops, runs) in enumerate(zip(self.columns.hops, self.plan.runs, strict=True)):
            for hop in hops:
                self.draw(channel, hop)
            self.bridges(channel, runs)
        for placed in nodes:
            self.name(placed)
        self.ports()
        right = max(self.frame[0] + self.frame[2] + self.port, *map(_right, self.labels)) + _MARGIN
        bottom = self.frame[1] + self.frame[3] + _MARGIN + (0.0 if self.graph.x is None else _PORT + 16.0)
        told, bottom = below(notes, self.frame[0], bottom, right - self.frame[0] - _MARGIN)
        self.labels += told
        return Picture(
            width=math.ceil(right),
            height=math.ceil(bottom + _MARGIN / 2),
            frame=self.frame,
            nodes=nodes,
            wires=tuple(self.wires),
            marks=tuple(self.marks),
            labels=tuple(self.labels),
        )

    def placed(self, number: int) -> Placed:
        item, box = self.columns.items[number], self.plan.boxes[number]
        assert item.node is not None
        node, width = self.graph.nodes[item.node], self.width(number)
        spare = 0.0 if node.kind == "block" else (self.wides[item.column] - width) / 2
        return Placed(
            node=node,
            x=self.lefts[item.column] + spare,
            y=self.y[number] + box.top,
            width=width,
            height=box.bottom - box.top,
            middle=self.y[number],
            pins=tuple(self.y[number] + pin for pin in box.pins),
            text=self.texts[item.column],
            names=tuple(self.names.get(item.source, ())) if item.source not in self.unnamed else (),
        )

    def kind(self, source: int) -> str:
        if source == self.graph.x:
            return "x"
        return "old" if source < len(self.graph.inputs) else "new"

    def draw(self, channel: int, hop: Hop) -> None:
        """The wire of a source through a channel, with what it branches to."""
        kind = self.kind(hop.source)
        entry = None if hop.left is None else (self.begin(hop.left), self.y[hop.left])
        exits = [self.end(item, pin) for item, pin in hop.rights]
        for (item, _), point in zip(hop.rights, exits, strict=True):
            if self.columns.items[item].node is not None or self.columns.items[item].end is not None:
                self.marks.append(Mark("right", kind, *point))
        sides = [*([entry] if entry else []), *exits]
        if hop.source not in self.tracks[channel]:
            assert entry is not None
            self.wires += [Wire(hop.source, kind, (entry, point)) for point in exits]
            return
        x = self.track(channel, hop.source)
        top, bottom = min(y for _, y in sides), max(y for _, y in sides)
        points = [(x, top), (x, bottom)]
        if hop.up:
            points[0] = (x, self.frame[1] - _PORT)
            self.marks.append(Mark("up", kind, *points[0]))
        if entry is None:
            points[1] = (x, self.frame[1] + self.frame[3] + _PORT)
        for y in sorted({y for _, y in sides}):
            level = [side for side in sides if side[1] == y]
            if len(level) == 1 and (x, y) in points and points[0] != points[1]:
                points = [level[0], *points] if (x, y) == points[0] else [*points, level[0]]
                continue
            self.marks.append(Mark("dot", kind, x=x, y=y))
            ends = (level[0], (x, y)) if len(level) == 1 else (level[0], level[1])
            self.wires.append(Wire(hop.source, kind, ends))
        self.wires.append(Wire(hop.source, kind, tuple(points)))

    def begin(self, number: int) -> float:
        """Where a wire leaves an item."""
        item = self.columns.items[number]
        if item.node is None:
            return self.lefts[item.column] - (self.port if item.column == 0 else 0.0)
        placed = self.placed(number)
        return placed.x + placed.width

    def end(self, number: int, pin: int) -> tuple[float, float]:
        """Where a wire enters an item."""
        item, y = self.columns.items[number], self.y[number] + self.plan.boxes[number].pins[pin]
        if item.node is None:
            return self.lefts[item.column] + (self.port if item.end is not None else 0.0), y
        placed = self.placed(number)
        round_end = placed.node.kind in ("circle", "pill")
        inset = RADIUS - math.sqrt(RADIUS**2 - (y - placed.middle) ** 2) if round_end else 0.0
        return placed.x + inset, y

    def bridges(self, channel: int, runs: Sequence[Run]) -> None:
        """Where the vertical part of a wire passes over the level part of another."""
        tracks = self.tracks[channel]
        offset = self.y[0] - self.plan.lines[0]
        for over in (wire for wire in runs if wire.source in tracks):
            x = self.track(channel, over.source)
            for under in (wire for wire in runs if wire is not over):
                own = self.track(channel, under.source) if under.source in tracks else None
                lines = [line for line in under.rights if own is None or own < x]
                if under.left is not None and (own is None or own > x):
                    lines.append(under.left)
                for line in sorted(set(lines)):
                    if over.top < line < over.bottom:
                        self.marks.append(Mark("bridge", self.kind(over.source), x=x, y=line + offset))

    def name(self, placed: Placed) -> None:
        """What a node puts out, above its wire, and how wide that is, below it."""
        if not placed.names:
            return
        x, y = placed.x + placed.width + 4.0, placed.middle
        self.labels.append(Label(joined(placed.names), x, y - 6.0, anchor="start"))
        self.labels.append(Label(size((placed.names[0].width,)), x, y + 13.0, anchor="start"))

    def ports(self) -> None:
        """The names at what enters and leaves."""
        left, right = self.frame[0] - 5.0, self.frame[0] + self.frame[2] + 5.0
        for number, item in enumerate(self.columns.items):
            if item.node is not None or (item.end is None and item.column > 0):
                continue
            vector = self.graph.inputs[item.source] if item.end is None else self.graph.ends[item.end]
            x, anchor = (left, "end") if item.end is None else (right, "start")
            self.labels.append(Label(vector.text, x, self.y[number] - 6.0, anchor=anchor))
            self.labels.append(Label(size((vector.width,)), x, self.y[number] + 13.0, anchor=anchor))
        output = self.graph.output
        x = self.track(len(self.tracks) - 1, output.source)
        self.labels.append(Label(sized(output), x + 7.0, self.frame[1] - _PORT + 8.0, anchor="start"))
        if self.graph.x is not None:
            x = self.track(0, self.graph.x) - 6.0
            below = self.frame[1] + self.frame[3] + _PORT + 13.0
            self.labels.append(Label(sized(self.graph.inputs[self.graph.x]), x, below, anchor="start"))


def joined(names: Sequence[Vector]) -> Text:
    """A vector with all its names: k_t = m_t."""
    first, *others = names
    return (*first.text, *(piece for name in others for piece in (Piece(" = "), *name.text)))


def sized(vector: Vector) -> Text:
    """A name, and beside it how wide the vector is."""
    return (*vector.text, Piece(" "), *size((vector.width,)))


def _port_width(vector: Vector) -> float:
    """What a name and the width below it take."""
    return max(width(vector.text), width(size((vector.width,))))


def below(notes: Sequence[str], left: float, bottom: float, room: float) -> tuple[list[Label], float]:
    """Sentences from `bottom` on, in lines of at most so many pixels; and where they end."""
    lines = list(_broken(notes, room))
    labels = [Label(line, left, bottom + _NOTE * k - 4.0, anchor="start") for k, line in enumerate(lines, start=1)]
    return labels, bottom + _NOTE * len(lines)


def _broken(notes: Sequence[str], room: float) -> Iterator[Text]:
    """Sentences in lines of at most so many pixels, their symbols set."""
    for note in notes:
        line: Text = ()
        for word in note.split():
            pieces = symbols(word) if "_" in word else (Piece(word, Style.NOTE),)
            longer = (*line, Piece(" ", Style.NOTE), *pieces) if line else pieces
            if line and width(longer) > room:
                yield line
                longer = pieces
            line = longer
        yield line


def _right(label: Label) -> float:
    return label.x + width(label.text) if label.anchor == "start" else label.x
