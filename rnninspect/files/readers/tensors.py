"""What formats have in common of tensors: which numbers are sizes, and how much room elements of a dtype take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from rnninspect.files.held import Unreadable

# numpy and torch have no tensor of more dimensions, nor one of such a size.
MOST_AXES = 64
_LARGEST = 2**63
# Bits of an element, by dtypes as torch calls them, or as the file does where torch has none.
_BITS: Mapping[str, int] = {
    **dict.fromkeys(("complex128", "float128"), 128),
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 64),
    **dict.fromkeys(("float32", "int32", "uint32", "qint32", "complex32"), 32),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 16),
    **dict.fromkeys(("uint8", "int8", "bool", "qint8", "quint8"), 8),
    **dict.fromkeys(("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("uint4", "int4", "float4_e2m1", "F4"), 4),
}
_OF_NUMPY = (("i", "int", (1, 2, 4, 8)), ("u", "uint", (1, 2, 4, 8)), ("f", "float", (2, 4, 8, 16)))
# Dtypes as numpy writes them, without the order of their bytes, under torch's names.
OF_NUMPY: Mapping[str, str] = {
    "b1": "bool",
    **{f"{letter}{size}": f"{name}{8 * size}" for letter, name, sizes in _OF_NUMPY for size in sizes},
    "c8": "complex64",
    "c16": "complex128",
}


def is_size(value: object) -> TypeGuard[int]:
    """Whether it is the size of something. why not isinstance: True is no size."""
    return type(value) is int and 0 <= value < _LARGEST


def shape_of(sizes: Sequence[int]) -> tuple[int, ...]:
    """A shape. Raises Unreadable for what is none."""
    if len(sizes) > MOST_AXES:
        raise Unreadable(f"a tensor of more than {MOST_AXES} dimensions")
    if not all(map(is_size, sizes)):
        raise Unreadable(f"a tensor has the shape {tuple(sizes)}")
    return tuple(sizes)


def nbytes(dtype: str, elements: int) -> int | None:
    """How many bytes so many elements take; None where the dtype does not say."""
    bits = _BITS.get(dtype)
    return None if bits is None else -(-elements * bits // 8)
