"""The rows of a model's picture, as columns are those of a cell's: which node stands in which, and what passes it.

Last states leave a node sideways, at a port of their own beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.pictures.columns import Columns, Hop, Item
from rnninspect.pictures.model_graph import ModelGraph
from rnninspect.pictures.order import Order


def rows_of(model: ModelGraph) -> Columns:
    """Where each node stands, from above to below; inputs in the first row, what is returned in the last."""
    return _Rows(model).made()


class _Rows:
    """row: of every source. readers: of every source the nodes, or the ends, with the pin."""

    def __init__(self, model: ModelGraph) -> None:
        graph = model.graph
        self.graph, self.givers, self.first = graph, model.givers, len(graph.inputs)
        self.row = [0] * self.first
        for node in graph.nodes:
            self.row.append(1 + max(self.at(pin.source) for pin in node.pins))
        self.last = max(self.row) + 1
        self.sources = [*range(len(self.row)), *model.givers]
        self.items = [Item(0, source) for source in range(self.first)]
        self.items += [
            Item(self.row[source], source, node=source - self.first) for source in range(self.first, len(self.row))
        ]
        self.own = {item.source: number for number, item in enumerate(self.items)}
        for source in model.givers:
            self.own[source] = len(self.items)
            self.items.append(Item(self.at(source), source))
        self.readers: dict[int, list[tuple[int, int]]] = {source: [] for source in self.sources}
        for number, node in enumerate(graph.nodes):
            for place, pin in enumerate(node.pins):
                self.readers[pin.source].append((self.first + number, place))
        for number, end in enumerate(graph.ends):
            self.readers[end.source].append((len(self.items), 0))
            self.items.append(Item(self.last, end.source, end=number))
        self.passes: dict[tuple[int, int], int] = {}

    def at(self, source: int) -> int:
        """The row of a source; last states are where their layer is."""
        return self.row[self.givers.get(source, source)]

    def made(self) -> Columns:
        for source in self.sources:
            far = max((self.items[item].column for item, _ in self.readers[source]), default=0)
            for row in range(self.at(source) + 1, far):
                self.passes[source, row] = len(self.items)
                self.items.append(Item(row, source))
        rows: list[list[int]] = [[] for _ in range(self.last + 1)]
        for number, item in enumerate(self.items):
            rows[item.column].append(number)
        return Columns(
            items=tuple(self.items),
            columns=tuple(map(tuple, rows)),
            hops=tuple(tuple(self.hops(row)) for row in range(self.last)),
            rails=(),
        )

    def hops(self, row: int) -> Iterator[Hop]:
        for source in self.sources:
            left = self.own[source] if self.at(source) == row else self.passes.get((source, row))
            rights = [reader for reader in self.readers[source] if self.items[reader[0]].column == row + 1]
            rights += [(self.passes[source, row + 1], 0)] if (source, row + 1) in self.passes else []
            if left is not None and rights:
                yield Hop(source, left, tuple(rights))


def left_of(hop: Hop) -> int:
    """The item that a wire comes from: of a model each comes from one."""
    assert hop.left is not None
    return hop.left


def ports_of(rows: Columns, model: ModelGraph) -> dict[int, int]:
    """By item that is a port of last states the item of the node that they leave."""
    node_of = {item.source: number for number, item in enumerate(rows.items) if item.node is not None}
    ports = {}
    for number, item in enumerate(rows.items):
        node = node_of.get(model.givers.get(item.source, -1))
        if node is not None and rows.items[node].column == item.column:
            ports[number] = node
    return ports


def beside_givers(order: Order, rows: Columns, model: ModelGraph, *, right: bool) -> Order:
    """The order with each port of last states next to its node, on that side."""
    ports = ports_of(rows, model)
    moved = []
    for row in order:
        kept = [item for item in row if item not in ports]
        for port in ports.keys() & set(row):
            kept.insert(kept.index(ports[port]) + right, port)
        moved.append(tuple(kept))
    return tuple(moved)
