"""What stands beside a layer's weights and takes part in its step: a bias of another name, peepholes, norms.

A layer that has some computes something else than its weights alone say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rnninspect.files.held import HeldTensor
from rnninspect.files.rules.left import Group, Left, bare, split

_END = r"(?:_l[0-9]{1,9})?(?:_reverse)?"
_OF_STEP = re.compile(
    rf"b(?:ias)?{_END}|(?:weight|bias|w|b)_(?:c[a-z]?|peep[a-z]*){_END}"
    r"|(?:[a-z0-9]+_)*(?:gamma|beta|norm|layernorm|ln|bn|peepholes?)(?:_[a-z0-9]+)*",
    re.IGNORECASE,
)
_NORM = re.compile(r"(?:.*_)?(?:ln|bn|(?:layer|batch|group|rms)?_?norm)s?[0-9]*(?:_.*)?", re.DOTALL | re.IGNORECASE)
_SCALES = ("weight", "gamma", "scale")

Norms = Mapping[str, Mapping[str, HeldTensor]]


def norms_below(left: Left) -> Norms:
    """By prefix: the scale of each norm that is a part of it, by its name."""
    found: dict[str, dict[str, HeldTensor]] = {}
    for prefix, group in left.holding(_SCALES.__contains__):
        parent, name = split(bare(prefix))
        if _NORM.fullmatch(name):
            found.setdefault(parent, {})[name] = next(group[last] for last in _SCALES if last in group)
    return found


def of_step(group: Group, prefix: str, rows: int, hidden: int, taken: Iterable[str]) -> str | None:
    """A tensor of the group besides those taken that must be of the layer's step; None where there is none.

    rows: of W_hh. why by shape only behind a prefix: without one the tensors of all layers may stand together.
    """
    own = set(taken)
    for last, tensor in group.items():
        if last in own or (last in ("bias", "b") and not group.keys().isdisjoint(("weight", "w"))):
            continue
        # why not of an RNN: as many as it has units have its first state, and much else.
        by_shape = prefix and rows != hidden and tensor.shape[:1] == (rows,) and len(tensor.shape) <= 2
        if by_shape or (_OF_STEP.fullmatch(last) and {rows, hidden} & {*tensor.shape}):
            return last
    return None


def why_not(name: str) -> str:
    """What is to be told of a layer with such a tensor."""
    return f"{name} beside its weights may be of its step, which no rule reads"
