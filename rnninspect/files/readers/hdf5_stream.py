"""The bytes of an HDF5 file on their way to the library, so that what would keep it going for ever never gets there."""

from __future__ import annotations

import io
from typing import IO

from rnninspect.files.held import Unreadable
from rnninspect.files.source import Source

# A collection of texts begins so: a signature, the version, three bytes that are 0; then its size. A name that has
# these letters in it has no such bytes behind them.
_COLLECTION = b"GCOL\1\0\0\0"
_HEAD = 16
# A collection has 4 KiB, or as much as the longest text in it, which is the description of a model.
_LARGEST = 16 * 2**20
# So much is handed on at once. why: it is looked through, and copied.
_MOST_AT_ONCE = 2**20


def checked(source: Source) -> IO[bytes]:
    """A source as a stream, in which a damaged collection of texts has no signature.

    why: the library goes from one text of a collection to the next by the size of each, without end where one that
    is free has the size 0. Without a signature it says that the file is damaged.
    """
    return io.BufferedReader(_Checked(source))


class _Checked(io.RawIOBase):
    """The stream."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0
        self._sound: dict[int, bool] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = max(0, min(len(buffer), self._source.size - self._at, _MOST_AT_ONCE))
        # why more than is asked for: a signature may be read in two parts.
        start = max(0, self._at - len(_COLLECTION) + 1)
        end = min(self._source.size, self._at + length + len(_COLLECTION) - 1)
        data = bytearray(self._source.at(start, max(0, end - start)))
        found = data.find(_COLLECTION)
        while found >= 0:
            if not self._is_sound(start + found):
                data[found : found + len(_COLLECTION)] = bytes(len(_COLLECTION))
            found = data.find(_COLLECTION, found + 1)
        buffer[:length] = data[self._at - start : self._at - start + length]
        self._at += length
        return length

    def _is_sound(self, at: int) -> bool:
        """Whether what looks like a collection at a place is one that can be walked through."""
        if at not in self._sound:
            try:
                self._sound[at] = _can_be_walked(self._source, at)
            except Unreadable:
                self._sound[at] = False
        return self._sound[at]


def _can_be_walked(source: Source, at: int) -> bool:
    """Whether each text of a collection says where the next one begins, up to its end."""
    size = int.from_bytes(source.at(at + 8, 8), "little")
    if not _HEAD < size <= _LARGEST:
        return False
    data = source.at(at, size)
    place = _HEAD
    while place + _HEAD <= size:
        number, length = int.from_bytes(data[place : place + 2], "little"), data[place + 8 : place + 16]
        step = int.from_bytes(length, "little")
        # What is free counts its own head, and a text does not, nor what fills it up to a multiple of eight.
        place += step if number == 0 else _HEAD + -(-step // 8) * 8
        if number == 0:
            return place == size
    return place <= size
