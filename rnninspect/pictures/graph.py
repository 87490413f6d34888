"""What a picture of a cell shows, before anything has a place: nodes, and who reads what whom they compute.

Whatever puts out one vector is a source: x, the states of the step before, each node. Sources are numbered, the inputs
first; a vector that is read several times is one source with several readers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rnninspect.pictures.texts import Text


class Pin(NamedTuple):
    """Where a node reads a source. sign: what it does with it, where that is not plain: + − • ÷."""

    source: int
    sign: str = ""


class Line(NamedTuple):
    """A line of text in a block: a term of its sum, its size at the right. pin: which of the block's pins is level."""

    text: Text
    size: Text
    pin: int | None


class Node(NamedTuple):
    """One node.

    kind: `block` of lines, with a function at its end (cap) or without; `circle` with a sign; `pill` with a text;
    `column`, a pill as high as its pins, each with its sign; `function`, a box; `layer`, of a model: lines of which the
    first is its head, with its type (cap). text: of the others; of a column what is written below its signs.
    function: its name in the equation language, for its colour. is_pointwise: a state stays the same line through it.
    said: in words what it is, where its texts do not add up to that.
    """

    kind: str
    pins: tuple[Pin, ...]
    text: Text = ()
    lines: tuple[Line, ...] = ()
    cap: Text = ()
    function: str = ""
    is_pointwise: bool = False
    said: str = ""


class Vector(NamedTuple):
    """A vector as it is named in the picture. width: how many numbers it has."""

    text: Text
    width: int
    source: int


@dataclass(frozen=True, kw_only=True)
class Graph:
    """One step of a cell.

    inputs: x, where it is read, and the states before; the sources of the same numbers. x: its number, None without.
    nodes: in the order they are computed; the source of node k is len(inputs) + k.
    labels: what is computed by name; of one source several where a vector is only renamed.
    ends: what the states become. output: what is put out.
    """

    inputs: tuple[Vector, ...]
    x: int | None
    nodes: tuple[Node, ...]
    labels: tuple[Vector, ...]
    ends: tuple[Vector, ...]
    output: Vector

    def node(self, source: int) -> Node | None:
        """The node that is a source; None of an input."""
        return self.nodes[source - len(self.inputs)] if source >= len(self.inputs) else None

    @property
    def output_is_state(self) -> bool:
        """Whether what is put out is also handed to the next step."""
        return any(end.source == self.output.source for end in self.ends)


def is_sum(node: Node) -> bool:
    """Whether a circle or a column adds up; else it multiplies."""
    signs = [pin.sign for pin in node.pins if pin.sign] or [piece.text for piece in node.text]
    return signs[0] in ("+", "−")
