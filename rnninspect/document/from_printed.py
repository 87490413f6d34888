"""From a printed module to layers as a document has them: what is described by our kinds, and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rnninspect.document.printed import Argument, Other, PrintedModule
from rnninspect.errors import DocumentError, Place, listed
from rnninspect.layers.fields import MOST_LAYERS

_STACKED = ("input_size", "hidden_size", "num_layers")
_OPTIONS = ("bias", "batch_first", "dropout", "bidirectional")
# torch's keyword arguments in the order in which they may be given by position. A test holds them to torch's own.
POSITIONS: Mapping[str, tuple[str, ...]] = {
    "RNN": (*_STACKED, "nonlinearity", *_OPTIONS),
    "LSTM": (*_STACKED, *_OPTIONS, "proj_size"),
    "GRU": (*_STACKED, *_OPTIONS),
    "RNNCell": ("input_size", "hidden_size", "bias", "nonlinearity"),
    "LSTMCell": ("input_size", "hidden_size", "bias"),
    "GRUCell": ("input_size", "hidden_size", "bias"),
    "Embedding": ("num_embeddings", "embedding_dim", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq"),
    "Linear": ("in_features", "out_features", "bias"),
    "Dropout": ("p", "inplace"),
    "LayerNorm": ("normalized_shape", "eps", "elementwise_affine", "bias"),
}
# How a class of torch's is written.
_OF_TORCH = re.compile(r"(?:torch\.)?(?:nn\.)?(?:modules\.\w+\.)?\w+")
# Arguments of every torch class that say nothing of a layer's shape.
_NOT_OURS = ("device", "dtype")
# What holds other modules and computes nothing itself.
_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")


class Written(NamedTuple):
    """One layer as a document has it. data: its keys. places: of each key's value, and of the layer under "";
    keys: of what says the key."""

    data: Mapping[str, object]
    places: Mapping[str, Place]
    keys: Mapping[str, Place]


class Described(NamedTuple):
    """What a printed module comes to. layers: by their dotted names. others: the kinds that no layer of ours is.

    chain: the module is a Sequential of layers of ours alone, so that each feeds the next.
    """

    layers: Mapping[str, Written]
    others: Mapping[str, str]
    chain: bool


def described(module: PrintedModule) -> Described:
    """The layers of a printed module. Raises DocumentError for arguments that the torch class does not have."""
    layers: dict[str, Written] = {}
    others: dict[str, str] = {}
    for name, each in _leaves(module, ""):
        if is_layer(each):
            layers[name] = keys_of(each)
        else:
            others[name] = each.kind
    chain = module.type == "Sequential" and not others and all("." not in name for name in layers)
    return Described(layers, others, chain)


def is_layer(module: PrintedModule) -> bool:
    """Whether it is a layer of ours. why not by its name alone: people call their own classes LSTM too."""
    return module.type in POSITIONS and not module.children and _OF_TORCH.fullmatch(module.kind) is not None


def keys_of(module: PrintedModule) -> Written:
    """A layer's keys. Raises DocumentError where an argument is given twice, or is one too many.

    Of a kind that is none of ours the keys that are named, so that whoever validates them says so.
    """
    ours = is_layer(module)
    positions = POSITIONS[module.type] if ours else ()
    data: dict[str, object] = {"type": module.type if ours else module.kind}
    places: dict[str, Place] = {"": module.place, "type": module.place}
    keys = dict(places)
    for index, argument in enumerate(module.arguments):
        key = argument.name or (positions[index] if index < len(positions) else "")
        if not key and not ours:
            continue
        if not key:
            most = f"{module.type} takes {len(positions)} arguments by position, {listed(positions)}"
            raise DocumentError(argument.place, f"expected no more: {most}")
        if key in data:
            raise DocumentError(argument.key, f"{key} is given twice", hint="leave one of the two out")
        if key not in _NOT_OURS:
            data[key], places[key], keys[key] = _plain(argument), argument.place, argument.key
    if module.assigned:
        data["name"], places["name"] = module.assigned, module.place
    return Written(data, places, keys)


def _plain(argument: Argument) -> object:
    match argument.value:
        case Other(text):
            return text
        case tuple() as items:
            return list(items)
        case value:
            return value


def _leaves(module: PrintedModule, name: str) -> Iterator[tuple[str, PrintedModule]]:
    """The modules that hold no others, each under its dotted name; several alike, each under its own number."""
    inner = [*module.children, *_listed(module)]
    # why with others inside too: somebody's own class may be called like ours, and is none.
    if module.type in POSITIONS or (not inner and module.type not in _CONTAINERS):
        yield name, module
    for own, child in inner:
        for number in _numbers(own, child):
            yield from _leaves(child, f"{name}.{number}".strip("."))


def _listed(module: PrintedModule) -> Iterator[tuple[str, PrintedModule]]:
    """The modules in a list that a container is made with: `ModuleList([nn.LSTM(3, 4), nn.LSTM(4, 4)])`."""
    for argument in module.arguments:
        if isinstance(argument.value, tuple) and module.type in _CONTAINERS:
            yield from ((str(i), item) for i, item in enumerate(argument.value) if isinstance(item, PrintedModule))


def _numbers(name: str, module: PrintedModule) -> Iterator[str]:
    """The names of modules that are printed once for all that are alike: `(0-3): 4 x LSTM(64, 64)`."""
    if module.times == 1:
        yield name
        return
    if module.times > MOST_LAYERS:
        raise DocumentError(module.place, f"expected at most {MOST_LAYERS:,} modules alike, got {module.times:,}")
    first = name.partition("-")[0]
    start = int(first) if first.isdecimal() else 0
    yield from map(str, range(start, start + module.times))
