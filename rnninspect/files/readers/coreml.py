"""A CoreML model: the recurrent layers of its neural networks, those within pipelines, branches and loops too.

https://github.com/apple/coremltools/tree/main/mlmodel/format: Model.proto, NeuralNetwork.proto
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rnninspect.files.held import Held, HeldLayer, HeldTensor, Unreadable
from rnninspect.files.readers import beside
from rnninspect.files.readers.coreml_layers import LAYERS, Weight, layer_of
from rnninspect.files.readers.coreml_program import program_of
from rnninspect.files.readers.own_names import own_name
from rnninspect.files.readers.protobuf import BYTES, Field, Message, Nested
from rnninspect.files.source import Source

# The fields of a Model. A network has its layers as field 1, a pipeline its models; some keep a pipeline there.
_NETWORKS = {303, 403, 500}
_PIPELINE, _PREDICTING_PIPELINES = 202, {200, 201}
_PROGRAM = 502
# What else a model may be, by the ranges that are kept for them.
_OTHERS = range(200, 3000)
# A layer that holds networks, and where.
_HOLDING: Mapping[int, tuple[int, ...]] = {605: (1, 2), 615: (3, 4)}
_NAME, _FIRST_LAYER = 1, 100


class _Layer(NamedTuple):
    """One layer of a network: its name, and the field that says what it is."""

    name: str
    what: Field


def read(source: Source, path: str) -> Held:
    """What a CoreML model holds. Raises Unreadable."""
    message = Message(source)
    program = next(message.inside(None, _PROGRAM), None)
    if program is not None:
        found = program_of(message, program)
        damage = beside.told(beside.faults(path, found.beside))
        return Held(
            file=path, format="CoreML (ML program)", tensors=found.tensors, layers=tuple(found.layers), damage=damage
        )
    layers: list[HeldLayer] = []
    weights: list[Weight] = []
    taken: dict[str, int] = {}
    others = 0
    for name, what in _layers(message):
        if what.number not in LAYERS:
            others += 1
            continue
        layer, its = layer_of(message, own_name(name, "", taken), what)
        layers.append(layer)
        weights.extend(its)
    tensors: dict[str, HeldTensor] = {weight.held.name: weight.held for weight in weights}
    return Held(
        file=path,
        format="CoreML",
        tensors=tensors,
        layers=tuple(layers),
        notes=(f"{others:,} layers that are not recurrent: their weights are not listed",) if others else (),
        damage=beside.told([weight.fault for weight in weights if weight.fault]),
    )


def _layers(message: Message) -> Iterator[_Layer]:
    """The layers of every network in the file. Raises Unreadable where it has none."""
    models = Nested(None, "models")
    found = False
    for model in models:
        for part in message.inside(model):
            if part.number in _NETWORKS:
                found = True
                yield from _network(message, part)
            elif part.number == _PIPELINE:
                models.add(message.inside(part, 1))
            elif part.number in _PREDICTING_PIPELINES:
                for pipeline in message.inside(part, 1):
                    models.add(message.inside(pipeline, 1))
            elif part.number == _PROGRAM:
                raise Unreadable("an ML program within a pipeline, which is not read", "name the model itself")
            elif part.number in _OTHERS and part.wire == BYTES:
                found = True
    if not found:
        raise Unreadable("no CoreML model: it has no network")


def _network(message: Message, place: Field) -> Iterator[_Layer]:
    """The layers of a network, those of branches and loops after it."""
    networks = Nested(place, "networks")
    for network in networks:
        for part in message.inside(network, 1):
            layer = _layer(message, part)
            if layer is None:
                continue
            yield layer
            if layer.what.number in _HOLDING:
                networks.add(message.inside(layer.what, *_HOLDING[layer.what.number]))


def _layer(message: Message, place: Field) -> _Layer | None:
    name, what = "", None
    for part in message.inside(place):
        if part.number == _NAME:
            name = message.text(part)
        elif part.number >= _FIRST_LAYER:
            what = part
    return None if what is None else _Layer(name, what)
