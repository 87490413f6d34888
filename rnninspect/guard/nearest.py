"""Where the lock is that a command line means without naming one."""

from __future__ import annotations

import os
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
    return next((way for way in ways if _is_there(way)), Path(NAME))


def _is_there(path: Path) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        # why no other error: what cannot be looked at is not missing, and who reads it says what is wrong.
        return not isinstance(error, disk.ABSENT)
    return True
