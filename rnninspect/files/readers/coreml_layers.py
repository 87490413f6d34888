"""A recurrent layer of a CoreML network: its sizes and options, and its weights, each gate's apart.

https://github.com/apple/coremltools/blob/main/mlmodel/format/NeuralNetwork.proto
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rnninspect.files.held import HeldLayer, HeldTensor, Said, Unreadable
from rnninspect.files.readers.protobuf import BYTES, FIXED32, Field, Message, floating

# The shapes that weights have: of the input, of the state, and of one number a unit.
_INPUT, _STATE, _UNIT = "input", "state", "unit"
# No layer has more units: each is a row of weights.
_LARGEST = 2**31


class _Kind(NamedTuple):
    """A kind of layer. options, weights: the names of its fields by their numbers, of weights with their shapes."""

    name: str
    options: Mapping[int, str]
    weights: Mapping[int, tuple[str, str]]


def _gates(gates: tuple[str, ...], firsts: tuple[int, ...]) -> dict[int, tuple[str, str]]:
    """The weights of gates: matrices of the input, of the state, and biases, from so many on each."""
    ends = (("WeightMatrix", _INPUT), ("RecursionMatrix", _STATE), ("BiasVector", _UNIT))
    return {
        first + place: (gate + end, shape)
        for (end, shape), first in zip(ends, firsts, strict=True)
        for place, gate in enumerate(gates)
    }


_SIZES = {1: "inputVectorSize", 2: "outputVectorSize"}
_GRU = _gates(("updateGate", "resetGate", "outputGate"), (30, 50, 70))
_LSTM = _gates(("inputGate", "forgetGate", "blockInput", "outputGate"), (1, 20, 40)) | {
    60: ("inputGatePeepholeVector", _UNIT),
    61: ("forgetGatePeepholeVector", _UNIT),
    62: ("outputGatePeepholeVector", _UNIT),
}
_SIMPLE = {30: ("weightMatrix", _INPUT), 31: ("recursionMatrix", _STATE), 32: ("biasVector", _UNIT)}
_REVERSE = {100: "reverseInput"}
_SEQUENCE = {15: "sequenceOutput"}
# The layers, by the number of their field. The weights of an LSTM lie in a message for each direction.
LAYERS: Mapping[int, _Kind] = {
    400: _Kind("simpleRecurrent", _SEQUENCE | {20: "hasBiasVector"} | _REVERSE, _SIMPLE),
    410: _Kind("gru", _SEQUENCE | {20: "hasBiasVectors"} | _REVERSE, _GRU),
    420: _Kind("uniDirectionalLSTM", _REVERSE, {}),
    430: _Kind("biDirectionalLSTM", {}, {}),
}
_LSTMS, _PARAMS, _WEIGHTS = {420, 430}, 15, 20
# What the weights of its directions are told apart by.
_PREFIXES = {420: ("", ""), 430: ("forward/", "backward/")}
_LSTM_OPTIONS = {
    10: "sequenceOutput",
    20: "hasBiasVectors",
    30: "forgetBias",
    40: "hasPeepholeVectors",
    50: "coupledInputAndForgetGate",
}
_CLIP = 60
_ACTIVATIONS = {10: "activations", 11: "activationsBackwardLSTM"}
_ACTIVATION = {
    5: "linear",
    10: "ReLU",
    15: "leakyReLU",
    20: "thresholdedReLU",
    25: "PReLU",
    30: "tanh",
    31: "scaledTanh",
    40: "sigmoid",
    41: "sigmoidHard",
    50: "ELU",
    60: "softsign",
    70: "softplus",
    71: "parametricSoftplus",
}


class Weight(NamedTuple):
    """One of a layer's tensors. fault: what is wrong with its elements, "" for nothing."""

    held: HeldTensor
    fault: str


