"""How far down each item stands: what shall be level is level, and the others come as near to it as there is room.

Items that are to be level form a group: a state's rail, a wire on its way, a node and the first that reads it. Groups
start as high as they can stand, and then each moves to where most of its wires would be straight, between its
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from statistics import median_low
from typing import NamedTuple

from rnninspect.pictures.boxes import Box
from rnninspect.pictures.columns import Columns
from rnninspect.pictures.order import Order

GAP = 10.0
_ROUNDS, _STRAIGHT = 80, 20
_TALL = 480.0  # higher than so, or than it must be, a picture does not get for its wires to be straight


class _Link(NamedTuple):
    """A wire between two items: the line of `item` is to be that of `other` plus shift."""

    item: int
    other: int
    shift: float


def heights_of(columns: Columns, order: Order, boxes: Sequence[Box], *, near: bool = False) -> list[float]:
    """The line of every item's wire, downwards from 0 at the top of what is highest.

    near: where only one of two can be level, a node is it rather than a wire that passes.
    """
    links = list(_links(columns, boxes))
    groups = _Groups(order, boxes)
    for rail in columns.rails:
        for one, other in pairwise(rail):
            groups.join(one, other, 0.0)
    for link in sorted(links, key=lambda link: _wish(columns, link, near)):
        groups.join(link.item, link.other, link.shift)
    return groups.placed(links)


def _links(columns: Columns, boxes: Sequence[Box]) -> Iterator[_Link]:
    for hop in chain.from_iterable(columns.hops):
        for right, pin in hop.rights:
            if hop.left is not None:
                yield _Link(hop.left, right, boxes[right].pins[pin])


def _wish(columns: Columns, link: _Link, near: bool) -> tuple[int, bool, int]:
    """Which links are made level first: wires on their way, then those into the middle of a node, then any."""
    left, right = columns.items[link.item], columns.items[link.other]
    passes = right.node is None and right.end is None
    if passes and left.node is None:
        return 0, False, left.column
    return (1 if passes else 2 if link.shift == 0 else 3), near and left.node is None, left.column


class _Groups:
    """Items that are level, each with its line measured from the group's."""

    def __init__(self, order: Order, boxes: Sequence[Box]) -> None:
        self.order, self.boxes = order, boxes
        self.group = list(range(len(boxes)))
        self.offset = [0.0] * len(boxes)
        self.members: dict[int, list[int]] = {item: [item] for item in range(len(boxes))}
        self.below = {above: below for column in order for above, below in pairwise(column)}
        self.above = {below: above for above, below in self.below.items()}

    def join(self, item: int, other: int, shift: float) -> None:
        """Make two items level, where nothing forbids it: the line of `item` that of `other` plus shift."""
        one, two = self.group[item], self.group[other]
        if one == two or self.reaches(one, two) or self.reaches(two, one):
            return
        move = self.offset[item] - shift - self.offset[other]
        for member in self.members.pop(two):
            self.group[member] = one
            self.offset[member] += move
            self.members[one].append(member)

    def reaches(self, one: int, other: int) -> bool:
        """Whether a group stands somewhere above another, itself or by what is between."""
        seen, rest = {one}, [one]
        while rest:
            for member in self.members[rest.pop()]:
                below = self.below.get(member)
                if below is None:
                    continue
                group = self.group[below]
                if group == other:
                    return True
                if group not in seen:
                    seen.add(group)
                    rest.append(group)
        return False

    def apart(self, above: int, below: int) -> float:
        """The least distance of the lines of two neighbours of a column."""
        return self.boxes[above].below - self.boxes[below].above + GAP

    def placed(self, links: Sequence[_Link]) -> list[float]:
        """The line of every item."""
        at, wants, order = self.tightest(), self.wants(links), self.sorted()
        latest = self.latest(order, at)
        for number in range(_ROUNDS):
            for group in self.members if number % 2 else reversed(list(self.members)):
                wanted = [at[other] + shift for other, shift in wants.get(group, ())]
                if not wanted:
                    continue
                nearest = number >= _ROUNDS - _STRAIGHT
                goal = min(wanted, key=lambda want: abs(want - at[group])) if nearest else median_low(wanted)
                at[group] = min(self.clamped(group, goal, at), latest[group])
        lines = [at[self.group[item]] + self.offset[item] for item in range(len(self.boxes))]
        top = min(line + box.above for line, box in zip(lines, self.boxes, strict=True))
        return [round(line - top, 2) for line in lines]

    def tightest(self) -> dict[int, float]:
        """Every group as high as it can stand, below a top of 0."""
        at: dict[int, float] = {}
        for group in self.sorted():
            at[group] = max(
                at[self.group[above]] + self.offset[above] + self.apart(above, member) - self.offset[member]
                if (above := self.above.get(member)) is not None
                else -self.boxes[member].above - self.offset[member]
                for member in self.members[group]
            )
        return at

    def latest(self, order: Sequence[int], at: Mapping[int, float]) -> dict[int, float]:
        """Every group as low as it may stand."""
        lines = [at[self.group[item]] + self.offset[item] for item in range(len(self.boxes))]
        floor = max(_TALL, *(line + box.below for line, box in zip(lines, self.boxes, strict=True)))
        latest: dict[int, float] = {}
        for group in reversed(order):
            latest[group] = min(
                latest[self.group[below]] + self.offset[below] - self.apart(member, below) - self.offset[member]
                if (below := self.below.get(member)) is not None
                else floor - self.boxes[member].below - self.offset[member]
                for member in self.members[group]
            )
        return latest

    def sorted(self) -> list[int]:
        """The groups, each after those that stand above it."""
        done: dict[int, None] = {}

        def add(group: int) -> None:
            if group in done:
                return
            for member in self.members[group]:
                if (above := self.above.get(member)) is not None and self.group[above] not in done:
                    add(self.group[above])
            done[group] = None

        for group in self.members:
            add(group)
        return list(done)

    def wants(self, links: Sequence[_Link]) -> dict[int, list[tuple[int, float]]]:
        """By group the others that it is joined to, and where it would be level with each."""
        wants: dict[int, list[tuple[int, float]]] = {}
        for item, other, shift in links:
            one, two = self.group[item], self.group[other]
            if one != two:
                away = self.offset[other] + shift - self.offset[item]
                wants.setdefault(one, []).append((two, away))
                wants.setdefault(two, []).append((one, -away))
        return wants

    def clamped(self, group: int, goal: float, at: Mapping[int, float]) -> float:
        """The height next to `goal` that the neighbours leave."""
        for member in self.members[group]:
            if (above := self.above.get(member)) is not None:
                line = at[self.group[above]] + self.offset[above] + self.apart(above, member)
                goal = max(goal, line - self.offset[member])
            else:
                goal = max(goal, -self.boxes[member].above - self.offset[member])
        for member in self.members[group]:
            if (below := self.below.get(member)) is not None:
                line = at[self.group[below]] + self.offset[below] - self.apart(member, below)
                goal = min(goal, line - self.offset[member])
        return goal
