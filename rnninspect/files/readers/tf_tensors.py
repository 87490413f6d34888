"""What TensorFlow's messages say of a tensor: its dtype and its shape.

https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework: types.proto, tensor_shape.proto
"""

from __future__ import annotations

from rnninspect.files.readers import tensors
from rnninspect.files.readers.protobuf import Field, Message, signed

# DataType, as torch calls it where it has it.
_DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
}
# The dtypes that weights have; of a graph's constants, the others are arguments of its operators.
WEIGHTS = {"float32", "float64", "float16", "bfloat16", "int8", "uint8", "qint8", "quint8"}
# A type of a variable that is handed on by reference is so much more than its own.
_REFERENCE = 100


def dtype_of(number: int) -> str:
    """A DataType as torch calls it."""
    return _DTYPES.get(number % _REFERENCE, f"type {number}")


def shape_of(message: Message, field: Field) -> tuple[int, ...] | None:
    """The shape in a TensorShapeProto; None where it says that it is not known."""
    sizes = []
    for part in message.inside(field):
        if part.number == 3 and part.value:
            return None
        if part.number == 2:
            inner = [item.value for item in message.inside(part, 1)]
            sizes.append(signed(inner[-1]) if inner else 0)
        if len(sizes) > tensors.MOST_AXES:
            break
    return None if -1 in sizes else tensors.shape_of(sizes)
