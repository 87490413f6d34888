"""How many CPUs this process can use: those that it may run on, and the time that its control groups grant it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rnninspect.bench.records import Warned
from rnninspect.errors import counted
from rnninspect.runtime.control_groups import Group, groups

# By version of control groups: the files that hold the time granted in a period, and the period.
_FILES = {1: ("cpu.cfs_quota_us", "cpu.cfs_period_us"), 2: ("cpu.max",)}


class Cpus(NamedTuple):
    """What this process can run on.

    allowed: CPUs that its affinity names. quota: of how many CPUs its control group grants it the time, 1.5 for
    instance; None where there is no limit.
    """

    allowed: int
    quota: float | None

    @property
    def usable(self) -> int:
        """How many threads can run at the same time, 1 at the least."""
        return max(1, int(min(self.allowed, self.quota or self.allowed)))


def usable_cpus() -> Cpus:
    """How many CPUs this process can use, by affinity and by the quota of its control groups (versions 1 and 2)."""
    limits = [quota.cpus for quota in quotas()]
    return Cpus(len(allowed_cpus()) or os.cpu_count() or 1, min(limits, default=None))


def many_threads(threads: int, cpus: Cpus) -> Warned | None:
    """A warning where there are more threads than CPUs to run them."""
    if threads <= cpus.usable:
        return None
    limit = f"the CPU quota of {cpus.quota:g}" if cpus.usable < cpus.allowed else f"{cpus.allowed} CPUs"
    return Warned(f"{threads} threads on {limit}: they wait for one another", f"use {counted(cpus.usable, 'thread')}")


def allowed_cpus() -> set[int]:
    """The CPUs that this process may run on, by number; none where the system does not say."""
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # macOS and Windows
        return set()


class Quota(NamedTuple):
    """Of how many CPUs a control group grants the time, and the group's folder."""

    cpus: float
    folder: Path


def quotas() -> Iterator[Quota]:
    """The quotas of the process's control groups, of those that have one."""
    for group in groups("cpu"):
        cpus = _quota(group)
        if cpus is not None:
            yield Quota(cpus, group.folder)


def _quota(group: Group) -> float | None:
    """One group's; a limit of "max" is no number and -1 no limit."""
    with contextlib.suppress(OSError, ValueError):
        words = [word for file in _FILES[group.version] for word in (group.folder / file).read_text().split()]
        granted, period = map(int, words)
        return granted / period if granted > 0 and period > 0 else None
    return None
