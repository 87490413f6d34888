"""What a lock keeps of a model: its settings and its layers, each with its own settings, counts and weights.

Settings are the keys of a document, sizes that it leaves to be inferred filled in, so that two ways to write one model
are the same. Those at their default are left out: a key that is added to documents later changes no lock. What a
checkpoint does not say of its layers is unknown, and differs from nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel

from rnninspect.document.blocks import Document, Input
from rnninspect.document.chain import INPUT, Spec
from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.layers.layer import Layer
from rnninspect.layers.registry import TYPES, kind_of

# What a fact or a key of a document may be.
Value = int | float | str | tuple[int | str, ...] | None
# What the name of an entry begins with that is a module of a test's, and no document (`api.check_module`).
MODULE = "module:"
# The fields of a layer that have a place of their own in a lock.
_NO_SETTINGS = ("name", "type")
# What stands for a setting that a checkpoint does not say; under the name of a block for all of its keys.
UNKNOWN = "unknown"
# The settings of a layer that are names of others.
NAMES = ("from", "add", "same_as", "state_from")
# What no checkpoint says of a layer: what it is used for, its first values, whether it trains.
_NOT_IN_FILES = ("feeds", "init", "merge", "trainable")
# By key: of a layer `hidden_size` and `init.weight_hh`, of the model `input.seq_len`. What is not there is at its
# default, or null where it has none.
Settings = Mapping[str, Value]


class LockedLayer(NamedTuple):
    """One layer as the lock knows it; weights are name to shape, shared ones left out of the counts.

    settings: None where the lock is older than they are. macs: see `per_token`.
    """

    type: str
    parameters: int
    macs: int
    weights: Mapping[str, tuple[int, ...]]
    settings: Settings | None = None


class LockedModel(NamedTuple):
    """One model as the lock knows it: its own settings (None where the lock is older), and its layers in order."""

    settings: Settings | None
    layers: Mapping[str, LockedLayer]


# The models of a lock by file.
Locked = Mapping[str, LockedModel]


def locked_model(spec: Spec, model: ModelFacts) -> LockedModel:
    """What the lock keeps of a model."""
    own = {"dtype": spec.dtype, **_batch(spec)}
    if spec.wired:
        own |= {"outputs": spec.outputs or None, **_inputs(spec)}
    by_name = {link.layer.name: link.layer for link in spec.links}
    layers = {facts.name: locked_layer(by_name[facts.name], facts) for facts in model.layers}
    if spec.wired:
        for name, wires in _wires(spec):
            layers[name] = layers[name]._replace(settings={**(layers[name].settings or {}), **wires})
    return LockedModel(_without(own, model_defaults()), layers)


def _inputs(spec: Spec) -> Settings:
    """The settings of several inputs, each under its name, in place of those of the only one."""
    if [each.name for each in spec.inputs] == [INPUT]:
        return {}
    sizes: dict[str, Value] = {"input.seq_len": None, "input.lengths": None}
    for each in spec.inputs:
        batch, is_sequence = each.signal.batch, each.signal.is_sequence
        sizes[f"inputs.{each.name}.seq_len"] = batch.seq_len if is_sequence else "one vector of each sequence"
        sizes[f"inputs.{each.name}.lengths"] = batch.lengths
    return sizes


def _wires(spec: Spec) -> Iterator[tuple[str, Settings]]:
    """The wires of each layer but for what needs no word: that it reads what the one before hands on."""
    before = INPUT
    for link in spec.links:
        wires = link.wires
        said: dict[str, Value] = {"from": None if wires.reads == (before,) else wires.reads}
        said |= {key: getattr(wires, key) or None for key in ("add", "same_as", "state_from")}
        said["state_from.directions"] = wires.directions or None
        yield link.layer.name, {key: value for key, value in said.items() if value is not None}
        before = link.layer.name


def locked_layer(layer: Layer, facts: LayerFacts) -> LockedLayer:
    """What the lock keeps of a layer. facts: by the plan."""
    return LockedLayer(
        type=facts.type,
        parameters=facts.counts.parameters,
        macs=facts.forward.macs,
        weights={weight.name: weight.shape for weight in facts.weights},
        settings={**_settings_of(layer), **_not_said(facts)},
    )


def _batch(spec: Spec) -> Settings:
    batch = spec.batch
    # why: in which order its layers run is not in a file.
    order = {"layers": UNKNOWN} if spec.checkpoint else {}
    if isinstance(batch.size, str) and isinstance(batch.seq_len, str):
        return {"input": UNKNOWN, **order}
    sizes = {"input.batch_size": batch.size, "input.seq_len": batch.seq_len}
    return {
        **{key: UNKNOWN if isinstance(size, str) else size for key, size in sizes.items()},
        "input.lengths": batch.lengths,
        "input.state": batch.state,
        **order,
    }


def _not_said(layer: LayerFacts) -> Settings:
    """The settings of a layer that its file does not say."""
    if layer.from_file is None:
        return {}
    fields = kind_of(layer.type).model_fields
    return {key: UNKNOWN for key in (*layer.from_file.unknown, *_NOT_IN_FILES) if key in fields}


def is_unknown(settings: Settings, key: str) -> bool:
    """Whether a setting is one that nobody says."""
    block = key.partition(".")[0]
    # why not entries of their own: no checkpoint says any wires, and what it is locked as has been without them.
    of_wires = {**dict.fromkeys(NAMES, "feeds"), "outputs": "layers", "inputs": "layers"}
    return UNKNOWN in (settings.get(key), settings.get(block), settings.get(of_wires.get(block, block)))


def per_token(model: LockedModel) -> bool:
    """Whether its MACs are those of one token, as nobody says how large the batch is."""
    settings = model.settings or {}
    return any(is_unknown(settings, f"input.{key}") for key in ("batch_size", "seq_len"))


def model_defaults() -> Settings:
    """The settings of a model whose document leaves them out; null for what it may not leave out."""
    inputs = {f"input.{key}": value for key, value in _defaults(Input).items()}
    return {"dtype": _defaults(Document)["dtype"], **inputs}


def layer_defaults(type_name: str) -> Settings:
    """The same of a layer. A type that is none of ours is a cell's, and what a cell says has no default."""
    if type_name in TYPES:
        return _defaults(kind_of(type_name))
    from rnninspect.layers.defined import DefinedLayer  # why here, and below: few models have one

    return _defaults(DefinedLayer)


