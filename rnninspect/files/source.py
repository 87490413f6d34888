"""The bytes of a file, or of one member of an archive: any part of them, and never more than is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from rnninspect.disk import opened
from rnninspect.files.held import Unreadable

# So many bytes are read at once at most. why: headers are small, and a length in a hostile one is any number.
MOST_AT_ONCE = 64 * 2**20


class Source(Protocol):
    """Bytes that are at hand by their place."""

    name: str
    size: int

    def at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset` on. Raises Unreadable where the file ends before."""

    def stream(self) -> IO[bytes]:
        """A stream that can be sought in, for a library that wants one; it is read from the beginning."""


class FileSource:
    """A regular file, or a part of one: `size` bytes from `start` on."""

    def __init__(self, name: str, stream: IO[bytes], start: int, size: int) -> None:
        self.name, self.size = name, size
        self._stream, self._start = stream, start

    def at(self, offset: int, length: int) -> bytes:
        """Bytes of it. Raises Unreadable beyond its end, and for more than MOST_AT_ONCE."""
        if length > MOST_AT_ONCE:
            raise Unreadable(f"a header of {length:,} bytes, of which at most {MOST_AT_ONCE:,} are read")
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Unreadable(f"it ends too early: {offset + length:,} bytes are needed, and {self.size:,} are there")
        self._stream.seek(self._start + offset)
        parts, left = [], length
        while left:
            part = self._stream.read(left)
            if not part:
                raise Unreadable("it became shorter while it was read")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def part(self, offset: int, size: int, name: str) -> FileSource:
        """A member of it. Raises Unreadable beyond its end."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise Unreadable(f"{name} ends beyond the file's end")
        return FileSource(name, self._stream, self._start + offset, size)

    def stream(self) -> IO[bytes]:
        """A stream over it."""
        return io.BufferedReader(_Window(self))


class _Window(io.RawIOBase):
    """A source as a stream."""

    def __init__(self, source: FileSource) -> None:
        self._source, self._at = source, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = max(0, min(len(buffer), self._source.size - self._at))
        buffer[:length] = self._source.at(self._at, length)
        self._at += length
        return length


@contextmanager
def source_of(path: str) -> Iterator[FileSource]:
    """The bytes of the regular file at `path`. Raises OSError."""
    with opened(path) as stream:
        yield FileSource(path, stream, 0, stream.seek(0, io.SEEK_END))
