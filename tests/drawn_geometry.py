"""What is wrong with a picture that is laid out, told from its own numbers: what touches, crosses or stands on what."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

from rnninspect.pictures.scene import Label, Picture, Placed
from rnninspect.pictures.texts import width

NEAR = 4.0  # two wires nearer than this along one line look like one


class Rectangle(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Rectangle, margin: float = 0.0) -> bool:
        return (
            self.left < other.right + margin
            and other.left < self.right + margin
            and self.top < other.bottom + margin
            and other.top < self.bottom + margin
        )


class Segment(NamedTuple):
    """A straight piece of a source's wire: where it is, and whether it runs level."""

    source: int
    at: Rectangle
    level: bool


def segments(picture: Picture) -> list[Segment]:
    """The pieces of all wires, each as often as it is drawn."""
    return [
        Segment(wire.source, Rectangle(min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)), y == to_y)
        for wire in picture.wires
        for (x, y), (to_x, to_y) in pairwise(wire.points)
    ]


def box(placed: Placed, inside: float = 0.0) -> Rectangle:
    x, y, right, bottom = placed.x, placed.y, placed.x + placed.width, placed.y + placed.height
    return Rectangle(x + inside, y + inside, right - inside, bottom - inside)


def text_box(label: Label) -> Rectangle:
    """Where a label's letters are: a serif's height above its line, an index's below."""
    wide = width(label.text)
    left = label.x - (wide if label.anchor == "end" else 0.0)
    return Rectangle(left, label.y - 10.0, left + wide, label.y + 3.0)


def faults(picture: Picture, *, down: bool = False) -> Iterator[str]:
    """Every fault, in words. down: its wires run from above to below, not from left to right."""
    wires = segments(picture)
    yield from (f"askew: {at}" for _, at, _ in wires if at.left != at.right and at.top != at.bottom)
    for one, other in combinations(picture.nodes, 2):
        if box(one).meets(box(other)):
            yield f"nodes overlap: {one.node} {other.node}"
    for placed in picture.nodes:
        read, whole = {pin.source for pin in placed.node.pins}, box(placed, inside=1.5)
        # why not the edge of a node that reads it: a wire ends there, inside of what is round.
        beyond = whole._replace(top=whole.top + 5.0) if down else whole._replace(left=whole.left + 5.0)
        yield from (f"through {placed.node}: {at}" for s, at, _ in wires if at.meets(beyond if s in read else whole))
    yield from _on_one_line(wires)
    yield from _labels(picture, wires)
    whole = Rectangle(0.0, 0.0, picture.width, picture.height)
    x, y, wide, high = picture.frame
    frame = Rectangle(x, y, x + wide, y + high)
    yield from (f"outside the picture: {label}" for label in map(text_box, picture.labels) if not _within(label, whole))
    yield from (f"outside the frame: {placed.node}" for placed in picture.nodes if not _within(box(placed), frame))


def _within(inner: Rectangle, outer: Rectangle) -> bool:
    return (
        outer.left < inner.left and inner.right < outer.right and outer.top < inner.top and inner.bottom < outer.bottom
    )


def _on_one_line(wires: list[Segment]) -> Iterator[str]:
    """Wires of two sources that run beside each other as if they were one."""
    for level in (True, False):
        lines = [(at if level else _turned(at), source) for source, at, is_level in wires if is_level == level]
        lines.sort(key=lambda line: line[0].top)
        for number, (one, source) in enumerate(lines):
            for other, another in lines[number + 1 :]:
                if other.top - one.top >= NEAR:
                    break
                if source != another and min(one.right, other.right) - max(one.left, other.left) > -1.0:
                    yield f"on one line: {source} {one} and {another} {other}"


def _turned(at: Rectangle) -> Rectangle:
    return Rectangle(at.top, at.left, at.bottom, at.right)


def _labels(picture: Picture, wires: list[Segment]) -> Iterator[str]:
    texts = [text_box(label) for label in picture.labels]
    nodes = [box(placed) for placed in picture.nodes]
    for one, other in combinations(range(len(texts)), 2):
        if texts[one].meets(texts[other], margin=-1.0):
            yield f"texts overlap: {picture.labels[one]} {picture.labels[other]}"
    for label, place in zip(picture.labels, texts, strict=True):
        yield from (f"a wire through {label}: {wire.at}" for wire in wires if wire.at.meets(place))
        yield from (f"a node on {label}: {node}" for node in nodes if node.meets(place))


def crossings(picture: Picture) -> int:
    """How often wires of two sources cross, counted from their pieces."""
    wires = segments(picture)
    return len(
        {
            (one.source, other.source, other.at.left, one.at.top)
            for one in wires
            if one.level
            for other in wires
            if not other.level
            and one.source != other.source
            and one.at.left < other.at.left < one.at.right
            and other.at.top < one.at.top < other.at.bottom
        }
    )


def bridges(picture: Picture) -> int:
    """How often a wire is drawn to pass over another's."""
    return sum(mark.shape == "bridge" for mark in picture.marks)
