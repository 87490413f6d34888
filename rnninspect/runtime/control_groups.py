"""The control groups that this process is in, which limit what a container may take: version 2, or 1, of cgroups."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


class Group(NamedTuple):
    """The folder that a group's limits stand in, and the version of control groups, 1 or 2, that says what they are."""

    folder: Path
    version: int


def groups(controller: str) -> Iterator[Group]:
    """The process's groups of a controller, "cpu" or "memory", and those round them up to the root; may be none."""
    with contextlib.suppress(OSError, ValueError):
        for line in _MEMBERSHIP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                top, version = _ROOT, 2
            elif controller in controllers.split(","):
                top, version = _ROOT / controller, 1
            else:
                continue
            own = top / path.strip("/")
            # why the root too: inside a container the path may name a group that only the host can see.
            yield from (Group(folder, version) for folder in (own, *own.parents) if folder.is_relative_to(top))
