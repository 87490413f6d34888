"""A layer of one cell in one direction or two, for the rules of frameworks whose files hold no stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rnninspect.conventions.packing import Biases, Kind
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldTensor
from rnninspect.files.rules.directions import around, is_backward
from rnninspect.files.rules.torch import NOT_HERE


class Cell(NamedTuple):
    """One cell. prefix: without what ends it. tensors: by their roles in the convention."""

    prefix: str
    kind: Kind
    input_size: int
    hidden: int
    biases: Biases
    reset_after: bool | None
    tensors: Mapping[str, HeldTensor]

    @property
    def parts(self) -> tuple[str, ...]:
        """Of its prefix."""
        return tuple(self.prefix.replace(".", "/").split("/"))

    def alike(self, other: Cell) -> bool:
        """Whether it could be the other direction of the same layer."""
        mine = (self.kind, self.input_size, self.hidden, self.reset_after)
        return mine == (other.kind, other.input_size, other.hidden, other.reset_after)


def layers_of(cells: Sequence[Cell], convention: str, unknown: Mapping[Kind, Mapping[str, str]]) -> list[FoundLayer]:
    """The cells as layers, those of two directions as one."""
    by_parts = {cell.parts: cell for cell in cells}
    pairs = {}
    for cell in cells:
        split = around(cell.parts)
        other = by_parts.get(split[1]) if split else None
        if split and split[0] and other and cell.alike(other):
            pairs[cell.parts] = (cell.prefix[: len("/".join(split[0]))], other)
    backward = {other.parts for _, other in pairs.values()}
    layers = []
    for cell in cells:
        if cell.parts in pairs:
            name, other = pairs[cell.parts]
            layers.append(_layer(name, [cell, other], convention, unknown[cell.kind]))
        elif cell.parts not in backward:
            # why: which end a cell is run from is said to what runs it, and is in no name but one of those two.
            more = {} if is_backward(cell.parts) else {"reverse": NOT_HERE}
            layers.append(_layer(cell.prefix, [cell], convention, {**unknown[cell.kind], **more}))
    return layers


def _layer(name: str, cells: Sequence[Cell], convention: str, unknown: Mapping[str, str]) -> FoundLayer:
    first = cells[0]
    return FoundLayer(
        name=name,
        type=first.kind,
        input_size=first.input_size,
        hidden_size=first.hidden,
        bidirectional=len(cells) == 2,
        reverse=len(cells) == 1 and is_backward(first.parts),
        biases=next((cell.biases for cell in cells if cell.biases != "none"), "none"),
        reset_after=first.reset_after,
        convention=convention,
        parts=tuple(
            Part(tensor=tensor, role=role, direction=direction)
            for direction, cell in enumerate(cells)
            for role, tensor in cell.tensors.items()
        ),
        known_from="names",
        unknown=unknown,
    )
