"""How much memory the machine has free, and how much this process has taken: read from the system, without torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """Bytes that can still be allocated without swapping or being killed; None where the system does not say.

    The least of what the kernel calls available and what the control group leaves.
    """
    found = [amount for amount in (_kernel(), _control_group()) if amount is not None]
    return min(found, default=None)


def peak_resident() -> Callable[[], int | None]:
    """Start watching this process's resident memory; the answer is by how many bytes its peak has grown since.

    None where the system keeps no peak that can be reset (only Linux does).
    """
    start = _status("VmRSS")
    try:
        # why 5: it resets VmHWM, the peak, which otherwise holds what importing torch took.
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return lambda: None

    def grown() -> int | None:
        peak = _status("VmHWM")
        return None if peak is None or start is None else max(peak - start, 0)

    return grown


def _status(key: str) -> int | None:
    return _field(_STATUS, key)


def _field(path: Path, key: str) -> int | None:
    """A `Key:  123 kB` line of a /proc file, in bytes."""
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == key:
                return int(rest.split()[0]) * 1024
    return None


def _kernel() -> int | None:
    available = _field(Path("/proc/meminfo"), "MemAvailable")
    if available is not None:
        return available
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        # why: macOS has no figure for free pages here; all of physical memory is the best bound it offers.
        with contextlib.suppress(ValueError, OSError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _control_group() -> int | None:
    """What the process's control group (a container's limit) leaves, version 2 or 1."""
    for limit, used in (
        (_CGROUP / "memory.max", _CGROUP / "memory.current"),
        (_CGROUP / "memory/memory.limit_in_bytes", _CGROUP / "memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # a limit of "max" is no number: there is none
            return max(int(limit.read_text()) - int(used.read_text()), 0)
    return None
