"""The wires between two columns: each that bends has a vertical track, and the tracks stand so that few wires cross."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

# Two wires of different sources nearer than this look like one.
NEAR = 5.0
_ONE_LINE = 50  # what two wires on one line cost, in crossings


class Run(NamedTuple):
    """A source's wire through a channel.

    left: the line it comes in on; None from below. rights: the lines it leaves on. top, bottom: of its vertical part,
    where it has one, beyond the picture where it comes from below or leaves upwards.
    """

    source: int
    left: float | None
    rights: tuple[float, ...]
    top: float
    bottom: float

    @property
    def bends(self) -> bool:
        """Whether it needs a track."""
        return self.bottom - self.top > 0.01

    @property
    def turns(self) -> int:
        """On how many lines it leaves that are not the one it comes in on."""
        return sum(abs(line - (self.left or 0.0)) > 0.5 for line in self.rights)


def run(source: int, left: float | None, rights: Sequence[float], *, up: bool = False) -> Run:
    """A wire on these lines. up: it also leaves upwards."""
    lines = [*rights, *([] if left is None else [left])]
    top = -math.inf if up else min(lines)
    return Run(source=source, left=left, rights=tuple(rights), top=top, bottom=math.inf if left is None else max(lines))


def tracks_of(runs: Sequence[Run]) -> dict[int, int]:
    """By source the number of its track, from the left; wires that do not bend have none."""
    bent = [wire for wire in runs if wire.bends]
    price = {(one.source, other.source): _price(one, other) for one in bent for other in bent if one is not other}
    order = _ordered([wire.source for wire in sorted(bent, key=_middle)], price)
    by_source = {wire.source: wire for wire in bent}
    tracks: dict[int, int] = {}
    for source in order:
        wire = by_source[source]
        beside = [track for other, track in tracks.items() if _meet(wire, by_source[other])]
        tracks[source] = max(beside, default=-1) + 1
    return tracks


def crossings(runs: Sequence[Run]) -> int:
    """What the crossings of a channel cost as it is laid out."""
    tracks = tracks_of(runs)
    bent = [wire for wire in runs if wire.bends]
    total = sum(
        _price(one, other)
        for one in bent
        for other in bent
        if one is not other and tracks[one.source] < tracks[other.source]
    )
    straight = [wire.left for wire in runs if not wire.bends and wire.left is not None]
    return total + sum(_through(line, other) for line in straight for other in bent)


def _middle(wire: Run) -> float:
    return max(wire.top, -1e6) + min(wire.bottom, 1e6)


def _meet(one: Run, other: Run) -> bool:
    return one.top < other.bottom + 2 * NEAR and other.top < one.bottom + 2 * NEAR


def _price(left: Run, right: Run) -> int:
    """How often two wires cross where the one has its track to the left of the other's."""
    price = sum(_through(line, right) for line in left.rights)
    return price + (_through(right.left, left) if right.left is not None else 0)


def _through(line: float, wire: Run) -> int:
    """What it costs where a line meets the vertical part of a wire: nothing beside it, one crossing within."""
    if line < wire.top - NEAR or line > wire.bottom + NEAR:
        return 0
    return 1 if wire.top + NEAR < line < wire.bottom - NEAR else _ONE_LINE


def _ordered(sources: list[int], price: dict[tuple[int, int], int]) -> list[int]:
    """The order of tracks that costs least, as far as moving one at a time finds it."""
    order = list(sources)
    better = True
    while better:
        better = False
        for source in sources:
            place = order.index(source)
            others = order[:place] + order[place + 1 :]
            costs = _costs(source, others, price)
            best = min(range(len(costs)), key=lambda number: (costs[number], abs(number - place)))
            if costs[best] < costs[place]:
                order = [*others[:best], source, *others[best:]]
                better = True
    return order


def _costs(source: int, others: Sequence[int], price: dict[tuple[int, int], int]) -> list[int]:
    """What it costs to stand at each place among the others."""
    cost = sum(price[source, other] for other in others)
    costs = [cost]
    for other in others:
        cost += price[other, source] - price[source, other]
        costs.append(cost)
    return costs
