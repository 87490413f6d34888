"""What the letters of a table's axes stand for, and what of an axis is whose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rnninspect.facts.tensors import TensorFact
from rnninspect.facts.weights import WeightFact
from rnninspect.letters import LETTERS, letters_of

# Along the first axis of a state, where there are two directions.
ROWS = "index 2k: layer k forward, 2k+1: layer k reverse"


def legend(axes: Iterable[tuple[str, ...]]) -> str:
    """One sentence for the letters in `axes`, in torch's order."""
    used = {letter for names in set(axes) for axis in names for letter in letters_of(axis)}
    own = {
        letter: "a size of a cell's own" for letter in sorted(used) if letter not in LETTERS and not letter.isdigit()
    }
    return "; ".join(f"{letter} {meaning}" for letter, meaning in (LETTERS | own).items() if letter in used)


def halves(along: Sequence[str]) -> str:
    """The features of each direction: `features 0-6 forward, 7-13 reverse`."""
    first, *others = along
    return ", ".join([first, *(other.partition(" ")[2] for other in others)])


def order(layers: Iterable[tuple[str, Iterable[TensorFact | WeightFact]]]) -> Iterator[str]:
    """For each axis that two directions share which part is whose; with the layers' names where they differ in it."""
    by_axis: dict[str, dict[str, dict[str, None]]] = {}
    for name, tensors in layers:
        for tensor in tensors:
            for axis, along in zip(tensor.axes, tensor.layout, strict=True):
                if "D" in letters_of(axis):
                    by_axis.setdefault(axis, {}).setdefault(_order(tensor, axis, along), {})[name] = None
    for axis, by_order in by_axis.items():
        for text, names in by_order.items():
            if text:
                of = f" of {', '.join(names)}" if len(by_order) > 1 else ""
                yield f"{axis}{of}: {text}"


def _order(tensor: TensorFact | WeightFact, axis: str, along: Sequence[str] | None) -> str:
    if along is None or tensor.directions == 1:
        return ""
    return ROWS if "num_layers" in letters_of(axis) else halves(along)
