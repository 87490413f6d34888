"""torch's names: `weight_ih_l0`, `bias_hh_l1_reverse`, with any prefix; a pickled module says its options too.

Rows of W_hh over its columns are decisive: 1 is an RNN, 3 a GRU, 4 an LSTM, more with `weight_hr` a projecting LSTM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.conventions.packing import ORDER, Biases, Kind
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldLayer, HeldTensor, Said
from rnninspect.files.rules.besides import Norms, norms_below, of_step, why_not
from rnninspect.files.rules.left import MOST_STACKED, Group, Left, Read, Undecided, bare

GATES: Mapping[int, Kind] = {len(gates): kind for kind, gates in ORDER.items()}
NOT_HERE = "not in the file"
NONLINEARITY = f"{NOT_HERE}: one of tanh, relu"
# why no leading zeros: l00 would be another name of l0.
_NUMBER = "(0|[1-9][0-9]{0,8})"
_STACKED = re.compile(f"(weight|bias)_(ih|hh|hr)_l{_NUMBER}(_reverse)?")
_CLASSES: Mapping[str, Kind] = {kind: kind for kind in ORDER}


class Place(NamedTuple):
    """Which tensor of a stack."""

    layer: int
    direction: int
    role: str


Tensors = Mapping[Place, HeldTensor]


def read(left: Left) -> Read:
    """Every stack with torch's names, and what has them and cannot be read."""
    norms = norms_below(left)
    for prefix, group in left.holding(_STACKED.fullmatch):
        lasts = dict(_stacked(group))
        if lasts:
            tensors = {place: group[last] for place, last in lasts.items()}
            beside = _beside(prefix, group, tensors, norms)
            left.take(prefix, lasts.values())
            found = layer_of_stack(prefix, tensors, _module(left, prefix))
            if isinstance(found, FoundLayer) and beside:
                found = _undecided(prefix, tensors, why_not(beside))
            yield _told(found, left.told[prefix]) if prefix in left.told and isinstance(found, FoundLayer) else found


def _beside(prefix: str, group: Group, tensors: Tensors, norms: Norms) -> str | None:
    """What is no tensor of torch's layers and seems to be of this one's step."""
    recurrent = tensors.get(Place(0, 0, "weight_hh"))
    if recurrent is None or len(recurrent.shape) != 2:
        return None
    rows, columns = recurrent.shape
    taken = [last for last in group if is_stacked(last)]
    # why only norms of all gates: one of h may stand behind the layer.
    of_gates = (name for name, scale in norms.get(prefix, {}).items() if scale.shape == (rows,) and rows != columns)
    return of_step(group, prefix, rows, columns, taken) or next(of_gates, None)


def is_stacked(last: str) -> bool:
    """Whether the last part of a name is that of a stack's tensor."""
    return _STACKED.fullmatch(last) is not None


def _told(found: FoundLayer, known: Mapping[str, Said]) -> FoundLayer:
    """A layer of which something else in the file says more."""
    unknown = {key: what for key, what in found.unknown.items() if key not in known}
    return found._replace(known={**found.known, **known}, unknown=unknown)


def _stacked(group: Group) -> Iterator[tuple[Place, str]]:
    for last in group:
        if match := _STACKED.fullmatch(last):
            what, of, layer, reverse = match.groups()
            yield Place(int(layer), int(reverse is not None), f"{what}_{of}"), last


def _module(left: Left, prefix: str) -> HeldLayer | None:
    """The pickled module that a prefix's tensors are of: torch's own, or one that inherits from it."""
    layer = left.layer(bare(prefix))
    if layer is None or {"input_size", "hidden_size", "num_layers", "batch_first"} - layer.said.keys():
        return None
    return layer


def layer_of_stack(prefix: str, tensors: Tensors, module: HeldLayer | None = None) -> FoundLayer | Undecided:
    """The layer that has these tensors, by torch's roles; or why there is none. module: as it was pickled."""
    shapes = {place: tensor.shape for place, tensor in tensors.items()}
    first, recurrent = shapes.get(Place(0, 0, "weight_ih"), ()), shapes.get(Place(0, 0, "weight_hh"), ())
    if len(first) != 2 or len(recurrent) != 2:
        return _undecided(prefix, tensors, "W_ih and W_hh of the first layer are not both there as matrices")
    depth = 1 + max(place.layer for place in tensors)
    # why: a name with a large number is no reason to expect as many tensors.
    if depth > MOST_STACKED or depth > 8 * len(tensors):
        return _undecided(prefix, tensors, f"the names go up to layer {depth - 1:,}, and most before it are missing")
    projection = shapes.get(Place(0, 0, "weight_hr"), ())
    kind, hidden = kind_of(recurrent, projection)
    if kind is None:
        rows, columns = recurrent
        return _undecided(prefix, tensors, f"W_hh has {rows:,} rows and {columns:,} columns: no kind has that")
    if module is None and (why := _contradicts(first, recurrent, [place.role for place in tensors])):
        return _undecided(prefix, tensors, why)
    known, unknown = options(kind, depth, module.said if module else {})
    found = FoundLayer(
        name=bare(prefix),
        type=kind,
        input_size=first[1],
        hidden_size=hidden,
        num_layers=depth,
        bidirectional=any(place.direction for place in tensors),
        proj_size=projection[0] if len(projection) == 2 else 0,
        biases="two" if any(place.role.startswith("bias") for place in tensors) else "none",
        reset_after=True if kind == "GRU" else None,
        convention="PyTorch",
        parts=tuple(
            Part(tensor=tensor, role=place.role, layer=place.layer, direction=place.direction)
            for place, tensor in sorted(tensors.items(), key=_order)
        ),
        known_from="names",
        known=known,
        unknown=unknown,
        remarks=tuple(_remarks(tensors)),
    )
    return found if module is None else _as_built(found, module)