def layer_of(message: Message, name: str, place: Field) -> tuple[HeldLayer, list[Weight]]:
    """The layer that a field of a known number is, and its weights."""
    kind = LAYERS[place.number]
    # why: what is false or 0 is not written, so that it is said all the same.
    said: dict[str, Said] = dict.fromkeys(kind.options.values(), False)
    sizes = {1: 0, 2: 0}
    activations: dict[str, list[str]] = {}
    weights: list[tuple[str, str, Field]] = []
    directions = 0
    for part in message.inside(place):
        if part.number in sizes:
            sizes[part.number] = _size(part.value)
        elif part.number in kind.options:
            said[kind.options[part.number]] = bool(part.value)
        elif part.number in _ACTIVATIONS:
            activations.setdefault(_ACTIVATIONS[part.number], []).append(_activation(message, part))
        elif part.number in kind.weights:
            weights.append((*kind.weights[part.number], part))
        elif place.number in _LSTMS and part.number == _PARAMS:
            said.update(_lstm_options(message, part))
        elif place.number in _LSTMS and part.number == _WEIGHTS:
            weights.extend(_lstm_weights(message, part, _PREFIXES[place.number][min(directions, 1)]))
            directions += 1
    said.update({_SIZES[number]: size for number, size in sizes.items()})
    said.update({key: tuple(names) for key, names in activations.items()})
    shapes = {_INPUT: (sizes[2], sizes[1]), _STATE: (sizes[2], sizes[2]), _UNIT: (sizes[2],)}
    read = {role: _weight(message, f"{name}/{role}", shapes[shape], part) for role, shape, part in weights}
    there = {role: weight for role, weight in read.items() if weight is not None}
    tensors = {role: weight.held.name for role, weight in there.items()}
    return HeldLayer(name=name, kind=kind.name, said=said, tensors=tensors), list(there.values())


def _size(number: int) -> int:
    if number > _LARGEST:
        raise Unreadable(f"a layer of {number:,} units")
    return number


def _activation(message: Message, place: Field) -> str:
    return next((_ACTIVATION.get(part.number, f"activation {part.number}") for part in message.inside(place)), "none")


def _lstm_options(message: Message, place: Field) -> dict[str, Said]:
    said: dict[str, Said] = dict.fromkeys(_LSTM_OPTIONS.values(), False)
    for part in message.inside(place):
        if part.number in _LSTM_OPTIONS:
            said[_LSTM_OPTIONS[part.number]] = bool(part.value)
        elif part.number == _CLIP and part.wire == FIXED32:
            said["cellClipThreshold"] = floating(part.value)
    return said


def _lstm_weights(message: Message, place: Field, prefix: str) -> Iterator[tuple[str, str, Field]]:
    for part in message.inside(place):
        if part.number in _LSTM:
            role, shape = _LSTM[part.number]
            yield prefix + role, shape, part


def _weight(message: Message, name: str, shape: tuple[int, ...], place: Field) -> Weight | None:
    """The tensor in a WeightParams, by the shape that its layer says; None where it is empty."""
    floats = halves = raw = bits = 0
    eight = False
    for part in message.inside(place):
        if part.number == 1:
            floats += part.length // 4 if part.wire == BYTES else 1
        elif part.number == 2:
            halves = part.length // 2
        elif part.number in (30, 31):
            raw, eight = part.length, part.number == 31
        elif part.number == 40:
            bits = next((item.value for item in message.inside(part, 1)), 0)
    if not floats + halves + raw:
        return None
    count = math.prod(shape)
    if raw:
        bits = 8 if eight else bits
        dtype = "int8" if eight else f"{bits} bits, quantized"
        fault = _fault(name, shape, raw, -(-count * bits // 8), "bytes") if 0 < bits <= 16 else ""
    else:
        dtype = "float32" if floats else "float16"
        fault = _fault(name, shape, floats or halves, count, "values")
    return Weight(HeldTensor(name, shape, dtype), fault)


def _fault(name: str, shape: tuple[int, ...], there: int, expected: int, unit: str) -> str:
    return "" if there == expected else f"{name} {shape} takes {expected:,} {unit}, and {there:,} are there"
