"""How much memory the machine has free, and how much this process has taken: read from the system, without torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rnninspect.runtime.control_groups import groups

_STATUS = Path("/proc/self/status")
# By version of control groups: where a limit stands, what is used, and what of that are cached files.
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


def available_bytes() -> int | None:
    """Bytes that can still be allocated without swapping or being killed; None where the system does not say.

    The least of what the kernel calls available and what the control group leaves.
    """
    return min((amount for amount in (_kernel(), _control_groups()) if amount is not None), default=None)


def address_space() -> int | None:
    """The most bytes of addresses that this process may take (`ulimit -v`); None where nothing limits them."""
    try:
        import resource
    except ImportError:  # why: Windows has none
        return None
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if allowed == resource.RLIM_INFINITY else allowed


# What torch's allocators say: of the CPU (Windows has words of its own), of CUDA and MPS, of CUDA's libraries; and what
# the system says, and the loader of libraries.
_RAN_OUT = (
    *("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED"),
    *("Cannot allocate memory", "failed to map segment from shared object"),
)


def ran_out(error: BaseException | None) -> bool:
    """Whether an operation failed for want of memory, itself or for what it was raised from."""
    if error is None:
        return False
    return isinstance(error, MemoryError) or any(words in str(error) for words in _RAN_OUT) or ran_out(error.__cause__)


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


@contextlib.contextmanager
def no_more_than(nbytes: int | None) -> Iterator[None]:
    """A block in which this process is refused memory beyond so many bytes more than it has now; None: in which it is
    not. Nothing holds it back where the system does not say how much it has (only Linux does).
    """
    taken = _status("VmData")
    if nbytes is None or taken is None:
        yield
        return
    import resource

    allowed, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = min(amount for amount in (taken + nbytes, allowed, most) if amount != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, most))


def resident_bytes(pid: int | None) -> int | None:
    """The memory that a process holds; None where the system does not say, or the process is gone."""
    return _field(Path(f"/proc/{pid}/status"), "VmRSS")


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
    except (AttributeError, ValueError, OSError):
        # why: macOS has no figure for free pages here; all of physical memory is the best bound it offers.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _control_groups() -> int | None:
    """The least that the process's control groups, a container's limit for one, leave."""
    amounts = [_left(group.folder, *_FILES[group.version]) for group in groups("memory")]
    return min((amount for amount in amounts if amount is not None), default=None)


def _left(group: Path, limit: str, used: str, reclaimable: str) -> int | None:
    """What one group leaves; cached files it would give back count as free."""
    with contextlib.suppress(OSError, ValueError):  # a limit of "max" is no number: there is none
        most, taken = int((group / limit).read_text()), int((group / used).read_text())
        cached = 0
        with contextlib.suppress(OSError, ValueError):
            statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            cached = int(statistics.get(reclaimable, 0))
        return max(most - taken + cached, 0)
    return None
