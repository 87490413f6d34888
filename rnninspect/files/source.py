"""The bytes of a file, or of one member of an archive: any part of them, and never more than is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rnninspect.disk import opened
from rnninspect.errors import show
from rnninspect.files.held import Damaged, Unreadable

# So many bytes are read at once at most. why: headers are small, and a length in a hostile one is any number.
MOST_AT_ONCE = 64 * 2**20


class Source:
    """A regular file, a part of one, or bytes in memory: `size` bytes from `start` of a stream on."""

    def __init__(self, name: str, stream: IO[bytes], start: int, size: int) -> None:
        self.name, self.size = name, size
        self._stream, self._start = stream, start

    def at(self, offset: int, length: int) -> bytes:
        """Bytes of it. Raises Unreadable beyond its end, and for more than MOST_AT_ONCE."""
        if length > MOST_AT_ONCE:
            raise Unreadable(f"a header of {length:,} bytes, of which at most {MOST_AT_ONCE:,} are read")
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Damaged(f"it ends too early: {offset + length:,} bytes are needed, and {self.size:,} are there")
        self._stream.seek(self._start + offset)
        parts, left = [], length
        while left:
            part = self._stream.read(left)
            if not part:
                raise Damaged("it became shorter while it was read")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def beginning(self, most: int) -> bytes:
        """Its first bytes: `most` of them, or all that there are."""
        return self.at(0, min(most, self.size))

    def part(self, offset: int, size: int, name: str) -> Source:
        """A member of it. Raises Unreadable beyond its end."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise Damaged(f"{show(name)} ends beyond the file's end")
        return Source(name, self._stream, self._start + offset, size)

    @classmethod
    def of(cls, data: bytes, name: str = "") -> Source:
        """Bytes in memory."""
        return cls(name, io.BytesIO(data), 0, len(data))


@contextmanager
def source_of(path: str) -> Iterator[Source]:
    """The bytes of the regular file at `path`. Raises OSError."""
    with opened(path) as stream:
        yield Source(path, stream, 0, stream.seek(0, io.SEEK_END))
