"""The bytes of a pickle in their order, a part of the file at a time; what is long is passed over."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.files.held import Damaged, Unreadable
from rnninspect.files.pickles.records import Skipped
from rnninspect.files.source import Source

# What is read of the file at once.
_CHUNK = 2**18
# Longer bytes and texts are passed over. why not shorter: keys of a dict are texts too.
LONGEST_KEPT = 2**14
# Of what is passed over so many bytes are kept: the beginning of a storage that torch wrote there says its dtype.
_HEAD = 1024
# So much of a pickle is looked through for words.
_LOOKED_THROUGH = 64 * 2**20
# All that is kept of texts and bytes together; a file of a million keys has less.
_MOST_KEPT = 32 * 2**20


class PickleBytes:
    """Where the machine stands in a pickle: `buffer[at]` is the next byte, where there is one."""

    def __init__(self, source: Source, start: int = 0) -> None:
        self.buffer = b""
        self.at = 0
        self._source, self._next = source, start
        self._left = _MOST_KEPT

    @property
    def place(self) -> int:
        """Where the next byte stands in the source."""
        return self._next - len(self.buffer) + self.at

    def more(self) -> None:
        """Read on, so that the next byte is in the buffer. Raises Unreadable at the end."""
        self._need(1)

    def take(self, length: int) -> bytes:
        """The next `length` bytes, which are few."""
        if len(self.buffer) - self.at < length:
            self._need(length)
        start = self.at
        self.at = start + length
        return self.buffer[start : self.at]

    def byte(self) -> int:
        """The next byte."""
        if self.at >= len(self.buffer):
            self._need(1)
        self.at += 1
        return self.buffer[self.at - 1]

    def number(self, length: int) -> int:
        """The next bytes as a number without a sign."""
        return int.from_bytes(self.take(length), "little")

    def bytes_of(self, length: int) -> bytes | Skipped:
        """The next `length` bytes, which may be any number: what is long is not even read."""
        kept = length if length <= LONGEST_KEPT else _HEAD
        head = self._kept(self.take(kept))
        if kept == length:
            return head
        self.skip(length - kept)
        return Skipped(length, head)

    def skip(self, length: int) -> None:
        """Go on behind `length` bytes. Raises Unreadable where there are fewer."""
        place = self.place
        if length > self._source.size - place:
            there = max(0, self._source.size - place)
            raise Damaged(f"the pickle ends too early: {length:,} bytes are announced, and {there:,} are there")
        if length <= len(self.buffer) - self.at:
            self.at += length
        else:
            self.buffer, self.at, self._next = b"", 0, place + length

    def line(self) -> bytes | Skipped:
        """What stands before the next end of a line, and go on behind it."""
        parts: list[bytes] = []
        length = 0
        while True:
            end = self.buffer.find(b"\n", self.at)
            part = self.buffer[self.at : end if end >= 0 else len(self.buffer)]
            length += len(part)
            if length - len(part) <= LONGEST_KEPT:
                parts.append(part[: LONGEST_KEPT + 1])
            self.at += len(part)
            if end >= 0:
                self.at += 1
                kept = self._kept(b"".join(parts)[: length if length <= LONGEST_KEPT else _HEAD])
                return kept if length <= LONGEST_KEPT else Skipped(length, kept)
            self.more()

    def _kept(self, data: bytes) -> bytes:
        """Bytes that are kept, counted."""
        self._left -= len(data)
        if self._left < 0:
            raise Unreadable(f"a pickle with more than {_MOST_KEPT:,} bytes of names and texts")
        return data

    def _need(self, length: int) -> None:
        """Have at least `length` bytes in the buffer, from `at` on."""
        rest = self.buffer[self.at :]
        wanted = max(length - len(rest), min(_CHUNK, self._source.size - self._next))
        if length - len(rest) > self._source.size - self._next:
            raise Damaged(f"the pickle ends too early, after {self._source.size:,} bytes")
        self.buffer = rest + self._source.at(self._next, wanted)
        self._next += wanted
        self.at = 0


def mentions(source: Source, words: Sequence[bytes]) -> bool:
    """Whether one of `words` stands in the beginning of a source, which is as much as is looked through."""
    rest, at, end = b"", 0, min(source.size, _LOOKED_THROUGH)
    overlap = max(map(len, words))
    while at < end:
        part = rest + source.at(at, min(_CHUNK, end - at))
        if any(word in part for word in words):
            return True
        at += _CHUNK
        rest = part[-overlap:]
    return source.size > _LOOKED_THROUGH
