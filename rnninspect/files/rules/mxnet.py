"""MXNet Gluon: `l0_i2h_weight`, `r0_h2h_bias` of both directions, and those of cells, `lstm0_i2h_weight`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rnninspect.files.found import FoundLayer
from rnninspect.files.held import HeldTensor
from rnninspect.files.rules.left import Group, Left, Read, Undecided, bare
from rnninspect.files.rules.torch import Place, layer_of_stack

_ROLE = r"(i2h|h2h|h2r)_(weight|bias)"
_STACKED = re.compile(rf"(?:(.*)_)?([lr])(0|[1-9][0-9]{{0,8}})_{_ROLE}", re.DOTALL)
_CELL = re.compile(rf"(?:(.*)_)?{_ROLE}", re.DOTALL)
_TORCH = {
    "i2h_weight": "weight_ih",
    "h2h_weight": "weight_hh",
    "i2h_bias": "bias_ih",
    "h2h_bias": "bias_hh",
    "h2r_weight": "weight_hr",
}
_MXNET = {theirs: ours for ours, theirs in _TORCH.items()}


def read(left: Left) -> Read:
    """Every layer and cell of Gluon, and what has its names and cannot be read."""
    for prefix, group in left.holding(_CELL.fullmatch):
        found: dict[str, dict[Place, str]] = {}
        for base, place, last in _places(group):
            found.setdefault(base, {}).setdefault(place, last)
        for base, lasts in found.items():
            tensors: dict[Place, HeldTensor] = {place: group[last] for place, last in lasts.items()}
            left.take(prefix, lasts.values())
            yield _named(layer_of_stack(prefix + base, tensors), bare(prefix + base))


def _places(group: Group) -> Iterator[tuple[str, Place, str]]:
    for last in group:
        stacked = _STACKED.fullmatch(last)
        match = stacked or _CELL.fullmatch(last)
        role = _TORCH.get("_".join(match.groups()[-2:])) if match else None
        if match and role:
            layer = int(match.group(3)) if stacked else 0
            yield match.group(1) or "", Place(layer, int(bool(stacked) and match.group(2) == "r"), role), last


def _named(found: FoundLayer | Undecided, name: str) -> FoundLayer | Undecided:
    if isinstance(found, Undecided):
        return found
    parts = tuple(part._replace(role=_MXNET[part.role]) for part in found.parts)
    return found._replace(name=name, convention="MXNet", parts=parts)
