"""How far down each item stands: what is to be level is level, and the others come as near to it as there is room.

Items that are to be level form a group: a state's rail, a wire on its way, a node and the first that reads it. Groups
start as high as they can stand, and then each moves to where most of its wires would be straight, between its
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import chain, pairwise
from statistics import median_low
from typing import NamedTuple

from rnninspect.pictures.boxes import Box
from rnninspect.pictures.columns import Columns
from rnninspect.pictures.order import Order

_GAP = 10.0
_ROUNDS, _STRAIGHT = 60, 20
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

    def placed(self, links: Sequence[_Link]) -> list[float]:
        """The line of every item."""
        room = _Room(self)
        at = room.tightest()
        latest = room.latest(at)
        wants = self.wants(links)
        for rounds, nearest in ((_ROUNDS, False), (_STRAIGHT, True)):
            for number in range(rounds):
                before = dict(at)
                for group in room.order[::-1] if number % 2 == 0 else room.order:
                    if wanted := [at[other] + shift for other, shift in wants.get(group, ())]:
                        goal = min(wanted, key=lambda want: abs(want - at[group])) if nearest else median_low(wanted)
                        at[group] = room.clamped(group, min(goal, latest[group]), at)
                if at == before:
                    break
        lines = [at[self.group[item]] + self.offset[item] for item in range(len(self.boxes))]
        top = min(line + box.above for line, box in zip(lines, self.boxes, strict=True))
        return [round(line - top, 2) for line in lines]

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


class _Room:
    """How near groups may come to each other.

    over, under: by group those next above and below, each with the least distance. first: how high it may stand, below
    a top of 0; ends: how far down it reaches. order: the groups, each after those above it.
    """

    def __init__(self, groups: _Groups) -> None:
        self.over: dict[int, dict[int, float]] = {group: {} for group in groups.members}
        self.under: dict[int, dict[int, float]] = {group: {} for group in groups.members}
        boxes, offset = groups.boxes, groups.offset
        for above, below in groups.below.items():
            one, other = groups.group[above], groups.group[below]
            least = offset[above] + boxes[above].below - boxes[below].above + _GAP - offset[below]
            self.over[other][one] = self.under[one][other] = max(least, self.over[other].get(one, least))
        self.first = {group: max(-boxes[k].above - offset[k] for k in items) for group, items in groups.members.items()}
        self.ends = {group: max(boxes[k].below + offset[k] for k in items) for group, items in groups.members.items()}
        self.order = list(TopologicalSorter(self.over).static_order())

    def tightest(self) -> dict[int, float]:
        """Every group as high as it can stand."""
        at: dict[int, float] = {}
        for group in self.order:
            at[group] = max([self.first[group], *(at[above] + least for above, least in self.over[group].items())])
        return at

    def latest(self, at: Mapping[int, float]) -> dict[int, float]:
        """Every group as low as it may stand."""
        floor = max(_TALL, *(at[group] + end for group, end in self.ends.items()))
        latest: dict[int, float] = {}
        for group in reversed(self.order):
            under = (latest[below] - least for below, least in self.under[group].items())
            latest[group] = min([floor - self.ends[group], *under])
        return latest

    def clamped(self, group: int, goal: float, at: Mapping[int, float]) -> float:
        """The height next to `goal` that the neighbours leave."""
        for above, least in self.over[group].items():
            goal = max(goal, at[above] + least)
        goal = max(goal, self.first[group])
        for below, least in self.under[group].items():
            goal = min(goal, at[below] - least)
        return goal
