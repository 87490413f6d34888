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

# malloc.h: the parameters' numbers, and no limit, which is the largest size_t.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NO_LIMIT, _NO_BLOCKS = -1, 0


def keep_freed() -> bool:
    """From now on; False where malloc is not glibc's, or the environment sets it to something."""
    theirs = [name for name in os.environ if name.startswith("MALLOC_") and name.endswith("_")]
    if theirs or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    set_ = _glibc("mallopt")
    return set_ is not None and bool(set_(_MMAP_MAX, _NO_BLOCKS)) and bool(set_(_TRIM_THRESHOLD, _NO_LIMIT))


def give_back() -> None:
    """Hand to the system what is free now, so that the next model finds it."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Any:
    """A function of glibc; None with another C library."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
