"""A checkpoint in a tar archive: the one file in it that is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

from rnninspect.errors import listed, show
from rnninspect.files.held import Damaged, Held, Unreadable
from rnninspect.files.read import read_kind
from rnninspect.files.readers.tensors import is_size
from rnninspect.files.sniff import KNOWN, is_tar_header, kind_of
from rnninspect.files.source import Source

_BLOCK = 512
# Beside a checkpoint lie its configuration and vocabulary: some tens of files, with names as paths are.
_MOST_HEADERS = 10_000
_LONGEST_NAME = 64 * 1024
# The kinds of a header: a file; the next one's long name (GNU), or what else is said of it (pax).
_FILES = (b"0", b"\0", b"7")
_LONG_NAME, _PAX = b"L", b"x"
# What the first format of torch kept in a tar.
_FIRST_TORCH = {"tensors", "storages", "pickle"}
# What is not read out of an archive: an archive in an archive, and files that belong to other files.
_NOT_INSIDE = ("tar", "shards")


class _File(NamedTuple):
    """A file in the archive. missing: how many of its bytes the archive was cut by."""

    name: str
    source: Source
    missing: int


def read(source: Source, path: str) -> Held:
    """What the one checkpoint in the archive holds."""
    files = list(_files(source))
    names = {PurePosixPath(file.name).name for file in files}
    if names >= _FIRST_TORCH:
        hint = "load it with torch and save it again with torch.save"
        raise Unreadable("a tar of torch's first format, of before 2018, which is not read", hint)
    found = {file.name: (kind, file) for file in files if (kind := _kind(file))}
    graphs = [name for name, (kind, _) in found.items() if kind == "SavedModel"]
    if len(graphs) == 1:  # why: its values, which are a checkpoint too, belong to it
        values = PurePosixPath(graphs[0]).parent / "variables"
        found = {name: each for name, each in found.items() if PurePosixPath(name).parent != values}
    if len(found) > 1:
        named = listed([show(name, 80) for name in found], 4)
        raise Unreadable(f"a tar archive of {len(found)} checkpoints: {named}", "unpack it and name one")
    if not found:
        raise Unreadable(_nothing(files), KNOWN)
    ((name, (kind, file)),) = found.items()
    # why the archive's own path for its folder: a name in a hostile archive may lead anywhere.
    held = read_kind(kind, file.source, f"{path}/member")
    damage = held.damage or (
        f"the archive ends {file.missing:,} bytes before {show(name)} does" if file.missing else ""
    )
    return replace(held, file=path, format=f"{held.format} in a tar", damage=damage)


def _kind(file: _File) -> str:
    """The kind of a file that is a checkpoint which can be read here, else ""."""
    try:
        kind = kind_of(file.source)
    except Unreadable:
        return ""
    return "" if kind in _NOT_INSIDE else kind


def _nothing(files: list[_File]) -> str:
    if not files:
        return "a tar archive without files"
    return f"a tar archive that holds no checkpoint, but {listed([show(file.name, 40) for file in files], 3)}"


def _files(source: Source) -> Iterator[_File]:
    """The regular files of an archive; links and devices are passed over."""
    at, long_name = 0, ""
    for _ in range(_MOST_HEADERS):
        if at + _BLOCK > source.size:
            return
        header = source.at(at, _BLOCK)
        if not header.strip(b"\0"):
            return
        size, kind, start = _number(header[124:136]), header[156:157], at + _BLOCK
        if size is None or not is_tar_header(header):
            raise Damaged(f"the tar archive is damaged: no header at byte {at:,}")
        if kind in (_LONG_NAME, _PAX):
            long_name = _long_name(source, kind, start, size) or long_name
        else:
            there = max(0, min(size, source.size - start))
            if kind in _FILES:
                name = long_name or _name(header)
                yield _File(name, source.part(start, there, name), size - there)
            long_name = ""
        at = start + -(-size // _BLOCK) * _BLOCK
    raise Unreadable(f"a tar archive of more than {_MOST_HEADERS:,} files")


def _number(digits: bytes) -> int | None:
    """A number of a header, in octal digits or, where the first bit is set, in bytes; None for any other."""
    if digits[:1] == b"\x80":
        value = int.from_bytes(digits[1:], "big")
        return value if is_size(value) else None
    text = digits.strip(b" \0")
    return int(text or b"0", 8) if re.fullmatch(rb"[0-7]*", text) else None


def _name(header: bytes) -> str:
    name, prefix = header[:100].partition(b"\0")[0], header[345:500].partition(b"\0")[0]
    if header[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    return name.decode("utf-8", "replace")


def _long_name(source: Source, kind: bytes, start: int, size: int) -> str:
    """The name that a header says of the next one; "" where it says none."""
    if size > _LONGEST_NAME:
        raise Unreadable(f"a name of {size:,} bytes in the tar archive")
    data = source.at(start, size)
    if kind == _LONG_NAME:
        return data.partition(b"\0")[0].decode("utf-8", "replace")
    path = re.search(rb"(?:\A|\n)\d+ path=([^\n]*)\n", data)
    return path[1].decode("utf-8", "replace") if path else ""
