"""From a printed module to layers as a document has them: what is described by our kinds, and what is not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.document.printed import Argument, Other, PrintedModule
from rnninspect.errors import DocumentError, Place, listed, show
from rnninspect.layers.fields import MOST_LAYERS

_STACKED = ("input_size", "hidden_size", "num_layers")
_OPTIONS = ("bias", "batch_first", "dropout", "bidirectional")
_ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "ReLU": ("inplace",),
    "Tanh": (),
    "Sigmoid": (),
    "LeakyReLU": ("negative_slope", "inplace"),
    "ELU": ("alpha", "inplace"),
    "GELU": ("approximate",),
    "SiLU": ("inplace",),
    "Hardtanh": ("min_val", "max_val", "inplace"),
    "Softplus": ("beta", "threshold"),
    "Softmax": ("dim",),
    "LogSoftmax": ("dim",),
    "PReLU": ("num_parameters", "init"),
}
# torch's keyword arguments in the order in which they may be given by position. A test holds them to torch's own.
POSITIONS: Mapping[str, tuple[str, ...]] = {
    "RNN": (*_STACKED, "nonlinearity", *_OPTIONS),
    "LSTM": (*_STACKED, *_OPTIONS, "proj_size"),
    "GRU": (*_STACKED, *_OPTIONS),
    "RNNCell": ("input_size", "hidden_size", "bias", "nonlinearity"),
    "LSTMCell": ("input_size", "hidden_size", "bias"),
    "GRUCell": ("input_size", "hidden_size", "bias"),
    "Embedding": (
        "num_embeddings",
        "embedding_dim",
        "padding_idx",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "sparse",
    ),
    "Linear": ("in_features", "out_features", "bias"),
    "Dropout": ("p", "inplace"),
    "LayerNorm": ("normalized_shape", "eps", "elementwise_affine", "bias"),
    "BatchNorm1d": ("num_features", "eps", "momentum", "affine", "track_running_stats", "bias"),
    **_ACTIVATIONS,
}
# Kinds that a document may write as a call, and that are not read out of a printed module, which does not say how its
# axes are turned.
_CALLED: Mapping[str, tuple[str, ...]] = {
    "Conv1d": ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias"),
    "MaxPool1d": ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"),
    "AvgPool1d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
}
# The kinds that have no width by themselves, and so are a model only beside others.
ANY_WIDTH = frozenset({"Dropout", *_ACTIVATIONS})
# How a class of torch's is written.
_OF_TORCH = re.compile(r"(?:torch\.)?(?:nn\.)?(?:modules\.\w+\.)?\w+")
# Arguments of every torch class that a document has for all layers together, or the command line has.
_NOT_OURS = ("device", "dtype")
_DTYPES = {"half": "float16", "float": "float32", "double": "float64"} | {
    name: name for name in ("float16", "bfloat16", "float32", "float64")
}
# What holds other modules and computes nothing itself, and what those are given in.
CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
_MAPPINGS = ("OrderedDict", "dict")
# The first of its arguments that torch prints always, so that a class without them is somebody's own.
_ALWAYS = {"RNN": 2, "LSTM": 2, "GRU": 2, "RNNCell": 2, "LSTMCell": 2, "GRUCell": 2, "Embedding": 2, "Linear": 2}
_ALWAYS |= {"Hardtanh": 2, "Softplus": 2, "ReLU": 0, "SiLU": 0, "GELU": 0}
# How torch printed the sizes of a Linear until 0.3.
_ARROW = re.compile(r"(\d{1,9}) (?:->|→) (\d{1,9})")
# What torch left, or leaves, out of a print whatever it was; from which argument on, and what is taken.
UNPRINTED: Mapping[str, tuple[str, str]] = {
    "RNN": ("nonlinearity", "tanh"),
    "Linear": ("bias", "True"),
    "LayerNorm": ("bias", "True"),
    "BatchNorm1d": ("bias", "True"),
    "PReLU": ("init", "0.25"),
}
_ELLIPSES = ("...", "…")
_MOST_SHOWN = 48


class Written(NamedTuple):
    """One layer as a document has it. data: its keys. places: of each key's value, and of the layer under "";
    keys: of what says the key. dtype: what it is made with, None where nothing says. listed: it is one of a print's.
    """

    data: Mapping[str, object]
    places: Mapping[str, Place]
    keys: Mapping[str, Place]
    dtype: str | None = None
    listed: bool = False


class Described(NamedTuple):
    """What modules come to. layers: by their dotted names. others: what no layer of ours is, by name and kind.

    chain: they are a Sequential of layers of ours alone, so that each feeds the next. gaps: where a print says `...`.
    """

    layers: Mapping[str, Written]
    others: tuple[tuple[str, str], ...]
    chain: bool
    gaps: tuple[Place, ...] = ()


def described(modules: Sequence[tuple[str, PrintedModule]]) -> Described:
    """The layers of modules by name. Raises DocumentError for arguments that the torch class does not have."""
    layers: dict[str, Written] = {}
    others: list[tuple[str, str]] = []
    gaps: list[Place] = []
    seen = Counter[str]()
    for name, each in _all_leaves(modules):
        match each:
            case Argument(_, Other(text), place, _) if text in _ELLIPSES:
                gaps.append(place)
            case Argument(_, Other(text)):
                others.append((name, text))
            case PrintedModule() if is_layer(each) and not _of_another_axis(each):
                seen[name] += 1  # why: what people have edited may have a name twice
                layers[name if seen[name] == 1 else f"{name}-{seen[name]}"] = keys_of(each)
            case PrintedModule():
                others.append((name, _kind(each)))
    alone = len(modules) == 1 and modules[0][1].type == "Sequential" and not modules[0][0]
    chain = alone and not others and not gaps and all("." not in name for name in layers)
    if not chain:
        # why: by itself a PReLU has no width, but weights, which must not go unmentioned.
        for name in [name for name, written in layers.items() if written.data["type"] == "PReLU"]:
            del layers[name]
            others.append((name, "PReLU"))
    return Described(layers, tuple(others), chain, gaps=tuple(gaps))


def _of_another_axis(module: PrintedModule) -> bool:
    """Whether it is a softmax over an axis that is the features, or is not, as its input happens to be."""
    given = keys_of(module).data
    return given["type"] in ("Softmax", "LogSoftmax") and given.get("dim") != -1


def is_layer(module: PrintedModule) -> bool:
    """Whether it is a layer of ours. why not by its name alone: people call their own classes LSTM too."""
    ours = module.type in POSITIONS and not module.children and _OF_TORCH.fullmatch(module.kind) is not None
    return ours and not _scripted(module) and (not module.listed or _is_as_torch_prints(module))


def is_complete(module: PrintedModule) -> bool:
    """Whether it is a layer as torch prints it, and as a call that stands alone: `LSTM(300, 50)`."""
    own = module.type in POSITIONS and module.kind == module.type and not module.assigned
    return own and is_layer(module._replace(listed=True))


def _is_as_torch_prints(module: PrintedModule) -> bool:
    """Whether a print is torch's: with the sizes that torch says always, and no argument that torch does not have."""
    arguments = _arguments(module)
    known = POSITIONS[module.type]
    given = [argument.name or (known[i] if i < len(known) else "") for i, argument in enumerate(arguments)]
    plain = all(not isinstance(argument.value, Other) or argument.name == "nonlinearity" for argument in arguments)
    return plain and set(given) <= set(known) and set(known[: _ALWAYS.get(module.type, 1)]) <= set(given)


