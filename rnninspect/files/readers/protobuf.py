"""The fields of a protobuf message, one after another, where they lie; what has a length is read when it is wanted.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rnninspect.files.held import Damaged, Unreadable
from rnninspect.files.source import Source

# How a field is written.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# So much is read at once: fields are many and small, and what lies between them may be gigabytes.
_WINDOW = 16 * 2**10
# Bounds for one file. why: a graph of 50,000 nodes has a million fields; a file of nothing but fields has no end.
_MOST_FIELDS = 2_000_000
_MOST_TEXT = 64 * 2**20
# The longest name.
_MOST_OF_ONE = 64 * 2**10
_LONGEST_VARINT = 10
# why: some levels are what people nest, and what nests without end is refused.
_MOST_DEEP = 32


class Field(NamedTuple):
    """One field of a message. value: of BYTES the offset where they begin, `length` of them; else the number itself.

    A number is as it was written, without a sign: `signed` and `floating` say what else it may mean.
    """

    number: int
    wire: int
    value: int
    length: int = 0

    @property
    def end(self) -> int:
        """Where the bytes end."""
        return self.value + self.length


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number at a place, and how many bytes it takes; 0 where it has no end before `end`."""
    found = 0
    for place, byte in enumerate(data[at : min(end, at + _LONGEST_VARINT)]):
        found |= (byte & 127) << 7 * place
        if byte < 128:
            return found, place + 1
    return found, 0


def signed(number: int) -> int:
    """A varint as an int64."""
    return number - 2**64 if number >= 2**63 else number


def floating(number: int) -> float:
    """A FIXED32 as a float."""
    return float(struct.unpack("<f", number.to_bytes(4, "little"))[0])


class Nested:
    """Messages that hold messages, gone through from the last one found. Raises Unreadable where they nest too deep.

    what: what they are called.
    """

    def __init__(self, first: Field | None, what: str) -> None:
        self._waiting: list[tuple[Field | None, int]] = [(first, 0)]
        self._what, self._depth = what, 0

    def __iter__(self) -> Iterator[Field | None]:
        while self._waiting:
            place, self._depth = self._waiting.pop()
            if self._depth > _MOST_DEEP:
                raise Unreadable(f"{self._what} within {self._what}, more than {_MOST_DEEP} deep")
            yield place

    def add(self, places: Iterable[Field]) -> None:
        """Those that the one which was given last holds."""
        self._waiting.extend((place, self._depth + 1) for place in places)


class Message:
    """The bytes of a file as messages. Raises Unreadable for what is none, and where a file has too much of it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._fields_left, self._text_left = _MOST_FIELDS, _MOST_TEXT
        self._window, self._start = b"", 0

    def fields(self, start: int = 0, end: int | None = None, *, cut: bool = False) -> Iterator[Field]:
        """The fields between two offsets. cut: a last one that ends beyond is given all the same."""
        end = self.source.size if end is None else end
        while start < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise Unreadable("it has more fields than are read of one file")
            at = start
            key, start = self.number_at(start, end)
            number, wire = key >> 3, key & 7
            if wire == VARINT:
                value, start = self.number_at(start, end)
                field = Field(number, wire, value)
            elif wire == BYTES:
                length, start = self.number_at(start, end)
                field = Field(number=number, wire=wire, value=start, length=length)
                start += length
            elif wire in (FIXED32, FIXED64):
                length = 4 if wire == FIXED32 else 8
                field = Field(number, wire, start if start + length > end else self._fixed(start, length))
                start += length
            else:
                raise Unreadable(f"the field at byte {at:,} is of a kind that no message has ({wire})")
            if not 0 < number < 2**29:
                raise Unreadable(f"the field at byte {at:,} has the number {number:,}, which no message has")
            if start > end and not (cut and wire == BYTES):
                raise self._beyond(f"the field at byte {at:,} ends at {start:,}", end)
            yield field

    def inside(self, field: Field | None, *numbers: int) -> Iterator[Field]:
        """The fields of a field that is a message, or of the whole file. numbers: which of them; none: all."""
        if field is None:
            found = self.fields()
        else:
            self._expect_bytes(field)
            found = self.fields(field.value, field.end)
        return (part for part in found if part.number in numbers) if numbers else found

    def pairs(self, entries: Iterable[Field]) -> Iterator[tuple[str, Field]]:
        """The keys and values of a map, which is written as a message for each entry."""
        for entry in entries:
            key, value = "", None
            for part in self.inside(entry):
                if part.number == 1:
                    key = self.text(part)
                elif part.number == 2:
                    value = part
            if value is not None:
                yield key, value

    def content(self, field: Field, most: int = _MOST_OF_ONE) -> bytes:
        """The bytes of a field, of which there may be `most`."""
        self._expect_bytes(field)
        if field.length > most:
            text = f"the text at byte {field.value:,} has {field.length:,} bytes"
            raise Unreadable(f"{text}, of which at most {most:,} are read")
        self._text_left -= field.length
        if self._text_left < 0:
            raise Unreadable("it has more text than is read of one file")
        place = field.value - self._start
        if place < 0 or place + field.length > len(self._window):
            if field.length > _WINDOW:
                return self.source.at(field.value, field.length)
            self._load(field.value)
            place = 0
        return self._window[place : place + field.length]

    def text(self, field: Field) -> str:
        """The text of a field; bytes that are none are written as escapes, so that no two names become one."""
        return self.content(field).decode("utf-8", "backslashreplace")

    def numbers(self, field: Field, most: int = _MOST_OF_ONE) -> tuple[int, ...]:
        """The varints of a field that has one, or several that are packed."""
        if field.wire == VARINT:
            return (field.value,)
        self._expect_bytes(field)
        if field.length > most * _LONGEST_VARINT:
            raise Unreadable(f"the numbers at byte {field.value:,} are more than the {most:,} that are read")
        found, start = [], field.value
        while start < field.end:
            value, start = self.number_at(start, field.end)
            found.append(value)
            self._fields_left -= 1
        return tuple(found)

    def _expect_bytes(self, field: Field) -> None:
        if field.wire != BYTES:
            raise Unreadable(f"field {field.number} is a number where a text or a message is expected")

    def number_at(self, at: int, end: int) -> tuple[int, int]:
        """The varint at an offset, and where it ends."""
        place = at - self._start
        if place < 0 or place + _LONGEST_VARINT > len(self._window):
            self._load(at)
            place = 0
        # why apart: nearly all numbers in a file of messages have one byte, and there are millions.
        if at < end and self._window[place] < 128:
            return self._window[place], at + 1
        found, length = varint(self._window, place, place + end - at)
        if length and found < 2**64:
            return found, at + length
        if end - at >= _LONGEST_VARINT or found >= 2**64:
            raise Unreadable(f"the number at byte {at:,} is larger than any that a message has")
        raise self._beyond(f"the number at byte {at:,} has no end", end)

    def _beyond(self, what: str, end: int) -> Unreadable:
        """What is said where a message ends too early: the file, or only what it is in."""
        if end == self.source.size:
            return Damaged(f"it ends too early: {what}, and the file at {end:,}")
        return Unreadable(f"{what}, and what it is in at {end:,}")

    def _fixed(self, at: int, length: int) -> int:
        return int.from_bytes(self.content(Field(number=0, wire=BYTES, value=at, length=length)), "little")

    def _load(self, at: int) -> None:
        length = max(0, min(_WINDOW, self.source.size - at))
        self._window, self._start = self.source.at(at, length), at
