"""A model with wires drawn from above down: a line for each input and layer, and a column for what is still to be read.

    o        src        (30, 128)
    o        src_embed  (30, 128, 256)
    o        encoder    (128, 512)      last state
    │ o      tgt        (25, 128)
    │ o      embedded   (25, 128, 256)
    ├─┼─o    decoder    (25, 128, 512)  h_0 is encoder's h_n
    o─┴─┘    head       (25, 128, 9)    returned

A layer stands where one that nobody reads any more stood, else in a column of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.layers.feeding import WORDS
from rnninspect.layers.recurrent import Recurrent
from rnninspect.letters import tuple_text
from rnninspect.results.table import Drawing

_NOTE = (
    "A line down is what is still to be read; a layer, o, reads the lines that it is joined with sideways, and none "
    "that is crossed on the way."
)


class _Node(NamedTuple):
    """An input or a layer. reads: whom it reads, adds or starts from, each once; words: what stands beside it."""

    name: str
    reads: tuple[str, ...]
    words: tuple[str, ...]


def graph_block(spec: Spec) -> Drawing:
    """The picture of a model."""
    nodes = list(_nodes(spec))
    lines = list(_lanes(nodes))
    columns = [max(map(len, texts)) for texts in zip(*(node.words for node in nodes), strict=True)]
    margin = max(map(len, lines)) + 2
    rows = (
        line.ljust(margin) + "  ".join(text.ljust(width) for text, width in zip(node.words, columns, strict=True))
        for node, line in zip(nodes, lines, strict=True)
    )
    return Drawing(
        title="from layer to layer", subject=spec.name, lines=tuple(row.rstrip() for row in rows), notes=(_NOTE,)
    )


def _nodes(spec: Spec) -> Iterator[_Node]:
    """Every input before the first layer that reads it, and every layer."""
    inputs = {each.name: each for each in spec.inputs}
    for link in spec.links:
        layer, wires = link.layer, link.wires
        others = [name for name in (wires.add, wires.state_from) if name not in ("", INPUT)]
        for name in (*wires.reads, *others):
            if (each := inputs.pop(name, None)) is not None:
                yield _Node(name, (), (name, tuple_text(each.shape), ""))
        handed_on = link.emitted.tensor("output", "H_out", spec.dtype)
        shape = tuple_text(handed_on.unpacked_shape or handed_on.shape)
        remarks = "; ".join(_remarks(link, returned=layer.name in spec.returns))
        yield _Node(layer.name, tuple(dict.fromkeys([*wires.reads, *others])), (layer.name, shape, remarks))


def _remarks(link: Link, *, returned: bool) -> Iterator[str]:
    layer, wires = link.layer, link.wires
    if isinstance(layer, Recurrent) and layer.feeds != "output":
        yield WORDS[layer.feeds]
    if wires.add:
        yield f"+ {'its input' if wires.add == INPUT else wires.add}"
    if wires.state_from:
        yield f"starts from {wires.state_from}"
    if wires.same_as:
        yield f"weights of {wires.same_as}"
    if returned:
        yield "returned"


def _lanes(nodes: Sequence[_Node]) -> Iterator[str]:
    """The columns beside each node."""
    last = {name: k for k, node in enumerate(nodes) for name in node.reads}
    lanes: list[str | None] = []
    before: list[str | None] = []
    for k, node in enumerate(nodes):
        read = [lanes.index(name) for name in node.reads]
        ending = [lane for lane in read if last[str(lanes[lane])] == k]
        place = min(ending) if ending else _free(lanes, before)
        lanes += [None] * (place + 1 - len(lanes))
        before = list(lanes)
        yield _line(lanes, read, ending, place)
        for lane in ending:
            lanes[lane] = None
        before[place] = node.name
        lanes[place] = node.name if node.name in last else None


def _free(lanes: Sequence[str | None], before: Sequence[str | None]) -> int:
    """The first column that is free, and was in the line before: else the two would look joined."""
    taken = {k for each in (lanes, before) for k, name in enumerate(each) if name is not None}
    return next(k for k in range(len(lanes) + 1) if k not in taken)


def _line(lanes: Sequence[str | None], read: Sequence[int], ending: Sequence[int], place: int) -> str:
    """One line: a node at `place`, joined with the columns that it reads, of which some end there."""
    left, right = min([*read, place]), max([*read, place])
    signs = []
    for lane, name in enumerate(lanes):
        if lane == place:
            sign = "o"
        elif lane in read:
            sign = _joint(ends=lane in ending, first=lane == left, last=lane == right)
        elif name is not None:
            sign = "│"
        else:
            sign = "─" if left < lane < right else " "
        signs.append(sign + ("─" if left <= lane < right else " "))
    return "".join(signs).rstrip()


def _joint(*, ends: bool, first: bool, last: bool) -> str:
    if ends:
        return "└" if first else "┘" if last else "┴"
    return "├" if first else "┤" if last else "┼"