@cache
def _defaults(block: type[BaseModel]) -> dict[str, Value]:
    fields = {name: field for name, field in block.model_fields.items() if name not in _NO_SETTINGS}
    return {name: None if field.is_required() else field.default for name, field in fields.items()}


def _settings_of(layer: Layer) -> Settings:
    given = {
        key: value for field, written in layer if field not in _NO_SETTINGS for key, value in _flat(field, written)
    }
    if layer.type not in TYPES:
        from rnninspect.layers.defined import DefinedLayer

        assert isinstance(layer, DefinedLayer)
        given |= {key: value for field, said in layer.described().items() for key, value in _flat(field, said)}
    return _without(given, layer_defaults(layer.type))


def _without(given: Settings, defaults: Settings) -> Settings:
    return {key: value for key, value in given.items() if value != defaults.get(key)}


def _flat(key: str, given: object) -> Iterator[tuple[str, Value]]:
    """The single values of a key: those of a block each under its own."""
    if isinstance(given, Mapping):
        for inner, value in given.items():
            yield from _flat(f"{key}.{inner}", value)
    elif isinstance(given, list | tuple):
        yield key, tuple(given)
    elif given is None or isinstance(given, int | float | str):
        yield key, given
    else:
        raise TypeError(f"{key}: no plain value: {given!r}")
