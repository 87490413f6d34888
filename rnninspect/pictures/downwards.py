"""A model laid out from above to below: its graph in rows, wires between them, a shape where each wire begins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from rnninspect.pictures.boxes import EDGE, LINE, PAD, RADIUS, Box
from rnninspect.pictures.channels import Run, crossings, run, tracks_of
from rnninspect.pictures.columns import Columns, Hop
from rnninspect.pictures.graph import Node
from rnninspect.pictures.heights import heights_of
from rnninspect.pictures.layout import TRACK, below
from rnninspect.pictures.model_graph import ModelGraph
from rnninspect.pictures.order import Order, orders_of
from rnninspect.pictures.rows import beside_givers, left_of, ports_of, rows_of
from rnninspect.pictures.scene import Label, Mark, Picture, Placed, Wire
from rnninspect.pictures.texts import Text, width

# Of so many orders the one is taken whose wires cross least when they are drawn.
_ORDERS = 4
_INSIDE, _MARGIN = 14.0, 4.0
_COMES, _LEAVES = 46.0, 24.0  # how far the wires of what comes in, and of what is returned, stand out of the frame
_LINE = 13.0  # a line of a shape
_LEAD, _TAIL = 10.0, 14.0  # of a channel: before its first track, and behind its last
_BESIDE = 7.0  # from a wire to the text beside it
_PIN = 22.0  # the least between two wires into a box
_BETWEEN = 14.0  # from a text of a box to what stands at its right
_STATE = 12.0  # from the end of a box to the wire of its first states
_SIGN = 9.0  # from the middle of an addition to the wire of what is added


def downwards(model: ModelGraph, notes: Sequence[str]) -> Picture:
    """The picture of a model. notes: sentences below it."""
    rows = rows_of(model)
    orders = orders_of(model.graph, rows)[:_ORDERS]
    sides = (True, False) if model.givers else (True,)
    plans = [_Plan(model, rows, beside_givers(order, rows, model, right=right)) for order in orders for right in sides]
    return _Drawn(min(plans, key=lambda plan: plan.cost)).picture(notes)


class _Plan:
    """An order of the items of each row, and what follows: their lines, here from the left, and the wires between."""

    def __init__(self, model: ModelGraph, rows: Columns, order: Order) -> None:
        self.model, self.rows = model, rows
        self.rank = {item: number for row in order for number, item in enumerate(row)}
        self.lefts = {reader: left_of(hop) for hops in rows.hops for hop in hops for reader in hop.rights}
        self.ports = ports_of(rows, model)
        self.boxes = [self.box(number) for number in range(len(rows.items))]
        self.lines = heights_of(replace(rows, rails=tuple(self.chains())), order, self.boxes)
        self.runs = [[self.run(hop) for hop in hops] for hops in rows.hops]
        bends = sum(wire.turns for runs in self.runs for wire in runs)
        wide = max(line + box.below for line, box in zip(self.lines, self.boxes, strict=True))
        turned = sum(self.turned(row) for row in (0, len(rows.columns) - 1))
        self.cost = sum(map(crossings, self.runs)) + bends / 2 + wide / 100 + turned / 2

    def turned(self, row: int) -> int:
        """How many of what comes in, or is returned, stand in another order than the document has them in."""
        return sum(self.rank[one] > self.rank[other] for one, other in pairwise(self.rows.columns[row]))

    def chains(self) -> Iterator[tuple[int, int]]:
        """What is to stand right below another: a layer below the only one that it reads."""
        for (item, pin), left in self.lefts.items():
            both = self.node(left) is not None and self.node(item) is not None
            if both and self.boxes[item].pins[pin] == 0.0:
                yield left, item

    def run(self, hop: Hop) -> Run:
        return run(hop.source, self.lines[left_of(hop)], [self.pin(item, pin) for item, pin in hop.rights])

    def pin(self, item: int, pin: int) -> float:
        """How far to the right a wire enters an item."""
        return round(self.lines[item] + self.boxes[item].pins[pin], 2)

    def node(self, number: int) -> Node | None:
        """The node of an item; None of what passes, comes in or is returned."""
        node = self.rows.items[number].node
        return None if node is None else self.model.graph.nodes[node]

    def begins(self, number: int) -> bool:
        """Whether a wire begins at an item."""
        return self.node(number) is not None or self.rows.items[number].column == 0 or self.giver(number) is not None

    def giver(self, number: int) -> int | None:
        """The item whose last states leave at this one; None of all else."""
        return self.ports.get(number)

    def box(self, number: int) -> Box:
        """What an item takes, measured from its wire; width is how high it is."""
        node, giver, texts = self.node(number), self.giver(number), self.labels(number)
        beside = _BESIDE + max(map(width, texts)) if texts else 0.0
        if node is None:
            is_left = giver is not None and self.rank[number] < self.rank[giver]
            return Box(width=0.0, top=0.0, bottom=0.0, above=-beside * is_left, below=beside * (not is_left))
        half = RADIUS if node.kind == "circle" else _wide(node) / 2
        high = 2 * RADIUS if node.kind == "circle" else _high(node)
        pins = self.pins(number, half)
        return Box(width=high, top=-half, bottom=half, above=-half, below=max(half, beside), pins=pins)

    def labels(self, number: int) -> tuple[Text, ...]:
        """The lines of text at an item's wire: a shape where it begins, names of what comes in and is returned."""
        item, graph = self.rows.items[number], self.model.graph
        if item.end is not None:
            return (graph.ends[item.end].text,)
        if not self.begins(number):
            return ()
        shape = self.model.labels.get(item.source, ())
        return (graph.inputs[item.source].text, *shape) if item.source < len(graph.inputs) else shape

    def pins(self, number: int, half: float) -> tuple[float, ...]:
        """Where the wires into a node reach it, measured from its middle."""
        node = self.node(number)
        assert node is not None
        froms = [self.lefts[number, pin] for pin in range(len(node.pins))]
        if node.kind == "circle":
            return 0.0, math.copysign(_SIGN, self.comes(froms[1]) - self.comes(froms[0]))
        states = [pin for pin, read in enumerate(node.pins) if read.source in self.model.givers]
        reads = len(node.pins) - len(states)
        spread = 2 * half / reads if reads > 1 else 0.0
        if states and reads > 1:
            spread -= 2 * _STATE / reads
        at = [spread * (pin - (reads - 1) / 2) for pin in range(reads)]
        others = [self.comes(froms[pin]) for pin in range(reads)]
        for pin in states:
            at.append(math.copysign(half - _STATE, self.comes(froms[pin]) - sum(others) / reads))
        # why whole pixels: lines are rounded too, and a straight wire is to stay straight.
        return tuple(map(round, at))

    def comes(self, item: int) -> float:
        """How far to the right a wire comes from, in its row."""
        return float(self.rank[item])


