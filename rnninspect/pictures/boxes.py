"""How large each item is, and where its wires meet it, measured from the line of the wire that it puts out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from rnninspect.pictures.columns import Columns
from rnninspect.pictures.graph import Graph, Node
from rnninspect.pictures.order import Order
from rnninspect.pictures.texts import width

RADIUS = 14.0  # of a circle, and of the round ends of pills
LINE = 18.0  # from a line of a block to the next
PAD = 9.0  # beside the text of a block
EDGE = 5.0  # above the first line of a block, and below its last
_PIN = 15.0  # from a pin of a column to the next
_BESIDE = 9.0  # from the middle of a circle to the pin beside it
_BETWEEN = 16.0  # from the text of a line to its size
# What a name above a wire and a width below it take.
_NAME, _WIDTH = 18.0, 15.0


class Box(NamedTuple):
    """The size of an item, in pixels.

    width: of what is drawn, 0 of a wire. top, bottom: where that begins and ends. above, below: the same with the name
    and the width at its wire. pins: the line of each. All but the first are measured from the line of its own wire.
    """

    width: float
    top: float
    bottom: float
    above: float
    below: float
    pins: tuple[float, ...] = (0.0,)


class Pinned(NamedTuple):
    """A pin of an item. left: the item that its wire comes from, None of x. rank: how far down that is.

    is_main: its wire is to run straight into the node.
    """

    left: int | None
    rank: float
    is_main: bool


def boxes_of(graph: Graph, columns: Columns, order: Order, *, lower: bool = False) -> list[Box]:
    """The box of every item, by number. lower: of two wires alike the lower runs straight into a circle."""
    pins = _pins(columns, order, -1 if lower else 1)
    straight = {item for rail in columns.rails for item in rail}
    named = {label.source for label in graph.labels}
    boxes = []
    for number, item in enumerate(columns.items):
        if item.node is None:
            is_port = item.end is not None or item.column == 0
            boxes.append(Box(0.0, 0.0, 0.0, above=-_NAME * is_port, below=_WIDTH * is_port))
            continue
        box = _box(graph.nodes[item.node], pins[number], number in straight)
        room = (min(box.top, -_NAME), max(box.bottom, _WIDTH)) if item.source in named else (box.top, box.bottom)
        boxes.append(box._replace(above=room[0], below=room[1]))
    return boxes


def _pins(columns: Columns, order: Order, down: int) -> dict[int, list[Pinned]]:
    """The pins of every item, in the order of the node's own."""
    rank = {item: float(number) for column in order for number, item in enumerate(column)}
    before = {after: item for rail in columns.rails for item, after in pairwise(rail)}
    lefts: dict[int, dict[int, int | None]] = {}
    for hop in (hop for hops in columns.hops for hop in hops):
        for item, pin in hop.rights:
            lefts.setdefault(item, {})[pin] = hop.left
    passes = {number for number, item in enumerate(columns.items) if item.node is None}
    pins = {}
    for item in range(len(columns.items)):
        found = [left for _, left in sorted(lefts.get(item, {}).items())]
        # What a pin is chosen by to be the one whose wire runs straight: the least of these.
        wishes = [
            (True, True, math.inf)
            if left is None
            else (left != before.get(item), left not in passes, down * rank[left])
            for left in found
        ]
        main = wishes.index(min(wishes)) if wishes else 0
        pins[item] = [
            Pinned(left, math.inf if left is None else rank[left], pin == main) for pin, left in enumerate(found)
        ]
    return pins


def text_width(node: Node) -> float:
    """How wide the lines of a block are, without what its function takes."""
    texts = max(width(line.text) for line in node.lines)
    sizes = max(width(line.size) for line in node.lines)
    return PAD + texts + (_BETWEEN + sizes if sizes else 0.0) + PAD


def cap_width(node: Node) -> float:
    """How wide a block's function is."""
    return max(36.0, width(node.cap) + 16.0) if node.cap else 0.0


def _box(node: Node, pins: Sequence[Pinned], is_straight: bool) -> Box:
    match node.kind:
        case "block":
            half = len(node.lines) * LINE / 2 + EDGE
            lines = {line.pin: EDGE + LINE / 2 + LINE * number - half for number, line in enumerate(node.lines)}
            at = tuple(lines[pin] for pin in range(len(node.pins)))
            return _sized(text_width(node) + cap_width(node), -half, half, at)
        case "column":
            return _column(node, pins, is_straight)
        case "circle":
            return _sized(2 * RADIUS, -RADIUS, RADIUS, _beside(pins))
        case _:
            return _sized(max(2 * RADIUS, width(node.text) + 20.0), -RADIUS, RADIUS, _beside(pins))


def _sized(width: float, top: float, bottom: float, pins: tuple[float, ...]) -> Box:
    return Box(width=width, top=top, bottom=bottom, above=top, below=bottom, pins=pins)


def _beside(pins: Sequence[Pinned]) -> tuple[float, ...]:
    """One wire into the middle, the others beside it, each from its side."""
    main = next((pin for pin in pins if pin.is_main), None)
    return tuple(
        0.0 if main is None or pin is main else _BESIDE if (pin.rank, k) > (main.rank, pins.index(main)) else -_BESIDE
        for k, pin in enumerate(pins)
    )


def _column(node: Node, pins: Sequence[Pinned], is_straight: bool) -> Box:
    """Its pins in the order that their wires come in; the wire that leaves is level with that of a state."""
    ranks = sorted(range(len(pins)), key=lambda pin: (pins[pin].rank, pin))
    half = (len(pins) - 1) * _PIN / 2
    at = {pin: place * _PIN - half for place, pin in enumerate(ranks)}
    main = next((at[k] for k, pin in enumerate(pins) if pin.is_main), 0.0) if is_straight else 0.0
    wide = 26.0 + (width(node.text) + 6.0 if node.text else 0.0)
    lines = tuple(at[pin] - main for pin in range(len(pins)))
    return _sized(wide, -half - RADIUS + 1 - main, half + RADIUS - 1 - main, lines)
