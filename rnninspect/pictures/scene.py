"""A picture laid out, in pixels: boxes, wires, marks on them, texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rnninspect.pictures.graph import Node, Vector
from rnninspect.pictures.texts import Text


class Placed(NamedTuple):
    """A node in its place. x, y: of its left upper corner; middle: the line of the wire that leaves. text: how wide
    the lines of a block are, without its function.
    """

    node: Node
    x: float
    y: float
    width: float
    height: float
    middle: float
    pins: tuple[float, ...]
    text: float
    names: tuple[Vector, ...]


class Wire(NamedTuple):
    """A piece of a source's wire, along its corners. kind: `old` of a state before, `x`, else `new`."""

    source: int
    kind: str
    points: tuple[tuple[float, float], ...]


class Mark(NamedTuple):
    """A dot where a wire branches, an arrowhead (right, left, up, down), a bridge where a wire passes over another."""

    shape: str
    kind: str
    x: float
    y: float


class Label(NamedTuple):
    """A text by its baseline. anchor: start, middle or end."""

    text: Text
    x: float
    y: float
    anchor: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture laid out. frame: x, y, width, height of what is drawn itself, inside of what enters and leaves."""

    width: float
    height: float
    frame: tuple[float, float, float, float]
    nodes: tuple[Placed, ...]
    wires: tuple[Wire, ...]
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]