def _wide(node: Node) -> float:
    """How wide a layer's box is: as its texts, and the wires into it, need."""
    head = width(node.lines[0].text) + _BETWEEN + width(node.cap)
    lines = (width(line.text) + (_BETWEEN + width(line.size) if line.size else 0.0) for line in node.lines[1:])
    return 2.0 * math.ceil(max(2 * PAD + max(head, *lines, 0.0), _PIN * (len(node.pins) + 1)) / 2)


def _high(node: Node) -> float:
    """How high a layer's box is: its head, and a line for each thing said of it."""
    return len(node.lines) * LINE + 2 * EDGE * (2 if len(node.lines) > 1 else 1)


class _Drawn:
    """A plan with its places from above to below, drawn piece by piece."""

    def __init__(self, plan: _Plan) -> None:
        self.plan, self.model, self.rows = plan, plan.model, plan.rows
        self.tracks = [tracks_of(runs) for runs in plan.runs]
        self.x = [round(line + _MARGIN + _INSIDE, 2) for line in plan.lines]
        self.tops, self.highs = self.places()
        right = max(x + box.below for x, box in zip(self.x, plan.boxes, strict=True)) + _INSIDE
        top, bottom = self.tops[0] + _COMES, self.tops[-1] - _LEAVES
        self.frame = (_MARGIN, top, right - _MARGIN, bottom - top)
        self.wires: list[Wire] = []
        self.marks: list[Mark] = []
        self.labels: list[Label] = []

    def places(self) -> tuple[list[float], list[float]]:
        """Where each row begins, and how high it is."""
        y, tops, highs = _MARGIN, [], []
        for number, row in enumerate(self.rows.columns):
            tops.append(y)
            highs.append(max((self.plan.boxes[item].width for item in row), default=0.0))
            if number < len(self.tracks):
                tracks = max(self.tracks[number].values(), default=0)
                y = self.first_track(number, y + highs[-1]) + TRACK * tracks + _TAIL
                y += _LEAVES if number == len(self.tracks) - 1 else 0.0
        return tops, highs

    def first_track(self, row: int, bottom: float) -> float:
        """Where below a row that ends at `bottom` the first track is: below the shapes that stand there."""
        if row == 0:
            return bottom + _COMES + _LEAD
        lines = [len(self.plan.labels(item)) for item in self.rows.columns[row] if self.plan.begins(item)]
        return bottom + _LEAD + _LINE * max(lines, default=0)

    def track(self, row: int, source: int) -> float:
        return self.first_track(row, self.tops[row] + self.highs[row]) + TRACK * self.tracks[row][source]

    # --- the parts ----------------------------------------------------------------------------------------

    def picture(self, notes: Sequence[str]) -> Picture:
        nodes = tuple(self.placed(number) for number in range(len(self.x)) if self.plan.node(number) is not None)
        for row, hops in enumerate(self.rows.hops):
            pieces = [list(self.draw(row, hop)) for hop in hops]
            self.marks += bridges([wire for wires in pieces for wire in wires])
            self.wires += [wire for wires in pieces for wire in wires]
        for number in range(len(self.x)):
            self.name(number)
        right, bottom = self.frame[0] + self.frame[2] + _MARGIN, self.tops[-1] + _MARGIN
        told, bottom = below(notes, self.frame[0], bottom, right - 2 * _MARGIN)
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
        node, box = self.plan.node(number), self.plan.boxes[number]
        assert node is not None
        row = self.rows.items[number].column
        y = self.tops[row] + (self.highs[row] - box.width) / 2
        return Placed(
            node=node,
            x=self.x[number] + box.top,
            y=y,
            width=box.bottom - box.top,
            height=box.width,
            middle=y + box.width / 2,
            pins=tuple(self.x[number] + pin for pin in box.pins),
            text=0.0,
            names=(),
        )

    def kind(self, source: int) -> str:
        if source in self.model.givers:
            return "old"
        return "x" if source < len(self.model.graph.inputs) else "new"

    def draw(self, row: int, hop: Hop) -> Iterator[Wire]:
        """The wire of a source from a row to the next, with what it branches to."""
        kind, start = self.kind(hop.source), self.begin(left_of(hop))
        ends = [self.end(item, pin) for item, pin in hop.rights]
        items = [self.rows.items[item] for item, _ in hop.rights]
        arrows = [end for end, item in zip(ends, items, strict=True) if item.node is not None or item.end is not None]
        self.marks += [Mark("down", kind, *end) for end in arrows]
        if hop.source not in self.tracks[row]:
            yield from (Wire(hop.source, kind, (*start, end)) for end in ends)
            return
        y, (x, _) = self.track(row, hop.source), start[-1]
        places = sorted({x, *(to for to, _ in ends)})
        bent = {places[0], places[-1]}
        trunk = [(places[0], y), (places[-1], y)]
        for place in places:
            sides = [end for end in ends if end[0] == place]
            if len(sides) == 1 and place in bent and place != x:
                trunk = [sides[0], *trunk] if place == places[0] else [*trunk, sides[0]]
            elif not sides and place in bent:
                trunk = [*start, *trunk] if place == places[0] else [*trunk, *reversed(start)]
            else:
                self.marks.append(Mark("dot", kind, x=place, y=y))
                begin = start if place == x else ((place, y),)
                yield from (Wire(hop.source, kind, (*begin, end)) for end in sides or [(place, y)])
        yield Wire(hop.source, kind, tuple(trunk))

    def begin(self, number: int) -> tuple[tuple[float, float], ...]:
        """The corners of a wire up to where it goes down: two where last states leave a box at its side."""
        item, x = self.rows.items[number], self.x[number]
        if self.plan.node(number) is not None:
            placed = self.placed(number)
            return ((x, placed.y + placed.height),)
        giver = self.plan.giver(number)
        if giver is None:
            return ((x, self.tops[item.column]),)
        placed = self.placed(giver)
        side = placed.x + placed.width if x > placed.x else placed.x
        return (side, placed.middle), (x, placed.middle)

    def end(self, number: int, pin: int) -> tuple[float, float]:
        """Where a wire enters an item."""
        node, x = self.plan.node(number), round(self.plan.pin(number, pin) + _MARGIN + _INSIDE, 2)
        if node is None:
            return x, self.tops[self.rows.items[number].column]
        placed = self.placed(number)
        inset = RADIUS - math.sqrt(RADIUS**2 - (x - self.x[number]) ** 2) if node.kind == "circle" else 0.0
        return x, placed.y + inset

    def name(self, number: int) -> None:
        """The shape where a wire begins, and the names of what comes in and is returned."""
        item, texts = self.rows.items[number], self.plan.labels(number)
        giver = self.plan.giver(number)
        if self.plan.node(number) is not None or giver is not None:
            placed = self.placed(number if giver is None else giver)
            y = placed.y + placed.height
        else:
            y = self.tops[item.column] - (_LEAVES - 2.0) * (item.end is not None)
        is_left = giver is not None and self.x[number] < self.x[giver]
        x = self.x[number] - _BESIDE if is_left else self.x[number] + _BESIDE
        for k, text in enumerate(texts, start=1):
            self.labels.append(Label(text, x, y + _LINE * k, anchor="end" if is_left else "start"))


def bridges(wires: Sequence[Wire]) -> Iterator[Mark]:
    """Where a wire on its way down passes over one that runs level."""
    pieces = [(wire, one, other) for wire in wires for one, other in pairwise(wire.points)]
    level = [(wire, one, other) for wire, one, other in pieces if one[1] == other[1]]
    for over, (x, top), (to, bottom) in pieces:
        for under, (left, y), (right, _) in level:
            inside = min(left, right) < x < max(left, right) and min(top, bottom) < y < max(top, bottom)
            if x == to and under.source != over.source and inside:
                yield Mark("bridge", over.kind, x=x, y=y)
