"""The plan against the file's own tensors: what is missing, what is too many, what has another shape."""

from __future__ import annotations

from found_by_hand import FOUND

from rnninspect.files.agreement import compared
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldTensor
from rnninspect.files.variants import layer_of


def part(role: str, *shape: int, layer: int = 0, direction: int = 0) -> Part:
    return Part(HeldTensor(f"x.{role}", shape, "float32"), role, layer, direction)


WHOLE = (part("kernel", 5, 28), part("recurrent_kernel", 7, 28), part("bias", 28))
KERAS = FOUND._replace(biases="one", convention="Keras", parts=WHOLE)


def counted(found: FoundLayer) -> tuple[list[tuple[object, ...]], tuple[int, int]]:
    """What differs, and how many tensors are alike, of how many."""
    each = list(compared(found, layer_of(found)))
    return [tuple(difference) for difference in each if difference], (each.count(None), len(each))


def test_alike() -> None:
    assert counted(KERAS) == ([], (3, 3))


def test_another_shape() -> None:
    found = KERAS._replace(parts=(part("kernel", 28, 5), *WHOLE[1:]))
    assert counted(found) == ([("x.kernel", "shape", (5, 28), (28, 5))], (2, 3))


def test_one_is_missing() -> None:
    assert counted(KERAS._replace(parts=WHOLE[:2])) == ([("a.b bias", "not in the file", (28,), None)], (2, 3))


def test_one_is_too_many() -> None:
    more = [part("w_ci", 7), part("kernel", 5, 28), part("kernel", 5, 28, layer=1), part("kernel", 5, 28, direction=1)]
    for extra in more:
        got, counts = counted(KERAS._replace(parts=(*WHOLE, extra)))
        assert got == [(extra.tensor.name, "not in the plan", None, extra.tensor.shape)]
        assert counts == (3, 4)


def test_what_is_missing_is_named_by_layer_and_direction() -> None:
    two = KERAS._replace(num_layers=2, bidirectional=True, parts=())
    names = [difference[0] for difference in counted(two)[0]]
    assert len(names) == 12
    assert names[-1] == "a.b bias, layer 1, reverse"


def test_one_tensor_of_both_directions() -> None:
    parts = (part("W", 2, 28, 5), part("R", 2, 28, 7), part("B", 2, 56))
    found = FOUND._replace(bidirectional=True, convention="ONNX", parts=parts)
    assert counted(found) == ([], (3, 3))
    assert counted(found._replace(bidirectional=False))[1] == (0, 3)
