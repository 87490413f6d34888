"""What TensorFlow's messages say of a tensor: its dtype and its shape.

https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework: types.proto, tensor_shape.proto
"""

from __future__ import annotations

from rnninspect.files.readers import tensors
from rnninspect.files.readers.protobuf import Field, Message, signed

# DataType from 1 on, as torch calls it where it has it.
_NAMES = """float32 float64 int32 uint8 int16 int8 string complex64 int64 bool qint8 quint8 qint32 bfloat16 qint16
    quint16 uint16 complex128 float16 resource variant uint32 uint64 float8_e5m2 float8_e4m3fn"""
_DTYPES = dict(enumerate(_NAMES.split(), start=1))
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
