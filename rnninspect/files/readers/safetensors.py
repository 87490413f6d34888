"""safetensors: eight bytes that say how long the header is, a header in JSON, and the values behind it."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeGuard

from rnninspect.errors import show
from rnninspect.files.held import Damaged, Held, HeldTensor, Unreadable
from rnninspect.files.readers.tensors import MOST_AXES, is_size, nbytes
from rnninspect.files.source import Source

# why less than the 100 MB of the format: the largest published files have some thousand tensors, and 10 MB of header
# has 100,000; to read as much takes 0.5 s and 100 MB of memory.
_LONGEST_HEADER = 10 * 10**6
# Longer than any that a module has, and short enough for every rule that looks into names.
_LONGEST_NAME = 2**14

# The dtypes of the header, as torch calls them.
_DTYPES = {
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "BOOL": "bool",
    **{f"F{bits}": f"float{bits}" for bits in (64, 32, 16)},
    **{f"I{bits}": f"int{bits}" for bits in (64, 32, 16, 8)},
    **{f"U{bits}": f"uint{bits}" for bits in (64, 32, 16, 8)},
    "C64": "complex64",
}


def read(source: Source, path: str) -> Held:
    """The tensors of the header. What is missing of the values is damage, for all of the header is there."""
    length = int.from_bytes(source.at(0, 8), "little")
    if length > _LONGEST_HEADER:
        raise Unreadable(f"a header of {length:,} bytes, of which at most {_LONGEST_HEADER:,} are read")
    entries = _header(source.at(8, length))
    entries.pop("__metadata__", None)
    places: list[tuple[int, int, str]] = []
    tensors = {}
    for name, entry in entries.items():
        tensors[name], begin, end = _tensor(name, entry)
        places.append((begin, end, name))
    return Held(path, "safetensors", tensors, damage=_damage(sorted(places), 8 + length, source.size))


class _Refused(ValueError):
    """What a header must not have; the text says it."""


def _header(data: bytes) -> dict[str, Any]:
    """The JSON object of the header."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except _Refused as error:
        raise Unreadable(f"its header {error}") from error
    except (ValueError, RecursionError) as error:
        raise Damaged("its header is no JSON") from error
    if not isinstance(value, dict):
        raise Unreadable("its header is no JSON object")
    return value


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Refused(f"names {show(key)} twice")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _tensor(name: str, entry: object) -> tuple[HeldTensor, int, int]:
    """One tensor, and where its values begin and end behind the header."""
    if not isinstance(entry, dict):
        raise Unreadable(f"its header says nothing of {show(name)}")
    if len(name) > _LONGEST_NAME:
        raise Unreadable(f"a name of {len(name):,} characters, of which at most {_LONGEST_NAME:,} are read")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or not _are_sizes(shape, MOST_AXES) or not _are_sizes(offsets, 2):
        raise Unreadable(f"its header has no dtype, shape and data_offsets of {show(name)}")
    tensor = HeldTensor(name, tuple(shape), _DTYPES.get(dtype, dtype))
    begin, end = offsets if len(offsets) == 2 else (0, -1)
    if begin > end or nbytes(tensor.dtype, tensor.elements) not in (None, end - begin):
        raise Unreadable(
            f"its header contradicts itself: {show(name)} of {dtype} {show(str(shape))} in {end - begin:,} bytes"
        )
    return tensor, begin, end


def _are_sizes(value: object, most: int) -> TypeGuard[list[int]]:
    """Whether it is a list of at most so many sizes."""
    return isinstance(value, list) and len(value) <= most and all(map(is_size, value))


def _damage(places: list[tuple[int, int, str]], start: int, size: int) -> str:
    """What is wrong with where the values are; "" where they fill the file, one behind the other.

    why not refused: a tensor's shape is as its header says it, wherever its values are.
    """
    at, before = 0, ""
    for begin, end, name in places:
        if begin < at:
            return f"the values of {show(before)} and {show(name)} overlap"
        if begin > at:
            return f"{begin - at:,} bytes before the values of {show(name)} belong to no tensor"
        at, before = end, name
    if start + at != size:
        return f"the header promises {start + at:,} bytes, the file has {size:,}"
    return ""
