"""Which item stands above which in each column, so that few wires cross: sweeps by the mean place of the neighbours,
then neighbours swapped while that helps, from several starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from rnninspect.pictures.columns import Columns
from rnninspect.pictures.graph import Graph

_SWEEPS = 4
_BELOW, _ABOVE = 1e6, -1e6  # where x comes from, and where what is put out goes to
_PIN = 1 / 64  # a pin's share of the place of its block


class _Wire(NamedTuple):
    """From an item to one of the next column, with the pin's share of a place; None is below, or above."""

    left: int | None
    right: int | None
    pin: float


Order = tuple[tuple[int, ...], ...]
# Those above all other items, and those below.
_Rails = tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]


def orders_of(graph: Graph, columns: Columns) -> list[Order]:
    """The items of each column from above to below: all orders found, with the fewest crossings first."""
    wires = [list(_wires(graph, columns, place)) for place in range(len(columns.hops))]
    found: dict[Order, int] = {}
    for rails, turned in product(_fixed(columns), (False, True)):
        order = _Sorter(columns, wires, rails).sort(turned)
        found[order] = sum(_crossings(wires[place], order, place) for place in range(len(wires)))
    return sorted(found, key=lambda order: found[order])


def _wires(graph: Graph, columns: Columns, place: int) -> Iterator[_Wire]:
    for hop in columns.hops[place]:
        for item, pin in hop.rights:
            node = columns.items[item].node
            in_order = node is not None and graph.nodes[node].kind in ("block", "layer")
            yield _Wire(hop.left, item, pin * _PIN if in_order else 0.0)
        if hop.up:
            yield _Wire(hop.left, None, 0.0)


def _fixed(columns: Columns) -> Iterator[_Rails]:
    """The rails at the top and those at the bottom: all at the top, the first, none."""
    rails = columns.rails
    yield rails, ()
    if len(rails) > 1:
        yield rails[:1], rails[1:]
    if rails:
        yield (), ()


class _Sorter:
    """A state's rail has the same rank in every column that it passes: above all others, or below."""

    def __init__(self, columns: Columns, wires: Sequence[Sequence[_Wire]], rails: _Rails) -> None:
        self.columns = columns
        above, below = rails
        self.rank = {item: number - len(above) for number, rail in enumerate(above) for item in rail}
        self.rank |= {item: number + 1 for number, rail in enumerate(below) for item in rail}
        self.lefts: dict[int, list[tuple[int | None, float]]] = {}
        self.rights: dict[int, list[tuple[int | None, float]]] = {}
        for wire in (wire for part in wires for wire in part):
            if wire.right is not None:
                self.lefts.setdefault(wire.right, []).append((wire.left, 0.0))
            if wire.left is not None:
                self.rights.setdefault(wire.left, []).append((wire.right, wire.pin))

    def sort(self, turned: bool) -> Order:
        order = [list(column[::-1] if turned else column) for column in self.columns.columns]
        for column in order:
            column.sort(key=self.ranked)
        self.place = {item: float(number) for column in order for number, item in enumerate(column)}
        best, least = [list(column) for column in order], self.all_crossings(order)
        for _ in range(_SWEEPS):
            for number in range(1, len(order)):
                self.sweep(order[number], self.lefts)
            for number in reversed(range(len(order) - 1)):
                self.sweep(order[number], self.rights)
            self.swap(order)
            if (crossings := self.all_crossings(order)) < least:
                best, least = [list(column) for column in order], crossings
        return tuple(map(tuple, best))

    def ranked(self, item: int) -> int:
        return self.rank.get(item, 0)

    def all_crossings(self, order: Sequence[Sequence[int]]) -> int:
        return sum(
            self.between(above, below, self.rights)
            for column in order
            for number, above in enumerate(column)
            for below in column[number + 1 :]
        )

    def sweep(self, column: list[int], sides: dict[int, list[tuple[int | None, float]]]) -> None:
        """Sort a column by the mean place of what each item is joined to on one side; rails stay."""
        means = {item: self.mean(item, sides) for item in column}
        column.sort(key=lambda item: (self.ranked(item), means[item]))
        self.number(column)

    def mean(self, item: int, sides: dict[int, list[tuple[int | None, float]]]) -> float:
        found = [self.place[other] + pin for other, pin in sides.get(item, ()) if other is not None]
        if found:
            return sum(found) / len(found)
        return _BELOW if sides is self.lefts and item in sides else self.place[item]

    def number(self, column: Sequence[int]) -> None:
        for number, item in enumerate(column):
            self.place[item] = float(number)

    def swap(self, order: Sequence[list[int]]) -> None:
        """Swap neighbours while that takes crossings away."""
        better = True
        while better:
            better = False
            for column in order:
                for number in range(len(column) - 1):
                    above, below = column[number : number + 2]
                    if self.ranked(above) == self.ranked(below) and self.gains(above, below):
                        column[number : number + 2] = [below, above]
                        self.number(column)
                        better = True

    def gains(self, above: int, below: int) -> bool:
        """Whether fewer wires cross where the two change places."""
        now = self.between(above, below, self.lefts) + self.between(above, below, self.rights)
        return now > self.between(below, above, self.lefts) + self.between(below, above, self.rights)

    def between(self, above: int, below: int, sides: dict[int, list[tuple[int | None, float]]]) -> int:
        """How many wires of two items of a column cross on one side, where the first is above the second."""
        outside = _BELOW if sides is self.lefts else _ABOVE
        first, second = sides.get(above, ()), sides.get(below, ())
        return sum(
            (self.place[one] + pin if one is not None else outside)
            > (self.place[other] + other_pin if other is not None else outside)
            for one, pin in first
            for other, other_pin in second
        )


def _crossings(wires: Sequence[_Wire], order: Order, place: int) -> int:
    """How many wires cross between a column and the next."""
    left = {item: float(number) for number, item in enumerate(order[place])}
    right = {item: float(number) for number, item in enumerate(order[place + 1])}
    ends = sorted(
        (
            _BELOW if wire.left is None else left[wire.left],
            _ABOVE if wire.right is None else right[wire.right] + wire.pin,
        )
        for wire in wires
    )
    return sum(
        one[0] < other[0] and one[1] > other[1] for number, one in enumerate(ends) for other in ends[number + 1 :]
    )
