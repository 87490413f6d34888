"""A module's own parameters: those that its plan has, by name, whatever holds them; what else there is; the counts.

why by getattr: a weight that is parametrized, normalised or pruned is an attribute whose parameters have other names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from rnninspect.facts.weights import Init, WeightFact
from rnninspect.live.arguments import RecurrentModule, recurrent_modules
from rnninspect.runtime.device import dtype_name

# By the id of a parameter, the `layer.weight` that it was met as first.
Owners = dict[int, str]
# What torch's older way of normalising, and its pruning, put behind a weight's name.
_PARTS = ("_orig", "_g", "_v")


class Counted(NamedTuple):
    """The parameters of a model, each once. modules: how many others there are. lazy: parameters without a size yet."""

    recurrent: int
    others: int
    modules: int
    lazy: int


def count_parameters(module: nn.Module, found: Sequence[RecurrentModule]) -> Counted:
    """Count a model's parameters as torch has them."""
    recurrent = {id(p): p for each in found for p in each.module.parameters()}
    inside = {id(part) for each in found for part in each.module.modules()}
    everything = {id(p): p for p in module.parameters()}
    lazy = {key for key, parameter in everything.items() if isinstance(parameter, UninitializedParameter)}
    others = [parameter for key, parameter in everything.items() if key not in recurrent and key not in lazy]
    # why these: what only holds other modules is no layer.
    layers = [part for part in module.modules() if id(part) not in inside and _is_layer(part)]
    return Counted(
        recurrent=sum(p.numel() for key, p in recurrent.items() if key not in lazy),
        others=sum(parameter.numel() for parameter in others),
        modules=len(layers),
        lazy=len(lazy),
    )


def shapes_of_others(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters that are no recurrent layer's, by name, each once; `()` where there is none yet."""
    recurrent = {id(p) for each in recurrent_modules(module) for p in each.module.parameters()}
    return {
        name: () if isinstance(parameter, UninitializedParameter) else tuple(parameter.shape)
        for name, parameter in module.named_parameters()
        if id(parameter) not in recurrent
    }


def _is_layer(module: nn.Module) -> bool:
    return next(module.children(), None) is None or next(module.parameters(recurse=False), None) is not None


def count_of(module: nn.Module) -> int:
    """How many numbers the parameters of a module hold, by torch."""
    return sum(p.numel() for p in module.parameters() if not isinstance(p, UninitializedParameter))


def dtype_of(module: nn.Module) -> str:
    """The dtype of a module's first parameter."""
    first = next((parameter.dtype for parameter in module.parameters()), torch.get_default_dtype())
    return dtype_name(first)


def device_of(module: nn.Module) -> str:
    """The device of a module's first parameter."""
    return str(next((parameter.device for parameter in module.parameters()), "cpu"))


def values_of(module: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    """The weights that a module computes with, by name, of those that it has."""
    with torch.no_grad():
        held = {name: getattr(module, name, None) for name in names}
    return {name: value.detach() for name, value in held.items() if isinstance(value, Tensor)}


def held_weights(found: RecurrentModule, declared: Sequence[WeightFact], owners: Owners) -> tuple[WeightFact, ...]:
    """The weights that the plan has as the module has them. owners: is added to."""
    module = found.module
    values = values_of(module, [weight.name for weight in declared])
    weights = []
    for weight in declared:
        if weight.name not in values:
            continue
        value = values[weight.name]
        own = module._parameters.get(weight.name)
        here = f"{found.name}.{weight.name}"
        owner = here if own is None else owners.setdefault(id(own), here)
        weights.append(
            replace(
                weight,
                shape=tuple(value.shape),
                dtype=dtype_name(value.dtype),
                trainable=_trains(module, weight.name),
                shared_with=None if owner == here else owner,
            )
        )
    return tuple(weights)


def _trains(module: nn.Module, name: str) -> bool:
    own = module._parameters.get(name)
    if own is not None:
        return own.requires_grad
    return any(parameter.requires_grad for _, parameter in _sources(module, name))


def _sources(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Parameter]]:
    """What a weight that is no parameter is computed from."""
    names = {f"{name}{part}" for part in _PARTS}
    for key, parameter in module.named_parameters():
        if key in names or key.startswith(f"parametrizations.{name}."):
            yield key, parameter


def remade(found: RecurrentModule, declared: Sequence[WeightFact]) -> Iterator[str]:
    """What is to be said of weights that are computed from other parameters, and of parameters beside the plan's."""
    module = found.module
    computed = [weight for weight in declared if weight.name not in module._parameters]
    sources = {weight.name: dict(_sources(module, weight.name)) for weight in computed}
    told = [name for name, parts in sources.items() if parts]
    if told:
        held = sum(parameter.numel() for parts in sources.values() for parameter in parts.values())
        equations = sum(weight.count for weight in computed if weight.name in told)
        yield (
            f"{', '.join(told)}: computed from {', '.join(key for parts in sources.values() for key in parts)}, "
            f"{held:,} numbers for {equations:,}"
        )
    if found.by_torch:
        return
    names = {weight.name for weight in declared} | {key for parts in sources.values() for key in parts}
    beside = {key: parameter for key, parameter in module.named_parameters() if key not in names}
    if beside:
        count = sum(p.numel() for p in beside.values() if not isinstance(p, UninitializedParameter))
        yield f"{found.class_name} has {count:,} parameters beside those of torch's {found.kind}"


def of_weights(weights: Sequence[WeightFact]) -> Iterator[str]:
    """What is to be said of weights that are frozen, or another layer's too."""
    frozen = [weight.name for weight in weights if not weight.trainable]
    if frozen:
        yield "no weight trains" if len(frozen) == len(weights) else f"frozen: {', '.join(frozen)}"
    for weight in weights:
        if weight.shared_with is not None:
            yield f"{weight.name} is {weight.shared_with}, and counts there"


def extra_parameters(found: RecurrentModule, declared: Collection[WeightFact]) -> Iterator[WeightFact]:
    """Parameters of a module of torch's own class that its plan has not: they contradict it."""
    module = found.module
    if not found.by_torch:
        return
    names = {weight.name for weight in declared}
    names |= {f"{name}{part}" for name in names for part in _PARTS}
    for name, parameter in module._parameters.items():
        if parameter is not None and name not in names:
            yield WeightFact(
                name=name,
                symbol="?",
                axes=(),
                shape=tuple(parameter.shape),
                dtype=dtype_name(parameter.dtype),
                init=Init("unknown"),
            )
