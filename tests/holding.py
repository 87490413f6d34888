"""Records of files that hold tensors of given shapes, for tests of rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rnninspect.files.agreement import TensorDifference, compared
from rnninspect.files.found import FoundLayer, Identified
from rnninspect.files.held import Held, HeldLayer, HeldTensor
from rnninspect.files.identify import identify
from rnninspect.files.variants import layer_of

Shapes = dict[str, tuple[int, ...]]


def below(prefix: str, shapes: Shapes, end: str = "") -> Shapes:
    """Tensors under longer names."""
    return {prefix + name + end: shape for name, shape in shapes.items()}


def held(shapes: Shapes, layers: Iterable[HeldLayer] = (), **more: Any) -> Held:
    """A file that holds these tensors."""
    tensors = {name: HeldTensor(name, tuple(shape), "float32") for name, shape in shapes.items()}
    return Held("file", more.pop("format", "of a test"), tensors, tuple(layers), **more)


def identified(shapes: Shapes, layers: Iterable[HeldLayer] = (), **more: Any) -> Identified:
    return identify(held(shapes, layers, **more))


def only(found: Identified) -> FoundLayer:
    """The one layer of a file in which nothing is left undecided."""
    assert found.undecided == ()
    (layer,) = found.layers
    return layer


def differing(found: FoundLayer) -> tuple[TensorDifference, ...]:
    return tuple(filter(None, compared(found, layer_of(found))))


def agrees(found: FoundLayer) -> bool:
    """Whether plan and file agree, in every tensor and in number of parameters."""
    layer = layer_of(found)
    counted = sum(weight.count for weight in layer.weights("float32"))
    return list(compared(found, layer)) == [None] * len(found.parts) and counted == found.parameters
