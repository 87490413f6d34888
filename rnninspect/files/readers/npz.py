"""numpy's arrays, one (.npy) or many (.npz): the header of each, and none of the values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rnninspect.errors import listed, show
from rnninspect.files.held import Damaged, Held, HeldTensor, Unreadable
from rnninspect.files.readers import zips
from rnninspect.files.readers.tensors import MOST_AXES, OF_NUMPY, is_size, nbytes
from rnninspect.files.source import Source

_MAGIC = b"\x93NUMPY"
# As numpy itself: a longer header is no array's.
_LONGEST_HEADER = 64 * 1024
# Most headers are 128 bytes long with what stands before them.
_FIRST_LOOK = 256
# Each is looked at where it lies, which takes its time; a model has some hundreds.
_MOST_ARRAYS = 20_000
# One key of a header and its value: a text, a truth value, sizes, or the fields of a structured dtype.
_PAIR = re.compile(
    r"\s*'(?P<key>\w+)'\s*:\s*"
    r"(?:'(?P<text>[^'\n]*)'|True|False|\((?P<sizes>[\dL, ]*)\)|(?P<fields>\[[^\n]*\]))\s*,?\s*",
    re.ASCII,
)


class _Header(NamedTuple):
    """What the header of an array says. descr: numpy's name of its dtype, "" for fields. start: where values begin."""

    descr: str
    shape: tuple[int, ...]
    start: int


def read(source: Source, path: str) -> Held:
    """Every array, by its name in the archive without `.npy`; a file of one array has the file's own name."""
    if source.beginning(len(_MAGIC)) == _MAGIC:
        name = Path(path).stem
        header = _header(source.beginning, name)
        note = _note(name, header)
        if _is_followed(source, header):
            raise Unreadable(
                "several arrays one after another, as Equinox writes leaves: none of them has a name",
                "save them by name with numpy.savez",
            )
        tensors = {} if note else {name: _tensor(name, header)}
        return Held(path, "npy", tensors, notes=(note,) if note else (), damage=_damage(header, source.size, ""))
    return _archive(source, path)


def _is_followed(source: Source, header: _Header) -> bool:
    """Whether another array begins where the values of one end."""
    values = nbytes(_dtype(header), math.prod(header.shape))
    end = header.start + (values or 0)
    return values is not None and end + len(_MAGIC) <= source.size and source.at(end, len(_MAGIC)) == _MAGIC


def _archive(source: Source, path: str) -> Held:
    arrays = [member for member in zips.members(source) if member.name.endswith(".npy")]
    if len(arrays) > _MOST_ARRAYS:
        raise Unreadable(f"an archive of {len(arrays):,} arrays, of which at most {_MOST_ARRAYS:,} are read")
    tensors, notes, damage = dict[str, HeldTensor](), [], []
    for member in arrays:
        name = member.name.removesuffix(".npy")
        header = _header(partial(zips.beginning, source, member), name)
        note = _note(name, header)
        if note:
            notes.append(note)
        else:
            tensors[name] = _tensor(name, header)
        damage.append(_damage(header, member.size, show(name)))
    return Held(path, "npz", tensors, notes=tuple(notes), damage=listed([d for d in damage if d] or [""], 3))


def _header(beginning: Callable[[int], bytes], name: str) -> _Header:
    """The header of an array. beginning: gives so many of its first bytes."""
    data = beginning(_FIRST_LOOK)
    start, end = _extent(data, name)
    if end > len(data):
        data = beginning(end)
    if end > len(data):
        raise Damaged(f"{show(name)} ends in its header")
    text = data[start:end].decode("latin-1")
    found = _pairs(text)
    if not found.keys() >= {"descr", "fortran_order", "shape"}:
        raise Unreadable(f"the header of {show(name)} cannot be read: {show(text.strip())}")
    descr, sizes = found["descr"]["text"], found["shape"]["sizes"]
    if sizes is None or (descr is None and found["descr"]["fields"] is None):
        raise Unreadable(f"the header of {show(name)} cannot be read: {show(text.strip())}")
    return _Header(descr or "", _shape(sizes, name), end)


def _extent(data: bytes, name: str) -> tuple[int, int]:
    """Where the text of a header begins and ends."""
    if data[: len(_MAGIC)] != _MAGIC or len(data) < 12 or data[6] not in (1, 2, 3):
        raise Unreadable(f"{show(name)} is no array of numpy's, or of a version that is not known")
    width = 2 if data[6] == 1 else 4
    length = int.from_bytes(data[8 : 8 + width], "little")
    if length > _LONGEST_HEADER:
        header = f"the header of {show(name)} has {length:,} bytes"
        raise Unreadable(f"{header}, of which at most {_LONGEST_HEADER:,} are read")
    return 8 + width, 8 + width + length


def _pairs(text: str) -> dict[str, dict[str, str | None]]:
    """The keys of a header, each with what its value is."""
    found: dict[str, dict[str, str | None]] = {}
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return found
    at, end = 1, len(text) - 1
    while at < end and (match := _PAIR.match(text, at, end)):
        if match["key"] in found:
            return {}
        found[match["key"]], at = match.groupdict(), match.end()
    return found if at == end else {}


def _shape(sizes: str, name: str) -> tuple[int, ...]:
    parts = [part.strip().removesuffix("L") for part in sizes.split(",")]  # L: a number of Python 2
    if parts[-1] == "":
        parts.pop()
    shape = tuple(int(part) for part in parts if re.fullmatch(r"\d{1,19}", part))
    if not len(parts) == len(shape) <= MOST_AXES or not all(map(is_size, shape)):
        raise Unreadable(f"the shape of {show(name)} cannot be read: {show(sizes)}")
    return shape


def _dtype(header: _Header) -> str:
    """A dtype as torch calls it, or as numpy does."""
    plain = header.descr.lstrip("<>=|")
    return OF_NUMPY.get(plain, plain)


def _tensor(name: str, header: _Header) -> HeldTensor:
    return HeldTensor(name, header.shape, _dtype(header))


def _note(name: str, header: _Header) -> str:
    """Why an array is not shown; "" for all others."""
    if not header.descr:
        return f"{show(name)} has several fields in each element, and is not shown"
    if _dtype(header).startswith("O"):
        return f"{show(name)} is a pickle of Python objects, which was not opened"
    return ""


def _damage(header: _Header, size: int, name: str) -> str:
    """What is missing of an array's values, or is too much; "" where all are there."""
    values = nbytes(_dtype(header), math.prod(header.shape))
    if values is None or (promised := header.start + values) == size:
        return ""
    whose = f"the header of {name}" if name else "the header"
    return f"{whose} promises {promised:,} bytes, the file has {size:,}"
