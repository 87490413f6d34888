"""Freed memory stays with the process while it is timed, as CUDA's allocator has it too.

glibc's malloc gives large blocks back to the system at once, and the top of its heap whenever enough of it is free;
whether a call meets that depends on what else happens to lie there, so that it differs from process to process. The
next call then takes a page fault for every 4 KiB. Measured, a training step of LSTM(256, 256, 2) over L = 50, N = 32 on
two CPUs: 54 to 59 ms without, 70 to 79 with 10,000 of them.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from rnninspect.bench.witness import page_faults

# malloc.h: the parameters' numbers, and no limit, which is the largest size_t.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NO_LIMIT, _NO_BLOCKS = -1, 0
# More than what malloc would keep by itself, and how many pages it has where they are the largest, of 2 MiB.
_BLOCK, _FEWEST_PAGES = 40_000_000, 19


def keep_freed() -> None:
    """From now on, where malloc is glibc's and the environment sets nothing of it."""
    set_ = _glibc("mallopt")
    if set_ is not None and not _set_by_the_environment():
        set_(_MMAP_MAX, _NO_BLOCKS)
        set_(_TRIM_THRESHOLD, _NO_LIMIT)


def keeps_freed() -> bool | None:
    """Whether what is freed stays, by trying: whoever's malloc it is. None where the system counts no page faults."""
    bytearray(_BLOCK)
    before = page_faults()
    bytearray(_BLOCK)
    after = page_faults()
    return None if before is None or after is None else after - before < _FEWEST_PAGES


def give_back() -> None:
    """Hand to the system what is free now, so that the next model finds it."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def remedy(*, kept: bool | None) -> str:
    """What to try where calls pay for new pages."""
    if kept or _glibc("mallopt") is None:
        return "another malloc, jemalloc for one"
    if _set_by_the_environment():
        return "leave malloc's settings out of the environment"
    return "MALLOC_TRIM_THRESHOLD_=-1 MALLOC_MMAP_MAX_=0 in the environment"


def _set_by_the_environment() -> bool:
    theirs = [name for name in os.environ if name.startswith("MALLOC_") and name.endswith("_")]
    return bool(theirs) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")


def _glibc(name: str) -> Any:
    """A function of glibc; None with another C library."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
