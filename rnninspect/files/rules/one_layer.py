"""A layer of one cell in one direction or two, for the rules of frameworks whose files hold no stacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.conventions.packing import Biases, Kind
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldTensor
from rnninspect.files.rules.torch import NOT_HERE

# What stands for the direction that reads the sequence from its beginning, and for the other.
_PAIRS: Mapping[str, str] = {"fw": "bw", "forward_rnn": "backward_rnn", "forward": "backward"}


class Cell(NamedTuple):
    """One cell. prefix: without what ends it. tensors: by their roles in the convention."""

    prefix: str
    kind: Kind
    input_size: int
    hidden: int
    biases: Biases
    tensors: Mapping[str, HeldTensor]

    @property
    def parts(self) -> tuple[str, ...]:
        """Of its prefix."""
        return tuple(self.prefix.replace(".", "/").split("/"))

    def alike(self, other: Cell) -> bool:
        """Whether it could be the other direction of the same layer."""
        return (self.kind, self.input_size, self.hidden) == (other.kind, other.input_size, other.hidden)


def around(parts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The parts before the one that means forward, and all of them with backward there; None where none does."""
    for at, part in enumerate(parts):
        if part in _PAIRS:
            return tuple(parts[:at]), (*parts[:at], _PAIRS[part], *parts[at + 1 :])
    return None


def is_backward(parts: Sequence[str]) -> bool:
    """Whether a part means the direction that reads from the end."""
    return not set(parts).isdisjoint(_PAIRS.values())


def layers_of(
    cells: Sequence[Cell], convention: str, unknown: Mapping[Kind, Mapping[str, str]], *, reset_after: bool
) -> Iterator[FoundLayer]:
    """The cells as layers, those of two directions as one. reset_after: of a GRU of the framework."""
    by_parts = {cell.parts: cell for cell in cells}
    pairs = {}
    for cell in cells:
        split = around(cell.parts)
        other = by_parts.get(split[1]) if split else None
        if split and split[0] and other and cell.alike(other):
            pairs[cell.parts] = (cell.prefix[: len("/".join(split[0]))], other)
    backward = {other.parts for _, other in pairs.values()}
    for cell in cells:
        after = reset_after if cell.kind == "GRU" else None
        if cell.parts in pairs:
            name, other = pairs[cell.parts]
            yield _layer(name, [cell, other], convention, unknown[cell.kind], after)
        elif cell.parts not in backward:
            # why: which end a cell is run from is said to what runs it, and is in no name but one of those two.
            more = {} if is_backward(cell.parts) else {"reverse": NOT_HERE}
            yield _layer(cell.prefix, [cell], convention, {**unknown[cell.kind], **more}, after)


def _layer(
    name: str, cells: Sequence[Cell], convention: str, unknown: Mapping[str, str], reset_after: bool | None
) -> FoundLayer:
    first = cells[0]
    return FoundLayer(
        name=name,
        type=first.kind,
        input_size=first.input_size,
        hidden_size=first.hidden,
        bidirectional=len(cells) == 2,
        reverse=len(cells) == 1 and is_backward(first.parts),
        biases=next((cell.biases for cell in cells if cell.biases != "none"), "none"),
        reset_after=reset_after,
        convention=convention,
        parts=tuple(
            Part(tensor=tensor, role=role, direction=direction)
            for direction, cell in enumerate(cells)
            for role, tensor in cell.tensors.items()
        ),
        known_from="names",
        unknown=unknown,
    )
