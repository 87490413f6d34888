"""What the machine did meanwhile: what the system had counted before and after a block of calls.

On a busy machine the spread of the samples does not show that the machine was busy; these counts do (measured: every
run that was far off had other processes at 49 % of the CPU or more, or over 110 involuntary context switches a
second). A reading costs some 50 us. Whatever the system does not say is None: macOS and Windows have no
/proc/stat.

The kernel counts the CPUs in ticks of 10 ms, so blocks of 0.1 s and longer are told apart, shorter ones hardly.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from functools import cache
from typing import NamedTuple

from rnninspect.bench.cpus import allowed_cpus, quotas

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_STAT = "/proc/stat"


class Reading(NamedTuple):
    """What the system had counted at one moment.

    at: seconds on a clock that never goes back. thread, own: CPU seconds of the thread that reads, and of its process
    with all threads. switches: the process's involuntary context switches. cpus: how many CPUs it may run on; busy,
    stolen: CPU seconds spent on those, and taken from them for other guests of the host. periods, throttled: of the
    control group's CPU quota, how many periods have passed and in how many of them it was used up.
    """

    at: float
    thread: float | None = None
    own: float | None = None
    switches: int | None = None
    cpus: int | None = None
    busy: float | None = None
    stolen: float | None = None
    periods: int | None = None
    throttled: int | None = None


class Counted(NamedTuple):
    """What two readings say of the time between them.

    others: the share of the CPUs this process may run on that other processes used, this one and its threads left out;
    grain: by how much that may be off, as ticks are coarse. waited: of the time, the share that the thread which reads
    was on no CPU. steal: the share that the hypervisor took. switches: involuntary context switches a second.
    throttled: the share of the quota's periods in which it was used up.
    """

    seconds: float
    cpus: int | None = None
    others: float | None = None
    grain: float | None = None
    waited: float | None = None
    steal: float | None = None
    switches: float | None = None
    throttled: float | None = None


def read() -> Reading:
    """Read the counters now."""
    own, switches = _own()
    cpus, busy, stolen = _cpus() or (None, None, None)
    periods, throttled = _quota_use() or (None, None)
    return Reading(
        at=time.perf_counter(),
        thread=time.thread_time(),
        own=own,
        switches=switches,
        cpus=cpus,
        busy=busy,
        stolen=stolen,
        periods=periods,
        throttled=throttled,
    )


def between(before: Reading, after: Reading) -> Counted:
    """What happened from one reading to the other."""
    seconds = after.at - before.at
    if seconds <= 0:
        return Counted(0.0)
    switches, thread = _grown(before.switches, after.switches), _grown(before.thread, after.thread)
    periods, throttled = _grown(before.periods, after.periods), _grown(before.throttled, after.throttled)
    others = grain = steal = None
    if before.cpus == after.cpus and after.cpus:
        machine = after.cpus * seconds
        grain = _tick() * math.sqrt(after.cpus) / machine
        stolen, others = _grown(before.stolen, after.stolen), _others(before, after, grain * machine)
        steal = None if stolen is None else min(stolen / machine, 1.0)
        others = None if others is None else min(others / machine, 1.0)
    return Counted(
        seconds=seconds,
        cpus=after.cpus,
        others=others,
        grain=grain,
        waited=None if thread is None else max(1 - thread / seconds, 0.0),
        steal=steal,
        switches=None if switches is None else switches / seconds,
        throttled=throttled / periods if periods and throttled is not None else None,
    )


def load() -> float | None:
    """How many processes ran or wanted to, on average over the last minute."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return None


def page_faults() -> int | None:
    """How many pages of memory this process has been given so far, none of which was read from a disk."""
    return None if resource is None else int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)


def _own() -> tuple[float | None, int | None]:
    if resource is None:
        return time.process_time(), None
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_nivcsw


def _cpus() -> tuple[int, float, float] | None:
    """How many CPUs this process may run on, and the seconds that they were busy and were stolen."""
    try:
        with open(_STAT, encoding="ascii") as stream:  # noqa: PTH123 (a Path costs as much as the reading)
            lines = [line.split() for line in stream if line.startswith("cpu")]
        counted = {line[0]: [int(ticks) for ticks in line[1:]] for line in lines if line[0] != "cpu"}
    except (OSError, ValueError):
        return None
    # why all of them where none is ours: a container may number its CPUs anew.
    ours = [counted[name] for cpu in allowed_cpus() if (name := f"cpu{cpu}") in counted] or list(counted.values())
    if not ours or min(map(len, ours)) < 8:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal; guests' time is in user's already
    busy = sum(sum(ticks[:3]) + sum(ticks[5:7]) for ticks in ours)
    return len(ours), busy * _tick(), sum(ticks[7] for ticks in ours) * _tick()


def _others(before: Reading, after: Reading, grain: float) -> float | None:
    """CPU seconds of other processes."""
    busy = _grown(before.busy, after.busy)
    if busy is None or before.own is None or after.own is None:
        return None
    own = after.own - before.own
    # why: a sandbox may show a /proc/stat that does not count; one that misses half of ourselves is of no use.
    return None if busy < own / 2 - grain else max(busy - own, 0.0)


def _grown(before: float | None, after: float | None) -> float | None:
    """By how much a counter grew; None where it went back, as CPUs that came or went make it."""
    return None if before is None or after is None or after < before else after - before


@cache
def _tick() -> float:
    """Seconds of one tick of /proc/stat."""
    return 1.0 / os.sysconf("SC_CLK_TCK")


@cache
def _quota_file() -> str | None:
    """The statistics of the group with the least quota; read once, as a process keeps its groups."""
    least = min(quotas(), default=None)
    return None if least is None else str(least.folder / "cpu.stat")


def _quota_use() -> tuple[int, int] | None:
    file = _quota_file()
    if file is None:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError), open(file, encoding="ascii") as stream:  # noqa: PTH123
        counts = dict(line.split() for line in stream)
        return int(counts["nr_periods"]), int(counts["nr_throttled"])
    return None
