"""The plan of a layer that was found against the file's own tensors: each is as the convention packs it, or differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from rnninspect.conventions.frameworks import CONVENTIONS
from rnninspect.conventions.torch_layer import symbol_sizes
from rnninspect.files.found import FoundLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.letters import DIRECTIONS, Shape


class TensorDifference(NamedTuple):
    """One tensor that the plan and the file do not have alike.

    tensor: its name in the file, or of one that is missing there what it would be. plan, file: its shape, None where
    there is no such tensor.
    """

    tensor: str
    what: str
    plan: Shape | None
    file: Shape | None


class _Place(NamedTuple):
    """Which tensor of a layer: its role, and the stacked layer and direction it is of."""

    role: str
    layer: int
    direction: int


def expected(found: FoundLayer, layer: Recurrent) -> dict[_Place, Shape]:
    """The shape of every tensor that a file of this convention holds of the layer."""
    shapes = {
        _Place(tensor.role, k, direction): tensor.shape(sizes, layer.directions)
        for (k, direction), sizes in symbol_sizes(layer).items()
        for tensor in CONVENTIONS[found.convention].stored(found)
        if not (tensor.over_directions and direction)
    }
    return {place: shape for place, shape in shapes.items() if shape is not None}


def compared(found: FoundLayer, layer: Recurrent) -> Iterator[TensorDifference | None]:
    """How each tensor that the plan or the file has of the layer differs; None where it is alike."""
    plan = expected(found, layer)
    seen: Counter[_Place] = Counter()
    for part in found.parts:
        place = _Place(part.role, part.layer, part.direction)
        seen[place] += 1
        name, shape = part.tensor.name, part.tensor.shape
        wanted = plan.get(place) if seen[place] == 1 else None
        what = "not in the plan" if wanted is None else "shape"
        differs = TensorDifference(tensor=name, what=what, plan=wanted, file=shape)
        yield None if wanted == shape else differs
    for place, wanted in plan.items():
        if place not in seen:
            yield TensorDifference(tensor=_called(found, place), what="not in the file", plan=wanted, file=None)


def _called(found: FoundLayer, place: _Place) -> str:
    """What a tensor that is missing would be: `encoder bias_hh, layer 1, reverse`."""
    words = " ".join(filter(None, (found.name, place.role)))
    if found.num_layers > 1:
        words += f", layer {place.layer}"
    return words + f", {DIRECTIONS[place.direction]}" * found.bidirectional
