"""The members of a zip archive and their bytes, read by hand.

why not zipfile: its import takes 25 ms, it reads a directory of any length, and it takes a name that is there twice.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from rnninspect.errors import show
from rnninspect.files.held import Damaged, Unreadable
from rnninspect.files.source import Source

# A directory of 100,000 members, with names of 100 bytes, has as much.
_LONGEST_DIRECTORY = 16 * 2**20
_MOST_MEMBERS = 100_000
STORED, DEFLATED = 0, 8
_ENCRYPTED = 1
_UTF8 = 0x800
_UNKNOWN_32, _UNKNOWN_16 = 0xFFFFFFFF, 0xFFFF

_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_CUT = "the zip archive is cut off or damaged: "


class Member(NamedTuple):
    """A file in an archive. method: STORED, DEFLATED or another. packed, size: bytes in the archive, and unpacked.

    at: where its own header begins in the archive's file.
    """

    name: str
    method: int
    packed: int
    size: int
    at: int


def members(source: Source) -> tuple[Member, ...]:
    """The files of an archive, folders left out, in the order of its directory. Raises Unreadable."""
    offset, size, count, shift = _directory(source)
    if size > _LONGEST_DIRECTORY or count > _MOST_MEMBERS:
        raise Unreadable(f"a zip archive of {count:,} files, of which at most {_MOST_MEMBERS:,} are read")
    data = source.at(offset, size)
    found: dict[str, Member] = {}
    at = 0
    for _ in range(count):
        member, at = _entry(data, at, shift)
        if member.name in found:
            raise Unreadable(f"the zip archive holds {show(member.name)} twice")
        found[member.name] = member
    return tuple(member for member in found.values() if not member.name.endswith("/"))


def opened_member(source: Source, member: Member, most: int) -> Source:
    """The bytes of a member: a part of the archive where it is stored, else a copy of at most `most` bytes."""
    start = _start(source, member)
    if member.method == STORED:
        if member.packed != member.size:
            raise Damaged(f"{_CUT}{show(member.name)} is stored, and has two sizes")
        return source.part(start, member.size, member.name)
    if member.size > most:
        raise Unreadable(f"{show(member.name)} is larger than {most:,} bytes when unpacked", "unpack the archive")
    data = _inflated(source, member, start, member.size)
    if len(data) != member.size:
        raise Damaged(f"{_CUT}{show(member.name)} is not as long as its directory says")
    return Source.of(data, member.name)


def beginning(source: Source, member: Member, most: int) -> bytes:
    """The first bytes of a member, `most` or all there are."""
    start = _start(source, member)
    if member.method == STORED:
        return source.at(start, min(member.size, most))
    return _inflated(source, member, start, most)[:most]


def _inflated(source: Source, member: Member, start: int, most: int) -> bytes:
    """What a member is when unpacked, and of what is longer `most` bytes and one more."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    parts, left, at, end = [], most + 1, start, start + member.packed
    try:
        while at < end and left and not unpacker.eof:
            chunk = source.at(at, min(end - at, 2**16))
            at += len(chunk)
            while left and chunk:
                parts.append(unpacker.decompress(chunk, left))
                left -= len(parts[-1])
                chunk = unpacker.unconsumed_tail
    except zlib.error as error:
        raise Damaged(f"{_CUT}{show(member.name)} does not unpack") from error
    return b"".join(parts)


def _start(source: Source, member: Member) -> int:
    """Where the bytes of a member begin."""
    if member.method not in (STORED, DEFLATED):
        raise Unreadable(f"{show(member.name)} is packed by method {member.method}, which is not read", "unpack it")
    header = source.at(member.at, _LOCAL.size)
    magic, *_, name, extra = _LOCAL.unpack(header)
    start = member.at + _LOCAL.size + name + extra
    if magic != b"PK\3\4" or start + member.packed > source.size:
        raise Damaged(f"{_CUT}{show(member.name)} is not where its directory says")
    return int(start)


def _directory(source: Source) -> tuple[int, int, int, int]:
    """Where the directory begins, its bytes, its entries, and by how much all places of it are further on."""
    length = min(source.size, _END.size + _UNKNOWN_16)
    tail_at = source.size - length
    tail = source.at(tail_at, length)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise Damaged(f"{_CUT}its directory, which stands at the end, is missing")
    *_, count, size, offset, _comment = _END.unpack_from(tail, at)
    end = tail_at + at
    # why always: torch writes this record for archives of any size, and it stands between the directory and the end.
    end, count, size, offset = _end_64(source, end) or (end, count, size, offset)
    shift = end - size - offset  # why: what stands before an archive moves all of it
    if shift < 0:
        raise Damaged(f"{_CUT}its directory begins before the file")
    return offset + shift, size, count, shift


def _end_64(source: Source, end: int) -> tuple[int, int, int, int] | None:
    """Where a large archive's directory ends, its entries, bytes and place; None where there is no such record."""
    if end < _LOCATOR.size:
        return None
    magic, _disk, at, _disks = _LOCATOR.unpack(source.at(end - _LOCATOR.size, _LOCATOR.size))
    if magic != b"PK\6\7":
        return None
    for place in (at, end - _LOCATOR.size - _END_64.size):  # why two: what stands before the archive moves it
        if 0 <= place <= source.size - _END_64.size:
            magic, *_, count, size, offset = _END_64.unpack(source.at(place, _END_64.size))
            if magic == b"PK\6\6":
                return place, count, size, offset
    return None


def _entry(data: bytes, at: int, shift: int) -> tuple[Member, int]:
    """The entry of a directory at a place, and the place behind it."""
    if len(data) - at < _ENTRY.size:
        raise Damaged(f"{_CUT}its directory has fewer entries than it says")
    fields = _ENTRY.unpack_from(data, at)
    magic, flags, method, packed, size = fields[0], fields[3], fields[4], fields[8], fields[9]
    name_length, extra_length, comment_length, place = fields[10], fields[11], fields[12], fields[16]
    name_at = at + _ENTRY.size
    after = name_at + name_length + extra_length + comment_length
    if magic != b"PK\1\2" or after > len(data):
        raise Damaged(f"{_CUT}its directory cannot be read")
    if flags & _ENCRYPTED:
        raise Unreadable("the zip archive is encrypted", "unpack it with its password")
    name = data[name_at : name_at + name_length].decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    extra = data[name_at + name_length : name_at + name_length + extra_length]
    size, packed, place = _large(extra, size, packed, place)
    return Member(name=name, method=method, packed=packed, size=size, at=place + shift), after


def _large(extra: bytes, *sizes: int) -> tuple[int, int, int]:
    """The size, the packed size and the place of a member, each from its extra field where it needs 64 bits."""
    at, large = 0, b""
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            large = extra[at + 4 : at + 4 + length]
        at += 4 + length
    found = []
    for value in sizes:
        if value == _UNKNOWN_32 and len(large) >= 8:
            value, large = int.from_bytes(large[:8], "little"), large[8:]
        found.append(value)
    return found[0], found[1], found[2]
