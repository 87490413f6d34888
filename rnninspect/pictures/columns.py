"""The columns of a picture: which node stands in which, what passes it on its way, and which states run straight.

The states before stand in the first column, those after in the last. x comes from below, between the first two columns;
what is put out leaves upwards, before the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rnninspect.pictures.graph import Graph


class Item(NamedTuple):
    """What takes a place in a column. source: whose wire it is, or what it puts out. node: None of a wire that passes.

    end: which of the states after it is, None of all else.
    """

    column: int
    source: int
    node: int | None = None
    end: int | None = None


class Hop(NamedTuple):
    """A source's way from one column to the next.

    left: the item it comes from, None of x, which comes from below. rights: items with the pin that is reached.
    up: it also leaves upwards.
    """

    source: int
    left: int | None
    rights: tuple[tuple[int, int], ...]
    up: bool = False


@dataclass(frozen=True, kw_only=True)
class Columns:
    """items: by number. columns: the numbers that stand in each, in the order of the text.

    hops: between each column and the next. rails: the items of each state that runs straight, in their order.
    """

    items: tuple[Item, ...]
    columns: tuple[tuple[int, ...], ...]
    hops: tuple[tuple[Hop, ...], ...]
    rails: tuple[tuple[int, ...], ...]


def columns_of(graph: Graph) -> Columns:
    """Where each node of a graph stands, from left to right."""
    column = _columns(graph)
    last = max(column) + 1
    items = [Item(0, source) for source in range(len(graph.inputs)) if source != graph.x]
    items += [Item(column[source], source, node=node) for node, source in enumerate(_sources(graph))]
    own = {item.source: number for number, item in enumerate(items)}
    reach = _reach(graph, column, last)
    passes = {
        (source, place): len(items) + number
        for number, (source, place) in enumerate(
            (source, place) for source, far in enumerate(reach) for place in range(column[source] + 1, far)
        )
    }
    items += [Item(place, source) for source, place in passes]
    items += [Item(last, end.source, end=number) for number, end in enumerate(graph.ends)]
    build = _Hops(graph=graph, items=tuple(items), own=own, passes=passes, last=last)
    rails = tuple(build.rail(path, end) for path, end in _rails(graph))
    columns = [[number for number, item in enumerate(items) if item.column == place] for place in range(last + 1)]
    return Columns(
        items=tuple(items),
        columns=tuple(map(tuple, columns)),
        hops=tuple(tuple(build.hops(place)) for place in range(last)),
        rails=rails,
    )


def _sources(graph: Graph) -> range:
    return range(len(graph.inputs), len(graph.inputs) + len(graph.nodes))


def _columns(graph: Graph) -> list[int]:
    """The column of each source: as far left as what it reads allows, then to the right where no wire gets longer."""
    column = [0] * len(graph.inputs)
    for node in graph.nodes:
        column.append(1 + max((column[pin.source] for pin in node.pins), default=0))
    readers: list[list[int]] = [[] for _ in column]
    for source, node in zip(_sources(graph), graph.nodes, strict=True):
        for pin in node.pins:
            readers[pin.source].append(source)
    handed = {end.source for end in graph.ends} | {graph.output.source}
    for source, node in reversed(list(zip(_sources(graph), graph.nodes, strict=True))):
        if node.kind == "block" or source in handed or not readers[source]:
            continue
        others = [[column[reader] for reader in readers[pin.source] if reader != source] for pin in node.pins]
        far = min([column[reader] - 1 for reader in readers[source]] + [max(other, default=0) for other in others])
        column[source] = max(column[source], far)
    return column


def _reach(graph: Graph, column: Sequence[int], last: int) -> list[int]:
    """The last column that each source is read in."""
    reach = list(column)
    for source, node in zip(_sources(graph), graph.nodes, strict=True):
        for pin in node.pins:
            reach[pin.source] = max(reach[pin.source], column[source])
    for source in (graph.output.source, *(end.source for end in graph.ends)):
        reach[source] = last
    return reach


def _rails(graph: Graph) -> Iterator[tuple[list[int], int]]:
    """For each state that can run straight the sources from its old value to its new one, and which state it is.

    It is the shortest way through nodes that work element by element; no two states share a node.
    """
    taken: set[int] = set()
    old = [source for source in range(len(graph.inputs)) if source != graph.x]
    for state, end in enumerate(graph.ends):
        path = _path(graph, old[state], end.source, taken)
        if path and not (len(path) == 1 and end.source != old[state]):
            taken |= set(path)
            yield path, state


def _path(graph: Graph, start: int, goal: int, taken: set[int]) -> list[int]:
    """The shortest way from a source to another; nothing where there is none."""
    paths = [[start]] * (start not in taken)
    seen = {start}
    while paths:
        path = paths.pop(0)
        if path[-1] == goal:
            return path
        for source, node in zip(_sources(graph), graph.nodes, strict=True):
            reads = any(pin.source == path[-1] for pin in node.pins)
            if reads and node.is_pointwise and source not in seen and source not in taken:
                seen.add(source)
                paths.append([*path, source])
    return []


class _Hops(NamedTuple):
    """What leads from column to column. own: by source its own item; passes: by source and column the item that passes.

    last: the column of the states after.
    """

    graph: Graph
    items: tuple[Item, ...]
    own: dict[int, int]
    passes: dict[tuple[int, int], int]
    last: int

    def hops(self, place: int) -> Iterator[Hop]:
        """All that leads from a column to the next."""
        sources = range(len(self.graph.inputs) + len(self.graph.nodes))
        for source in sources:
            left = self.at(source, place)
            is_x = source == self.graph.x and place == 0
            rights = tuple(self.rights(source, place + 1)) if left is not None or is_x else ()
            up = place == self.last - 1 and source == self.graph.output.source
            if rights or up:
                yield Hop(source, left, rights, up=up)

    def at(self, source: int, place: int) -> int | None:
        """A source's item in a column."""
        own = self.own.get(source)
        if own is not None and self.items[own].column == place:
            return own
        return self.passes.get((source, place))

    def rights(self, source: int, place: int) -> Iterator[tuple[int, int]]:
        for number, item in enumerate(self.items):
            if item.column != place:
                continue
            if item.node is not None:
                for pin, read in enumerate(self.graph.nodes[item.node].pins):
                    if read.source == source:
                        yield number, pin
            elif item.source == source:
                yield number, 0

    def rail(self, path: Sequence[int], state: int) -> tuple[int, ...]:
        """The items of a state's way, from its old value to its new one."""
        end = next(number for number, item in enumerate(self.items) if item.end == state)
        items: list[int] = []
        stops = [*(self.items[self.own[source]].column for source in path), self.last]
        for source, stop in zip(path, stops[1:], strict=True):
            own = self.own[source]
            items += [own, *(self.passes[source, place] for place in range(self.items[own].column + 1, stop))]
        return (*items, end)
