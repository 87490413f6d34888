"""What a pickle says, as inert records: names of functions and classes, calls that were not made, bytes not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Global(NamedTuple):
    """A function or a class by its name; nothing was looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


# why identity: two calls that say the same are two objects, and comparing them could take for ever.
@dataclass(eq=False, slots=True)
class Call:
    """A call that was found and not made: an object in the making, so the machine goes on filling it.

    function: mostly a Global. arguments: mostly a tuple. state: what the object was to be given, where it was. items,
    elements: what was to be stored in it, as in a dict, and as in a list.
    """

    function: object
    arguments: object
    state: object = None
    items: dict[object, object] | None = None
    elements: list[object] | None = None


@dataclass(eq=False, slots=True)
class Persistent:
    """An object that stands outside of the pickle, by what it is called there."""

    key: object


class Skipped(NamedTuple):
    """A text or bytes too long to be kept: the values of an array, as a rule. length: in bytes. head: the first few."""

    length: int
    head: bytes = b""


@dataclass(eq=False, slots=True)
class Key:
    """A key of a dict, or an element of a set, that is kept by its identity.

    why: to hash a tuple of tuples can take for ever, and whoever writes a file can choose numbers that collide.
    """

    value: object


Kept = str | bytes | int | float | bool | None | Key


def key_of(value: object) -> Kept:
    """What stands for `value` as a key: itself where its hash is safe to ask for."""
    if value is None or isinstance(value, str | bytes | float):
        return value
    if isinstance(value, int) and -(2**60) < value < 2**60:  # why: beyond, any number of them have one hash
        return value
    return Key(value)


def bytes_in(value: object) -> bytes:
    """Bytes, as far as they were kept; up to protocol 2 they are written as the encoding of a text."""
    if isinstance(value, Call) and value.function == ("_codecs", "encode") and isinstance(value.arguments, tuple):
        text = value.arguments[0] if value.arguments else ""
        text = text.head.decode("utf-8", "ignore") if isinstance(text, Skipped) else text
        return text.encode("latin-1", "ignore") if isinstance(text, str) else b""
    if isinstance(value, Skipped):
        return value.head
    return value if isinstance(value, bytes) else b""
