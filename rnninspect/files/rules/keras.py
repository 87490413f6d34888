"""Keras: kernel, recurrent_kernel and bias, or `cell/vars/0` to 2; the two directions of a pair are told by name.

The configuration, where the file has one, says activations, merge mode and direction; without it nobody does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from rnninspect.conventions.packing import ORDER, Biases, Kind
from rnninspect.errors import printable
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldTensor, Said
from rnninspect.files.rules.left import LONGEST, Group, Left, Read, Undecided, bare
from rnninspect.files.rules.torch import GATES, NOT_HERE

_NAMES = ("kernel", "recurrent_kernel", "bias")
_NUMBERS = {"0": "kernel", "1": "recurrent_kernel", "2": "bias"}
_NORMS = ("kernel_norm/", "recurrent_norm/", "state_norm/")
# The two layers that Keras' Bidirectional has.
_DIRECTIONS = ("forward_layer", "backward_layer")
# Parts at the end of a prefix that are the cell's, not the layer's.
_CELL = re.compile(r"cell|(?:lstm|gru|simple_rnn)_cell(?:_[0-9]+)?")
_STACKS = re.compile(r"cells|stacked_rnn_cells(?:_[0-9]+)?")
# What other cells with such names have besides: peepholes, a second bias, norms.
_MORE = re.compile("peephole|bias|gamma|beta|scale|norm")
# The classes whose configuration is about the recurrence.
_CLASSES = re.compile(r"(?:SimpleRNN|LSTM|GRU|CuDNNLSTM|CuDNNGRU)(?:Cell)?|RNN|Bidirectional|StackedRNNCells")
# The options that a second direction may have otherwise.
_DECIDING = frozenset({"activation", "recurrent_activation", "reset_after", "layer", "units"})
# The options of a configuration that say what a layer computes.
_OPTIONS = ("activation", "recurrent_activation", "merge_mode", "unit_forget_bias")


class _Cell(NamedTuple):
    """One direction of a layer. kind: None where the shapes are no kind's."""

    prefix: str
    tensors: Mapping[str, HeldTensor]
    said: Mapping[str, Said]
    kind: Kind | None

    @property
    def hidden(self) -> int:
        return self.tensors["recurrent_kernel"].shape[0]


def read(left: Left) -> Read:
    """Every layer of Keras, and what has its names and cannot be read."""
    cells: dict[str, _Cell] = {}
    for prefix, group in left.holding(("recurrent_kernel", "1").__contains__):
        if lasts := _lasts(prefix, group):
            tensors = {role: group[last] for last, role in lasts.items()}
            left.take(prefix, lasts)
            cell = _cell(left, prefix, tensors)
            if why := _no_cell(left, prefix, group, tensors) or _unsure(left, cell):
                yield Undecided(prefix, len(tensors), why)
            else:
                cells[prefix] = cell
    names: set[str] = set()
    pairs = _pairs(cells)
    taken = {backward.prefix for _, backward in pairs.values()}
    # why: of two directions that are no pair, what is said of one is not what is said of the other.
    alone = {prefix for prefix, cell in cells.items() if "merge_mode" in cell.said and prefix not in {*pairs, *taken}}
    cells |= {prefix: cells[prefix]._replace(said={}) for prefix in alone}
    for prefix, cell in cells.items():
        if prefix in pairs:
            wrapper, backward = pairs[prefix]
            yield _layer(_name(wrapper, names), [cell, backward])
        elif prefix not in taken:
            yield _layer(_name(prefix, names), [cell])


def _lasts(prefix: str, group: Group) -> dict[str, str]:
    """The role of each last part of a name, where they are those of a cell."""
    if "kernel" in group and "recurrent_kernel" in group:
        return {name: name for name in _NAMES if name in group}
    parts = prefix.split("/")
    # why the parts before: any layer of Keras has vars, and only a recurrent one a cell.
    if parts[-2:-1] == ["vars"] and "0" in group and "1" in group and any("cell" in part for part in parts[-4:-2]):
        ours = {last: role for last, role in _NUMBERS.items() if last in group}
        kind = _kind({role: group[last] for last, role in ours.items()})
        # why these too: Bidirectional has no layers but recurrent ones in it.
        named = any("rnn" in part or part in _DIRECTIONS for part in parts)
        if kind is not None and (kind != "RNN" or named):
            return ours
    return {}


def _no_cell(left: Left, prefix: str, group: Group, tensors: Mapping[str, HeldTensor]) -> str:
    """Why tensors with the names of a cell are none that can be read; "" where they are one."""
    kernel, recurrent = tensors["kernel"].shape, tensors["recurrent_kernel"].shape
    if len(kernel) > 2:
        return f"a kernel of {len(kernel)} axes is a convolution's, and no rule reads convolutional recurrent layers"
    if any(left.group(prefix + norm) for norm in _NORMS):
        return "there are norms within its step, which no rule reads"
    others = [last for last in group if last not in _NAMES and last not in _NUMBERS]
    # why any behind a prefix: no layer of Keras has another weight beside its cell's; an attention's would be.
    more = any((prefix and group[last].shape) or _MORE.search(last) for last in others)
    if more or ("3" in group and "0" in group):
        return "there are more weights in its step than an RNN, a GRU or an LSTM of Keras has"
    if _kind(tensors) is None:
        return f"kernels of {kernel} and {recurrent} are no kind's"
    return ""