def _scripted(module: PrintedModule) -> str:
    """The class that TorchScript has made one of its own of, which prints no sizes; "" where it has not."""
    names = [argument.value for argument in module.arguments if argument.name == "original_name"]
    return str(_plain(names[0])) if names else ""


def _kind(module: PrintedModule) -> str:
    """What is said of a module that is not described: its class, and where it is called as one of ours why not."""
    original = _scripted(module)
    if original:
        return f"{original} of TorchScript"
    if module.type not in POSITIONS or module.children or not module.listed:
        return module.type if _OF_TORCH.fullmatch(module.kind) else module.kind
    said = [f"{item.name}={_words(item.value)}" if item.name else _words(item.value) for item in module.arguments]
    text = f"{module.kind}({', '.join(said)})"
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 4]}...)"


def _words(value: object) -> str:
    return value.text if isinstance(value, Other) else str(value)


def _arguments(module: PrintedModule) -> tuple[Argument, ...]:
    """Its arguments, with those of `Linear (300 -> 10)` as they are written today."""
    is_linear = module.type == "Linear" and module.arguments
    arrow = _ARROW.fullmatch(module.arguments[0].unread) if is_linear else None
    if arrow is None:
        return module.arguments
    first, *others = module.arguments
    sizes = zip(("in_features", "out_features"), arrow.groups(), strict=True)
    return (*(first._replace(name=name, value=int(size)) for name, size in sizes), *others)


