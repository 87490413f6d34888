"""Ways to lay out a cell, of which the best is drawn: an order of the items, and what follows from it."""

from __future__ import annotations

from typing import NamedTuple

from rnninspect.pictures.boxes import boxes_of
from rnninspect.pictures.channels import Run, crossings, run
from rnninspect.pictures.columns import Columns, Hop, columns_of
from rnninspect.pictures.graph import Graph
from rnninspect.pictures.heights import heights_of
from rnninspect.pictures.order import Order, orders_of

# Of so many orders the one is taken whose wires cross least when they are drawn.
_ORDERS = 6
_TALL = 480.0  # with what stands around it that is 600


def best_plan(graph: Graph) -> Plan:
    """The best of those that are tried."""
    columns = columns_of(graph)
    orders = orders_of(graph, columns)[:_ORDERS]
    tried = [Plan(graph, columns, order, Wish(lower=lower)) for order in orders for lower in (False, True)]
    best = min(tried, key=lambda plan: plan.cost)
    other = Plan(graph, columns, best.order, best.wish._replace(near=True))
    return min(best, other, key=lambda plan: plan.cost)


class Wish(NamedTuple):
    """What decides where nothing else does. lower: of two wires into a circle the lower runs straight into it, not the
    upper. near: a node is level with one that it feeds rather than with a wire that comes from afar.
    """

    lower: bool = False
    near: bool = False


class Plan:
    """An order of the items, and what follows from it: their lines, and the wires between."""

    def __init__(self, graph: Graph, columns: Columns, order: Order, wish: Wish) -> None:
        self.graph, self.columns, self.order, self.wish = graph, columns, order, wish
        self.boxes = boxes_of(graph, columns, order, lower=wish.lower)
        self.lines = heights_of(columns, order, self.boxes, near=wish.near)
        self.runs = [[self.run(hop) for hop in hops] for hops in columns.hops]
        bends = sum(wire.turns for runs in self.runs for wire in runs)
        ways = sum(abs(line - wire.left) for runs in self.runs for wire in runs for line in wire.rights if wire.left)
        height = max(line + box.below for line, box in zip(self.lines, self.boxes, strict=True))
        # What is better the less it is: two bends are as bad as a crossing, and so is a height that nobody wants; then
        # how far wires go up and down.
        too_high = max(0.0, height - _TALL) / 20
        self.cost = (sum(map(crossings, self.runs)) + bends / 2 + height / 200 + too_high, ways)

    def run(self, hop: Hop) -> Run:
        """The wire of a source through a channel."""
        left = None if hop.left is None else self.lines[hop.left]
        return run(hop.source, left, [self.pin(item, pin) for item, pin in hop.rights], up=hop.up)

    def pin(self, item: int, pin: int) -> float:
        """The line of a pin."""
        return self.lines[item] + self.boxes[item].pins[pin]
