"""Writes the bytes of protobuf messages, sound and unsound ones, for the tests of what reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterable


def varint(number: int) -> bytes:
    """A number in seven bits a byte; a negative one as int64 has it."""
    if number < 0:
        number += 2**64
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def key(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def field(number: int, value: int | float | str | bytes) -> bytes:
    """A field: a whole number as a varint, a float in 32 bits, a text or a message with its length."""
    if isinstance(value, int):
        return key(number, 0) + varint(value)
    if isinstance(value, float):
        return key(number, 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return key(number, 2) + varint(len(content)) + content


def message(*fields: tuple[int, int | float | str | bytes]) -> bytes:
    return b"".join(field(number, value) for number, value in fields)


def packed(numbers: Iterable[int]) -> bytes:
    return b"".join(varint(number) for number in numbers)


def floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)