def keys_of(module: PrintedModule) -> Written:
    """A layer's keys. Raises DocumentError where an argument is given twice, or is one too many.

    Of a kind that is none of ours the keys that are named, so that whoever validates them says so.
    """
    window = module.type in _CALLED and not module.children and _OF_TORCH.fullmatch(module.kind) is not None
    ours = window or is_layer(module)
    positions = (_CALLED if window else POSITIONS)[module.type] if ours else ()
    data: dict[str, object] = {"type": module.type if ours else module.kind}
    places: dict[str, Place] = {"": module.place, "type": module.place}
    keys = dict(places)
    dtype = None
    for index, argument in enumerate(_arguments(module)):
        key = argument.name or (positions[index] if index < len(positions) else "")
        if argument.unread.startswith("*"):  # `**config`, whose values stand elsewhere
            hint = "what it holds is not known here: write the values, as in LSTM(300, 50, num_layers=2)"
            raise DocumentError(argument.place, f"expected values, got {show(argument.unread)}", hint=hint)
        if not key and not ours:
            continue
        if not key:
            most = f"{module.type} takes {len(positions)} arguments by position, {listed(positions)}"
            raise DocumentError(argument.place, f"expected no more: {most}")
        if key in data:
            raise DocumentError(argument.key, f"{key} is given twice", hint="leave one of the two out")
        if key == "dtype":
            dtype = _dtype(argument)
        elif key not in _NOT_OURS:
            data[key], places[key], keys[key] = _plain(argument.value, window), argument.place, argument.key
    if module.assigned:
        data["name"], places["name"] = module.assigned, module.place
    return Written(data, places, keys, dtype=dtype, listed=module.listed)


def _dtype(argument: Argument) -> str | None:
    """The dtype that a layer is made with; None where that is torch's default."""
    text = _words(argument.value)
    if argument.value is None or text.removeprefix("torch.") in _DTYPES:
        return _DTYPES.get(text.removeprefix("torch."))
    expected = "torch.float32, torch.float64, torch.float16 or torch.bfloat16"
    raise DocumentError(argument.place, f"dtype: expected {expected}, got {show(text)}")


def _plain(value: object, window: bool = False) -> object:
    match value:
        case (int() as size,) if window:
            return size  # why: torch prints `kernel_size=(3,)`
        case Other(text):
            return text
        case tuple() as items:
            return list(items)
        case _:
            return value


def _all_leaves(modules: Sequence[tuple[str, PrintedModule]]) -> Iterator[tuple[str, PrintedModule | Argument]]:
    """`_leaves` of every module, but for one that holds others: that is the model, whatever its class is called."""
    for root, module in modules:
        for own in _numbers(root, module):
            leaves = _leaves(module, own)
            yield from (leaf for leaf in leaves if leaf[1] is not module or not module.children)


def _leaves(module: PrintedModule, name: str) -> Iterator[tuple[str, PrintedModule | Argument]]:
    """The modules that hold no others, each under its dotted name; several alike, each under its own number.

    What a container holds that is no module as we read it comes as an argument.
    """
    if module.type.startswith("Parametrized"):
        yield name, module  # why: what is inside of it is how its weights are made
        return
    inner = list(_inner(module))
    if name and module.type == "MultiheadAttention" and [own for own, _ in inner] == ["out_proj"]:
        yield name, module  # why: most of its weights are no module, and are not printed
        return
    # why with others inside too: somebody's own class may be called like ours, and is none.
    if module.type in POSITIONS or (not inner and module.type not in CONTAINERS):
        yield name, module
    for own, child in inner:
        if isinstance(child, Argument):
            yield name, child
            continue
        for number in _numbers(own, child):
            yield from _leaves(child, f"{name}.{number}".strip("."))


def _inner(module: PrintedModule) -> Iterator[tuple[str, PrintedModule | Argument]]:
    """What a module holds: what is listed in it, and what a container is made with, as `ModuleList([...])` is."""
    holds = module.type in CONTAINERS
    for name, child in module.children:
        if holds and child.type in _MAPPINGS:
            yield from _items(child)
        else:
            yield name, child
    if holds:
        yield from _items(module, own=True)
    elif module.children:
        yield from (("", item) for item in module.arguments if _is_more(item))


def _items(module: PrintedModule, *, own: bool = False) -> Iterator[tuple[str, PrintedModule | Argument]]:
    """What stands in the arguments of a container: modules, pairs of a name and one, or what is not read."""
    if not own:
        yield from module.children
    for argument in module.arguments:
        if isinstance(argument.value, tuple) and not isinstance(argument.value, Other):
            for index, item in enumerate(argument.value):
                match item:
                    case PrintedModule():
                        yield str(index), item
                    case (str() as name, PrintedModule() as made):
                        yield name, made
                    case Other(text):
                        yield str(index), argument._replace(value=Other(text))
                    case (_, Other(text)):
                        yield str(index), argument._replace(value=Other(text))
        elif _is_more(argument) or _calls(argument.unread):
            yield "", argument


def _is_more(argument: Argument) -> bool:
    """Whether something of a print stands for more than it says: `...`, or `+ ReLU` behind a layer."""
    return argument.unread in _ELLIPSES or argument.unread.startswith("+ ")


def _calls(text: str) -> bool:
    """Whether it says something of a module: `*layers`, `Linear(5, 32) + ReLU`; and not `(0): None`."""
    return text.startswith("*") or ("(" in text and not re.match(r"\([^()\n]{1,200}\): |//", text))


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
