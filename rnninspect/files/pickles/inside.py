"""Pickles in a pickle: the storages that torch puts into plain pickles, each in the format before zip."""

from __future__ import annotations

from functools import lru_cache

from rnninspect.files.held import Unreadable
from rnninspect.files.pickles.machine import Pickled, read_pickle
from rnninspect.files.pickles.records import bytes_in
from rnninspect.files.source import Source

# The format has so many pickles one after another; the fourth is the object itself.
WHOLE, OBJECT = 5, 3
# So many bytes have all five, where the object is a storage.
_BEGINNING = 1024
# Each has fewer operations than this, where the object is a storage.
_FEW_STEPS = 1000


def pickles_inside(arguments: object) -> tuple[Pickled, ...]:
    """The pickles in what torch's `_load_from_bytes` is given, up to the first that cannot be read: WHOLE, or fewer.

    Their beginning is enough: of bytes that are long no more is kept, and the pickles come before the values.
    """
    return _pickles_in(bytes_in(arguments[0])[:_BEGINNING] if isinstance(arguments, tuple) and arguments else b"")


@lru_cache(maxsize=5_000)
def _pickles_in(data: bytes) -> tuple[Pickled, ...]:
    source = Source.of(data, "a storage")
    found: list[Pickled] = []
    try:
        while len(found) < WHOLE:
            found.append(read_pickle(source, found[-1].end if found else 0, _FEW_STEPS))
    except Unreadable:
        pass
    return tuple(found)
