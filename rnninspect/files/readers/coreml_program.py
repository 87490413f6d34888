"""An ML program of CoreML: the operators that are recurrent layers, and the constants that are their weights.

https://github.com/apple/coremltools/blob/main/mlmodel/format/MIL.proto
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rnninspect.files.held import HeldLayer, HeldTensor, Said
from rnninspect.files.readers.own_names import own_name
from rnninspect.files.readers.protobuf import BYTES, FIXED32, Field, Message, Nested, floating, signed
from rnninspect.files.readers.tensors import shape_of

# The operators, and which of their inputs are weights; of the others, those that are constants are options.
_RECURRENT = {"lstm", "gru", "rnn"}
_WEIGHTS = {"weight_ih", "weight_hh", "bias", "input_bias", "peephole"}
_WEIGHTS |= {f"{role}_back" for role in _WEIGHTS}
_STATES = {"x", "initial_h", "initial_c"}
# DataType, as torch calls it.
_DTYPES = {1: "bool", 2: "string", 10: "float16", 11: "float32", 12: "float64", 13: "bfloat16"}
_DTYPES |= {20 + place: f"int{8 << place - 1}" for place in range(1, 5)}
_DTYPES |= {30 + place: f"uint{8 << place - 1}" for place in range(1, 5)}
# Weights that are kept smaller are constants to which an operator gives back their numbers.
_SMALLER = "constexpr_"
_ARGUMENTS = {"string", "bool", "int32", "int64"}
# Where a program keeps large constants: a file beside it.
_BESIDE = "@model_path/"


class _Operation(NamedTuple):
    """One operation. inputs: of those that are recurrent, by their parameter's name."""

    kind: str
    name: str
    inputs: Mapping[str, str]


@dataclass
class Program:
    """What a program holds. beside: the files with its large constants, and how long each must be.

    taken: the names of its tensors, as `own_name` keeps them.
    """

    tensors: dict[str, HeldTensor] = field(default_factory=dict)
    layers: list[HeldLayer] = field(default_factory=list)
    beside: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)


@dataclass
class _Values:
    """The values of a function: options that are constants, and weights by the name that they have in the file."""

    options: dict[str, Said] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    recurrent: list[_Operation] = field(default_factory=list)


def program_of(message: Message, place: Field) -> Program:
    """What an ML program holds. Raises Unreadable."""
    program = Program()
    names: dict[str, int] = {}
    for title, function in message.pairs(message.inside(place, 2)):
        for _, block in message.pairs(message.inside(function, 3)):
            values = _Values()
            blocks = Nested(block, "blocks")
            for inner in blocks:
                for part in message.inside(inner, 3):
                    blocks.add(_add_operation(message, part, title, program, values))
            for operation in values.recurrent:
                layer = _layer(operation, values)
                program.layers.append(layer._replace(name=own_name(layer.name, title, names)))
    return program


def _add_operation(message: Message, place: Field, title: str, program: Program, values: _Values) -> list[Field]:
    """Read an operation; the blocks that it holds."""
    kind, blocks, output, dtype = "", [], "", ""
    shape: tuple[int, ...] | None = None
    for part in message.inside(place):
        if part.number == 1:
            kind = message.text(part)
        elif part.number == 4:
            blocks.append(part)
        elif part.number == 3 and not output:
            for item in message.inside(part):
                if item.number == 1:
                    output = message.text(item)
                elif item.number == 2:
                    dtype, shape = _type(message, item)
    if kind in _RECURRENT:
        inputs = {key: _bound(message, value) for key, value in message.pairs(message.inside(place, 2))}
        values.recurrent.append(_Operation(kind, output, inputs))
    elif (kind == "const" or kind.startswith(_SMALLER)) and shape is not None:
        _add_constant(message, place, HeldTensor(output, shape, dtype), title, program, values)
    return blocks


def _add_constant(
    message: Message, place: Field, tensor: HeldTensor, title: str, program: Program, values: _Values
) -> None:
    """Keep a constant: a weight, or what an option is."""
    for key, value in message.pairs(message.inside(place, 5)):
        for part in message.inside(value):
            if key == "val" and part.number == 5:
                _add_file(message, part, program)
            elif key == "val" and part.number == 3 and not tensor.shape:
                values.options[tensor.name] = _scalar(message, part)
    if tensor.shape and tensor.dtype not in _ARGUMENTS:
        name = own_name(tensor.name, title, program.taken)
        values.weights[tensor.name] = name
        program.tensors[name] = tensor._replace(name=name)


def _add_file(message: Message, place: Field, program: Program) -> None:
    name, offset = "", 0
    for part in message.inside(place):
        if part.number == 1:
            name = message.text(part).removeprefix(_BESIDE)
        elif part.number == 2:
            offset = part.value
    program.beside[name] = max(program.beside.get(name, 0), offset)


def _type(message: Message, place: Field) -> tuple[str, tuple[int, ...] | None]:
    """The dtype and the shape in a ValueType; None where it is no tensor of a known shape."""
    dtype, sizes, known = "", [], False
    for tensor in message.inside(place, 1):
        known = True
        for part in message.inside(tensor):
            if part.number == 1:
                dtype = _DTYPES.get(part.value, f"type {part.value}")
            elif part.number == 3:
                size = list(message.inside(part, 1))
                known = known and bool(size)
                sizes.append(next((item.value for one in size for item in message.inside(one, 1)), 0))
    return dtype, shape_of(sizes) if known else None


def _bound(message: Message, place: Field) -> str:
    """The name of the value that an argument is bound to; "" for one that stands there itself."""
    bound = (part for binding in message.inside(place, 1) for part in message.inside(binding, 1))
    return next(map(message.text, bound), "")


def _scalar(message: Message, place: Field) -> Said:
    """The one value of a constant that stands in the file."""
    for tensor in message.inside(place, 1):
        for part in message.inside(tensor):
            for item in message.inside(part):
                if part.number == 4:
                    return message.text(item)
                if part.number in (2, 3, 5):
                    number = next(iter(message.numbers(item, 1)), 0)
                    return bool(number) if part.number == 3 else signed(number)
                if part.number == 1 and item.wire in (FIXED32, BYTES):
                    found = item.value if item.wire == FIXED32 else int.from_bytes(message.content(item, 4), "little")
                    return floating(found)
    return None


def _layer(operation: _Operation, values: _Values) -> HeldLayer:
    """A recurrent operator, with the weights that are constants."""
    said: dict[str, Said] = {}
    tensors = {}
    for role, value in operation.inputs.items():
        if role in _WEIGHTS and value in values.weights:
            tensors[role] = values.weights[value]
        elif role in _WEIGHTS:
            said[role] = "computed"
        elif role not in _STATES and value in values.options:
            said[role] = values.options[value]
    return HeldLayer(name=operation.name, kind=operation.kind, said=said, tensors=tensors)
