"""Tensors and layers out of what pickles say: their names, what each is, and which are one tensor under two names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rnninspect.errors import listed, printable
from rnninspect.files.held import Held, HeldLayer, HeldTensor, Said, Unreadable
from rnninspect.files.pickles.records import Call, Global
from rnninspect.files.pickles.walk import Walk, class_of, mapping_of
from rnninspect.files.readers.own_names import own_name
from rnninspect.files.readers.torch_tensors import LeftOut, Rebuilt

_KINDS = frozenset({"RNN", "LSTM", "GRU", "RNNBase", "RNNCell", "LSTMCell", "GRUCell"})
# Attributes of a module that say what it computes, under torch's names.
_OPTIONS = (
    *("mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"),
    *("proj_size", "nonlinearity"),
)
# What every recurrent module of torch has, also one of a class that somebody derived from it.
_ALWAYS = frozenset({"mode", "input_size", "hidden_size", "num_layers"})
# why: each is kept, and a pickle of nothing else has no end.
_MOST_LAYERS = 100_000

LeafOf = Callable[[Call], object | None]
Options = Callable[[Global], Mapping[str, Said]]


@dataclass
class Gathered:
    """What a walk found. storages: how many bytes each needs, by its key, and None where nothing says so."""

    tensors: dict[str, HeldTensor] = field(default_factory=dict)
    layers: list[HeldLayer] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    storages: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    _places: dict[object, str] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)

    def gather(
        self, root: object, leaf_of: LeafOf, options: Options = lambda kind: {}, name: str = "", folder: str = ""
    ) -> None:
        """Take in all tensors and layers that `root` leads to.

        options: what else the file says of a class. name: what their names begin with. folder: what the keys of their
        storages begin with.
        """
        if not name:
            self.keys += _keys(root)
        walk = Walk(leaf_of)
        left_out: dict[str, list[str]] = {}
        for found in walk.through(root, name):
            if isinstance(found.value, Rebuilt):
                self._take(found.name, found.value, folder)
            elif isinstance(found.value, LeftOut):
                left_out.setdefault(found.value.why, []).append(found.name)
            elif isinstance(found.value, Call) and len(self.layers) < _MOST_LAYERS:
                self.layers += _layer(found.name, found.value, options)
        self.notes += [f"{_few(names)} not read: {printable(why[:100])}" for why, names in left_out.items()]
        self.notes += walk.notes

    def held(self, path: str, format: str, warnings: Iterable[str], damage: str = "") -> Held:
        """All of it. Raises Unreadable for a file that calls what runs things and holds nothing else."""
        warned = tuple(warnings)
        if warned and not self.tensors:
            raise Unreadable("; ".join(warned))
        return Held(
            file=path,
            format=format,
            tensors=self.tensors,
            layers=tuple(self.layers),
            notes=(*warned, *self.notes),
            damage=damage,
            aliases=self.aliases,
            keys=tuple(self.keys),
        )

    def _take(self, name: str, tensor: Rebuilt, folder: str) -> None:
        name = own_name(name, "", self._taken)  # why: the keys 0 and "0" have one name
        self.tensors[name] = HeldTensor(name, tensor.shape, tensor.dtype)
        if tensor.storage is None:
            return
        key = folder + tensor.storage.key
        if not tensor.storage.inside:
            self.storages[key] = max(self.storages.get(key, 0), tensor.storage.nbytes or 0, tensor.needed)
        place = (key, tensor.offset, tensor.shape, tensor.strides, tensor.dtype)
        if math.prod(tensor.shape) and self._places.setdefault(place, name) != name:
            self.aliases[name] = self._places[place]


def _keys(root: object) -> Iterator[str]:
    """The keys of a dict under which dicts or objects stand."""
    for key, value in mapping_of(root) or ():
        is_object = isinstance(value, Call) and value.state is not None
        if isinstance(key, str) and (is_object or mapping_of(value) is not None):
            yield key


def shortfall(needed: Mapping[str, int], there: Mapping[str, int]) -> str:
    """What is missing of the values of tensors, as a sentence; "" for nothing."""
    if all(there.get(key, 0) >= nbytes for key, nbytes in needed.items()):
        return ""
    promised = sum(needed.values())
    has = sum(min(nbytes, there.get(key, 0)) for key, nbytes in needed.items())
    return f"the header promises {promised:,} bytes, the file has {has:,}"


def _layer(name: str, call: Call, options: Options) -> list[HeldLayer]:
    """A recurrent module of torch's, or of a class that was derived from one."""
    kind = class_of(call)
    attributes = mapping_of(call.state[0] if isinstance(call.state, tuple) and call.state else call.state)
    if kind is None or attributes is None:
        return []
    told = {key: value for key, value in attributes if isinstance(key, str) and key in _OPTIONS}
    plain = {key: value for key, value in told.items() if isinstance(value, bool | int | float | str)}
    # why: TorchScript writes `__torch__.torch.nn.modules.rnn.___torch_mangle_3.LSTM` for the third of them.
    parts = [part for part in str(kind).split(".") if part != "__torch__" and not part.startswith("___torch_mangle_")]
    of_torch = parts[0] == "torch" and "nn" in parts and parts[-1] in _KINDS
    if not of_torch and not plain.keys() >= _ALWAYS:
        return []
    return [HeldLayer(name, ".".join(parts), {**options(kind), **plain})]


def _few(names: list[str]) -> str:
    shown = [printable(name[:60]) or "a tensor without a name" for name in names[:3]]
    more = [f"{len(names) - 3:,} more"] if len(names) > 3 else []
    return f"{listed(shown + more)} {'is' if len(names) == 1 else 'are'}"
