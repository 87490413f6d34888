"""A TensorProto of ONNX: its shape and dtype, where its elements lie, and whether they are all there.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from rnninspect.files.held import HeldTensor
from rnninspect.files.readers.protobuf import BYTES, Field, Message, signed
from rnninspect.files.readers.tensors import MOST_AXES, nbytes, shape_of

# TensorProto.DataType from 1 on, as torch calls it where it has it.
_NAMES = """float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128
    bfloat16 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz uint4 int4 float4_e2m1
    float8_e8m0fnu"""
_DTYPES = dict(enumerate(_NAMES.split(), start=1))
# The fields of a TensorProto, those with elements apart.
_DIMS, _TYPE, _NAME, _EXTERNAL, _LOCATION = 1, 2, 8, 13, 14
_RAW, _FLOATS, _INT32S, _DOUBLES = 9, 4, 5, 10
_ELEMENTS = {_RAW, _FLOATS, _INT32S, _DOUBLES, 6, 7, 11}
# How packed elements are read, by the field and the dtype.
_UNPACKED = {
    (_RAW, "float32"): "f",
    (_RAW, "float64"): "d",
    (_RAW, "float16"): "e",
    (_FLOATS, "float32"): "f",
    (_DOUBLES, "float64"): "d",
}
# So many elements of a tensor are read at most. why: two bias vectors of an LSTM of 32,768 units.
MOST_VALUES = 2**18


class Elsewhere(NamedTuple):
    """Where elements lie in a file beside the model."""

    location: str
    offset: int
    length: int | None


class Stored(NamedTuple):
    """One tensor of a model. elements: where they lie in this file. fault: what is wrong with them, "" for nothing."""

    held: HeldTensor
    elements: Field | None
    elsewhere: Elsewhere | None
    fault: str


def dtype_of(number: int) -> str:
    """A TensorProto.DataType as torch calls it."""
    return _DTYPES.get(number, f"type {number}")


def stored(message: Message, field: Field) -> Stored:
    """The tensor that a field holds."""
    dims: list[int] = []
    pairs: dict[str, str] = {}
    name, number, elements, outside = "", 0, None, False
    for part in message.inside(field):
        if part.number == _DIMS:
            dims.extend(map(signed, message.numbers(part, MOST_AXES)))
            shape_of(dims)
        elif part.number == _TYPE:
            number = part.value
        elif part.number == _NAME:
            name = message.text(part)
        elif part.number == _LOCATION:
            outside = part.value == 1
        elif part.number == _EXTERNAL:
            pairs.update((key, message.text(value)) for key, value in message.pairs([part]))
        elif part.number in _ELEMENTS:
            elements = part
    held = HeldTensor(name, shape_of(dims), dtype_of(number))
    if outside:
        return Stored(held=held, elements=None, elsewhere=_elsewhere(pairs), fault="")
    return Stored(held=held, elements=elements, elsewhere=None, fault=_fault(held, elements))


def values_of(message: Message, tensor: Stored) -> tuple[float, ...] | None:
    """The elements of a small tensor of floats; None where they are not read."""
    part, count, dtype = tensor.elements, tensor.held.elements, tensor.held.dtype
    if part is None or part.wire != BYTES or count > MOST_VALUES or tensor.fault:
        return None
    if part.number == _INT32S and dtype == "float16":
        halves = message.numbers(part, MOST_VALUES)
        return struct.unpack(f"<{len(halves)}e", struct.pack(f"<{len(halves)}H", *(half & 0xFFFF for half in halves)))
    code = _UNPACKED.get((part.number, dtype))
    if code is None or part.length != count * struct.calcsize(code):
        return None
    return struct.unpack(f"<{count}{code}", message.content(part, 8 * MOST_VALUES))


def _elsewhere(pairs: dict[str, str]) -> Elsewhere:
    offset, length = (_whole(pairs.get(key, "")) for key in ("offset", "length"))
    return Elsewhere(pairs.get("location", ""), offset or 0, length)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def needed_beside(tensors: Iterable[Stored]) -> dict[str, int]:
    """The files that hold the elements of tensors, and how long each must be."""
    needed: dict[str, int] = {}
    for tensor in tensors:
        if tensor.elsewhere is not None:
            location, offset, length = tensor.elsewhere
            least = length if length is not None else nbytes(tensor.held.dtype, tensor.held.elements) or 0
            needed[location] = max(needed.get(location, 0), offset + least)
    return needed


def _fault(held: HeldTensor, elements: Field | None) -> str:
    """What is wrong with the elements of a tensor: that they are not there, or not as many as its shape says."""
    if elements is None:
        return f"{held.name} has no elements" if held.elements else ""
    expected = nbytes(held.dtype, held.elements)
    if expected is None or elements.number not in (_RAW, _FLOATS, _DOUBLES) or elements.wire != BYTES:
        return ""
    # why: complex numbers are two floats each, and of these nobody makes weights.
    if elements.length == expected or "complex" in held.dtype:
        return ""
    return f"{held.name} of {held.dtype} {held.shape} takes {expected:,} bytes, and {elements.length:,} are there"
