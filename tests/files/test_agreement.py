"""The plan against the file's own tensors: what is missing, what is too many, what has another shape."""

from __future__ import annotations

from found_by_hand import FOUND

from rnninspect.files.agreement import agreed, differences
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldTensor
from rnninspect.files.variants import layer_of


def part(role: str, *shape: int, layer: int = 0, direction: int = 0) -> Part:
    return Part(HeldTensor(f"x.{role}", shape, "float32"), role, layer, direction)


WHOLE = (part("kernel", 5, 28), part("recurrent_kernel", 7, 28), part("bias", 28))
KERAS = FOUND._replace(biases="one", convention="Keras", parts=WHOLE)


def compared(found: FoundLayer) -> tuple[list[tuple[object, ...]], tuple[int, int]]:
    layer = layer_of(found)
    return [tuple(difference) for difference in differences(found, layer)], agreed(found, layer)


def test_alike() -> None:
    assert compared(KERAS) == ([], (3, 3))


def test_another_shape() -> None:
    found = KERAS._replace(parts=(part("kernel", 28, 5), *WHOLE[1:]))
    assert compared(found) == ([("x.kernel", "shape", (5, 28), (28, 5))], (2, 3))


def test_one_is_missing() -> None:
    assert compared(KERAS._replace(parts=WHOLE[:2])) == ([("a.b bias", "not in the file", (28,), None)], (2, 3))


def test_one_is_too_many() -> None:
    more = [part("w_ci", 7), part("kernel", 5, 28), part("kernel", 5, 28, layer=1), part("kernel", 5, 28, direction=1)]
    for extra in more:
        got, counts = compared(KERAS._replace(parts=(*WHOLE, extra)))
        assert got == [(extra.tensor.name, "not in the plan", None, extra.tensor.shape)]
        assert counts == (3, 4)


def test_what_is_missing_is_named_by_layer_and_direction() -> None:
    two = KERAS._replace(num_layers=2, bidirectional=True, parts=())
    names = [difference.tensor for difference in differences(two, layer_of(two))]
    assert len(names) == 12
    assert names[-1] == "a.b bias, layer 1, reverse"


def test_one_tensor_of_both_directions() -> None:
    parts = (part("W", 2, 28, 5), part("R", 2, 28, 7), part("B", 2, 56))
    found = FOUND._replace(bidirectional=True, convention="ONNX", parts=parts)
    assert compared(found) == ([], (3, 3))
    assert compared(found._replace(bidirectional=False))[1] == (0, 3)
