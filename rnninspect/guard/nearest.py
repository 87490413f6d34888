"""Where the lock is that a command line means without naming one."""

from __future__ import annotations

from pathlib import Path

from rnninspect import disk
from rnninspect.guard.lock import NAME


def nearest_lock() -> Path:
    """The lock of this folder, or the nearest above it within its repository, as seen from here.

    Where there is none, the one of this folder, which --update writes. Outside a repository no other folder is
    looked into: what stands there is somebody else's.
    """
    here, root = Path.cwd(), disk.repository()
    above = [] if root is None else [*here.relative_to(root).parts]
    ways = [Path(*[".."] * levels, NAME) for levels in range(len(above) + 1)]
    # why whatever it is: what cannot be looked at is not missing, and who reads it says what is wrong.
    return next((way for way in ways if disk.is_there(way)), Path(NAME))
