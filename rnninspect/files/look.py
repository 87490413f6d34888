"""A file looked into: the layers that were found, and of each where its plan and the file's own tensors differ."""

from __future__ import annotations

from typing import NamedTuple

from rnninspect.files.agreement import TensorDifference, compared
from rnninspect.files.found import FoundLayer, Identified
from rnninspect.files.identify import identify
from rnninspect.files.read import read
from rnninspect.files.variants import layer_of


class Compared(NamedTuple):
    """A layer held against its plan. agreeing, tensors: how many tensors are alike, of all that plan or file have."""

    found: FoundLayer
    differences: tuple[TensorDifference, ...]
    agreeing: int
    tensors: int


class LookedInto(NamedTuple):
    """What a file holds, and its layers held against their plans."""

    identified: Identified
    layers: tuple[Compared, ...]

    @property
    def file(self) -> str:
        """The file, as it was named."""
        return self.identified.held.file

    @property
    def parameters(self) -> int:
        """Elements of the layers' tensors, one of two layers counted once."""
        parts = (part for layer in self.layers for part in layer.found.parts)
        return sum({part.tensor.name: part.tensor.elements for part in parts}.values())

    @property
    def differs(self) -> bool:
        """Whether plan and file differ anywhere."""
        return any(layer.differences for layer in self.layers)

    @property
    def ok(self) -> bool:
        """Whether nothing is missing of the file, and plan and file agree."""
        return not self.differs and not self.identified.held.damage


def look_into(path: str) -> LookedInto:
    """Read a file, find its layers, and hold each against its plan. Raises DocumentError and NotInstalled."""
    return against_plans(identify(read(path)))


def against_plans(identified: Identified) -> LookedInto:
    """The layers that were found, each held against its plan."""
    return LookedInto(identified, tuple(map(_compared, identified.layers)))


def _compared(found: FoundLayer) -> Compared:
    each = list(compared(found, layer_of(found)))
    differing = tuple(difference for difference in each if difference is not None)
    return Compared(found=found, differences=differing, agreeing=len(each) - len(differing), tensors=len(each))