def _contradicts(inputs: tuple[int, ...], recurrent: tuple[int, ...], roles: Sequence[str]) -> str:
    """Why the first layer's tensors are of no layer of torch's, whatever is missing; "" where they may be."""
    if inputs[0] != recurrent[0]:
        return f"W_ih has {inputs[0]:,} rows and W_hh {recurrent[0]:,}, where both have as many"
    there = {"bias_ih", "bias_hh"}.intersection(roles)
    return f"{there.pop()} is the only bias of its gates, where such layers have two or none" if len(there) == 1 else ""


def _order(item: tuple[Place, HeldTensor]) -> tuple[int, int, int]:
    place = item[0]
    return place.layer, place.direction, ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr").index(place.role)


def _undecided(prefix: str, tensors: Tensors, why: str) -> Undecided:
    return Undecided(prefix, len(tensors), why)


def kind_of(recurrent: tuple[int, ...], projection: tuple[int, ...] = ()) -> tuple[Kind | None, int]:
    """The kind that has a W_hh of this shape, and its hidden size; None where none has.

    projection: the shape of W_hr, () where there is none.
    """
    rows, columns = recurrent
    if len(projection) == 2:
        # why the quotient: a projection may be of any width, and W_hr says what it was projected from.
        return ("LSTM", projection[1]) if rows == 4 * projection[1] and columns == projection[0] else (None, 0)
    if columns == 0 or rows % columns:
        return None, 0
    return GATES.get(rows // columns), columns


def options(kind: Kind, depth: int, said: Mapping[str, Said]) -> tuple[dict[str, Said], dict[str, str]]:
    """What a module says of torch's options, and what nobody does. said: {} where there are tensors alone."""
    known = {key: said[key] for key in ("batch_first", "dropout") if key in said}
    unknown = {} if "batch_first" in known else {"batch_first": NOT_HERE}
    if depth > 1 and "dropout" not in known:
        unknown["dropout"] = NOT_HERE
    function, unsaid = nonlinearity(kind, said)
    return known | function, unknown | unsaid


def nonlinearity(kind: Kind, said: Mapping[str, Said]) -> tuple[dict[str, Said], dict[str, str]]:
    """What a module says of the function of an RNN, or what is the case where it says none; of other kinds neither."""
    if kind != "RNN":
        return {}, {}
    modes = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}
    function = modes.get(str(said.get("mode")), said.get("nonlinearity"))
    if function in ("tanh", "relu"):
        return {"nonlinearity": function}, {}
    return {}, {"nonlinearity": NONLINEARITY}


def _as_built(found: FoundLayer, module: HeldLayer) -> FoundLayer:
    """The layer with the sizes that its module was built with: where its tensors have others, they differ from it."""
    said = module.said

    def number(key: str, other: int) -> int:
        value = said.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else other

    def flag(key: str, other: bool) -> bool:
        value = said.get(key)
        return value if isinstance(value, bool) else other

    biases: Biases = "two" if flag("bias", found.biases == "two") else "none"
    last = module.kind.rpartition(".")[2]
    return found._replace(
        type=_CLASSES.get(last, found.type),
        input_size=number("input_size", found.input_size),
        hidden_size=number("hidden_size", found.hidden_size),
        # why not more than there are: a module that says a million has not a million tensors.
        num_layers=min(number("num_layers", found.num_layers), 8 * len(found.parts)),
        bidirectional=flag("bidirectional", found.bidirectional),
        proj_size=number("proj_size", found.proj_size),
        biases=biases,
        known_from="a pickled module",
    )


def _remarks(tensors: Tensors) -> Iterator[str]:
    raw = [place for place, tensor in tensors.items() if tensor.name.endswith("_raw")]
    if raw:
        yield "W_hh is held as weight_hh_l0_raw, before dropout is applied to it in training."
