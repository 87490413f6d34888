"""Which modules of a model are torch's recurrent ones, and what each was built with.

A module keeps the arguments of its constructor as attributes, under torch's names; a subclass has them too.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import NamedTuple, SupportsFloat

from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations

from rnninspect.document.from_printed import POSITIONS
from rnninspect.layers.layer import Misfit
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import kind_of
from rnninspect.layers.signal import Batch, Signal

Argument = int | float | bool | str

_KINDS: Mapping[str, type[nn.Module]] = {
    "RNN": nn.RNN,
    "LSTM": nn.LSTM,
    "GRU": nn.GRU,
    "RNNCell": nn.RNNCell,
    "LSTMCell": nn.LSTMCell,
    "GRUCell": nn.GRUCell,
}
# What RNNBase calls its kinds, and the function of an RNN.
_MODES = {"RNN_TANH": ("RNN", "tanh"), "RNN_RELU": ("RNN", "relu"), "LSTM": ("LSTM", ""), "GRU": ("GRU", "")}
_SIZES = ("input_size", "hidden_size")


class RecurrentModule(NamedTuple):
    """A recurrent module of a model. names: where it stands, dotted; several where it is used under several names."""

    names: tuple[str, ...]
    module: nn.Module
    kind: str

    @property
    def name(self) -> str:
        """The first of its names; the kind where the model is the layer itself."""
        return self.names[0] or self.kind.lower()

    @property
    def class_name(self) -> str:
        """What its class is called."""
        return type_before_parametrizations(self.module).__name__

    @property
    def by_torch(self) -> bool:
        """Whether it is of a class of torch's, so that it has no parameters but those."""
        return type_before_parametrizations(self.module) in _KINDS.values()

    @property
    def own_forward(self) -> bool:
        """Whether its forward is not torch's, so that what it puts out is its own affair."""
        return "forward" in vars(self.module) or type(self.module).forward is not _KINDS[self.kind].forward


def recurrent_modules(module: nn.Module) -> list[RecurrentModule]:
    """Every module of RNNBase or RNNCellBase, in the model's order, each once."""
    names: dict[int, list[str]] = {}
    modules: dict[int, tuple[nn.Module, str]] = {}
    for name, part in module.named_modules(remove_duplicate=False):
        kind = kind_of_module(part)
        if kind is not None:
            modules.setdefault(id(part), (part, kind))
            names.setdefault(id(part), []).append(name)
    return [RecurrentModule(tuple(names[key]), part, kind) for key, (part, kind) in modules.items()]


def kind_of_module(module: nn.Module) -> str | None:
    """Which of torch's recurrent layers a module is, or None."""
    if isinstance(module, nn.RNNBase):
        return _MODES.get(module.mode, (None,))[0]
    if isinstance(module, nn.RNNCellBase):
        return next((kind for kind, torch_class in _KINDS.items() if isinstance(module, torch_class)), None)
    return None


def arguments_of(found: RecurrentModule) -> dict[str, Argument]:
    """What the module's constructor was given, defaults too, under torch's names and in their order."""
    return dict(_arguments(found.module, found.kind))


def _arguments(module: nn.Module, kind: str) -> Iterator[tuple[str, Argument]]:
    fields = kind_of(kind).model_fields
    for name in POSITIONS[kind]:
        value = _plain(getattr(module, name, None), fields[name].default)
        if name == "nonlinearity" and isinstance(module, nn.RNNBase):
            value = _MODES[module.mode][1]  # why: it is the mode that is run, whatever the attribute says
        if value is not None:
            yield name, value


def _plain(value: object, default: object) -> Argument | None:
    """A number or a text of Python's, where numpy's or torch's stand for one; None for anything else."""
    if isinstance(value, nn.Module):
        return None
    if isinstance(default, bool) and value in (0, 1):
        return bool(value)
    if isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "__index__"):
        return operator.index(value)
    return float(value) if isinstance(value, SupportsFloat) else None


def call_text(found: RecurrentModule, arguments: Mapping[str, Argument]) -> str:
    """The module as its constructor's call: `LSTM(300, 50, num_layers=2)`; what is at its default is left out."""
    fields = kind_of(found.kind).model_fields
    sizes = [str(arguments.get(name, "?")) for name in _SIZES]
    options = [
        f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}"
        for name, value in arguments.items()
        if name not in _SIZES and value != fields[name].default
    ]
    return f"{found.class_name}({', '.join([*sizes, *options])})"


def layer_of(found: RecurrentModule, arguments: Mapping[str, Argument]) -> Recurrent:
    """A layer of ours with these arguments, fitted to its input. Raises Misfit or ValueError where there is none."""
    given = dict(arguments)
    if "dropout" in given:
        given["dropout"] = float(given["dropout"])
    layer = kind_of(found.kind).model_validate({"type": found.kind, **given})
    if not isinstance(layer, Recurrent):
        raise TypeError(found.kind)
    layer = layer.model_copy(update={"name": found.name, "trainable": _trains(found.module)})
    if layer.input_size is None:
        raise Misfit("input_size", "is not there")
    batch = Batch(size=1, seq_len=1, batch_first=getattr(layer, "batch_first", False))
    return layer.fit(Signal(batch, batch.padded_axes, layer.input_size), {})


def _trains(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())