def _unsure(left: Left, cell: _Cell) -> str:
    """Why shapes alone are too little to tell what a cell is; "" where a name or a description says it too.

    An LSTM's four gates, and a GRU's two bias vectors of three, are no other cell's.
    """
    name, bias = cell.prefix.lower(), cell.tensors.get("bias")
    # why: haste names its weights so too, and has the gates of an LSTM and of a GRU in another order.
    if cell.kind != "RNN" and cell.prefix.endswith(".") and left.held.format.startswith(("torch", "safetensors")):
        return "Keras and haste call weights so, and do not have their gates in one order"
    if cell.said or cell.kind == "LSTM" or (cell.kind == "GRU" and bias is not None and bias.shape != bias.shape[-1:]):
        return ""
    if cell.kind == "GRU" and "gru" not in name and (bias is None or bias.shape == (3 * cell.hidden,)):
        return "they have the shapes of a GRU's, and of other cells' with three gates, and no name says which"
    # why those two: Bidirectional has no layers but recurrent ones in it.
    if cell.kind == "RNN" and "rnn" not in name and set(_DIRECTIONS).isdisjoint(name.split("/")):
        return "they have the shapes of an RNN's, and of much else, and no name says which"
    return ""


def _kind(tensors: Mapping[str, HeldTensor]) -> Kind | None:
    kernel, recurrent = tensors["kernel"].shape, tensors["recurrent_kernel"].shape
    if len(kernel) != 2 or len(recurrent) != 2 or not recurrent[0] or recurrent[1] % recurrent[0]:
        return None
    return GATES.get(recurrent[1] // recurrent[0]) if kernel[1] == recurrent[1] else None


def _cell(left: Left, prefix: str, tensors: Mapping[str, HeldTensor]) -> _Cell:
    said: dict[str, Said] = {}
    for layer in left.layers_with(tensor.name for tensor in tensors.values()):
        if _CLASSES.fullmatch(layer.kind.rpartition(".")[2].rpartition(">")[2]):
            said |= layer.said
    # why: of a configuration that says another size it is not known which layer it is of.
    if "units" in said and (said["units"],) != tensors["recurrent_kernel"].shape[:1]:
        said = {}
    return _Cell(prefix=prefix, tensors=tensors, said=said, kind=_kind(tensors))


def _pairs(cells: Mapping[str, _Cell]) -> dict[str, tuple[str, _Cell]]:
    """By the prefix of each forward cell: the prefix of the pair, and the backward cell."""
    # why no stacks: each cell reads its own direction's below it, and those are no layer of both.
    single = [prefix for prefix in cells if not any(map(_STACKS.fullmatch, prefix.split("/")))]
    places = {_plain(prefix): prefix for prefix in single}
    backward = _only_one(single, "backward_")
    forward = _only_one(single, "forward_")
    pairs: dict[str, tuple[str, _Cell]] = {}
    for prefix in single:
        for wrapper, counterpart in _counterparts(prefix):
            # why the only one too: the two may be layers of their own names.
            only = backward.get(wrapper) if forward.get(wrapper) == prefix else None
            other = places.get(_plain(counterpart), only)
            if other is not None and other != prefix and _alike(cells[prefix], cells[other]):
                pairs[prefix] = (wrapper, cells[other])
                break
    return pairs


def _only_one(prefixes: Iterable[str], start: str) -> dict[str, str]:
    """By what stands before a part that begins so, the prefix that has it, where it is the only one."""
    found: dict[str, list[str]] = {}
    for prefix in prefixes:
        for wrapper, _ in _around(prefix, start):
            found.setdefault(wrapper, []).append(prefix)
    return {wrapper: same[0] for wrapper, same in found.items() if len(same) == 1}


def _plain(prefix: str) -> str:
    """A prefix without the number of its cell. why: TensorFlow's Keras counts cells up, of the two directions too."""
    parts = bare(prefix).split("/")
    return "/".join((*parts[:-1], re.sub("_[0-9]+$", "", parts[-1]) if _CELL.fullmatch(parts[-1]) else parts[-1]))


def _counterparts(prefix: str) -> Iterator[tuple[str, str]]:
    """What stands around a part `forward_...`, and the prefix with `backward_...` there instead."""
    for wrapper, rest in _around(prefix, "forward_"):
        yield wrapper, f"{wrapper}backward_{rest}"


def _around(prefix: str, start: str) -> Iterator[tuple[str, str]]:
    """What stands before a part that begins so, and what stands after that beginning."""
    parts = prefix.split("/") if len(prefix) <= LONGEST else []
    for at, part in enumerate(parts):
        # why a part before: two layers that somebody named so are two layers, and no pair of Keras'.
        if part.startswith(start) and at > (parts[0] == "model_weights"):
            yield "/".join(parts[:at]) + "/", "/".join((part.removeprefix(start), *parts[at + 1 :]))


def _alike(forward: _Cell, backward: _Cell) -> bool:
    # why no more of biases: what one direction lacks is a difference, but a GRU of another variant is no direction.
    biases = {cell.tensors["bias"].shape for cell in (forward, backward) if "bias" in cell.tensors}
    return forward.kind == backward.kind and forward.hidden == backward.hidden and len(biases) < 2


def _name(prefix: str, names: set[str]) -> str:
    """A layer's name: its prefix without the parts that are its cell's, where no other layer has that."""
    whole = bare(prefix)
    parts = whole.split("/")
    if parts[-1] == "vars":
        parts = parts[:-1]
    if len(parts) > 1 and _CELL.fullmatch(parts[-1]) and not _STACKS.fullmatch(parts[-2]):
        parts = parts[:-1]
    if parts[0] == "model_weights" and len(parts) > 1:
        # why: HDF5 has the layer's name first, and again after those of the models that it is in.
        parts = parts[1:2] if parts[-1] == parts[1] else parts[1:]
    short = "/".join(parts)
    name = whole if short in names else short
    names.add(name)
    return name


def _layer(name: str, cells: list[_Cell]) -> FoundLayer:
    first = cells[0]
    assert first.kind is not None
    said = dict(first.said)
    bias = next((cell.tensors["bias"].shape for cell in cells if "bias" in cell.tensors), None)
    convention, biases, after = _variant(first.kind, bias, first.hidden, said)
    known, unknown = _options(first.kind, said, both=len(cells) == 2, after=after)
    if len(cells) == 1 and not said:
        unknown["reverse"] = NOT_HERE
    return FoundLayer(
        name=name,
        type=first.kind,
        input_size=first.tensors["kernel"].shape[0],
        hidden_size=first.hidden,
        bidirectional=len(cells) == 2,
        reverse=len(cells) == 1 and said.get("go_backwards") is True,
        biases=biases,
        reset_after=after,
        convention=convention,
        parts=tuple(
            Part(tensor=tensor, role=role, direction=direction)
            for direction, cell in enumerate(cells)
            for role, tensor in cell.tensors.items()
        ),
        known_from="model_config" if said else "names",
        known=known,
        unknown=unknown,
        remarks=tuple(_remarks(name, first.kind, known, said)),
    )


def _variant(
    kind: Kind, bias: tuple[int, ...] | None, hidden: int, said: Mapping[str, Said]
) -> tuple[str, Biases, bool | None]:
    """The convention, the number of bias vectors, and of a GRU where its reset gate multiplies."""
    if bias is None:
        after = said.get("reset_after")
        return "Keras", "none", after if kind == "GRU" and isinstance(after, bool) else None
    if kind != "RNN" and bias == (2 * len(ORDER[kind]) * hidden,):
        return "Keras CuDNN", "two", True if kind == "GRU" else None
    if kind == "GRU":
        return "Keras", "two" if len(bias) == 2 else "one", len(bias) == 2
    return "Keras", "one", None


def _options(
    kind: Kind, said: Mapping[str, Said], both: bool, after: bool | None
) -> tuple[dict[str, Said], dict[str, str]]:
    wanted = ["activation", *["recurrent_activation"] * (kind != "RNN"), *["merge_mode"] * both]
    known = {key: said[key] for key in _OPTIONS if key in said and said[key] is not None}
    unknown = {key: NOT_HERE for key in wanted if key not in known}
    if kind == "RNN":
        if known.get("activation") in ("tanh", "relu"):
            known["nonlinearity"] = known["activation"]
        elif "activation" in unknown:
            unknown["nonlinearity"] = f"{NOT_HERE}: any activation of Keras'"
            del unknown["activation"]
        else:
            unknown["nonlinearity"] = f"none that torch has: {printable(str(known['activation']))}"
    if said:
        known["batch_first"] = said.get("time_major") is not True
    else:
        unknown["batch_first"] = NOT_HERE
    if kind == "GRU" and after is None:
        unknown["reset_after"] = f"{NOT_HERE}: without biases the two have the same weights"
    return known, unknown


def _remarks(name: str, kind: Kind, known: Mapping[str, Said], said: Mapping[str, Said]) -> Iterator[str]:
    called = said.get("name")
    # why: a .keras file names groups by classes, and its layers in a description.
    if isinstance(called, str) and called and not f"/{name}/".endswith(f"/{called}/"):
        yield f"The model calls it {printable(called)}."
    differ = [key for key in said if key.startswith("backward_") and key.removeprefix("backward_") in _DECIDING]
    if differ:
        yield f"Its second direction has other options: {', '.join(f'{key} {said[key]}' for key in differ)}."
    usual = {"activation": "tanh"} | ({} if kind == "RNN" else {"recurrent_activation": "sigmoid"})
    others = [f"{key} {known[key]}" for key, value in usual.items() if key in known and known[key] != value]
    if others and "nonlinearity" not in known:
        yield f"It has {' and '.join(others)}, where torch has {' and '.join(usual.values())}."
    if known.get("merge_mode", "concat") != "concat":
        yield f"Its two directions are merged by {known['merge_mode']}; torch's stand side by side, 2H features."
