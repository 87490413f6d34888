"""Where the lock is that a command line means without naming one."""

from __future__ import annotations

import os
from pathlib import Path

from rnninspect.disk import ABSENT
from rnninspect.guard.lock import NAME


def nearest_lock() -> Path:
    """The lock of this folder, or the nearest above it within its repository, as seen from here.

    Where there is none, the one of this folder, which --update writes. Outside a repository no other folder is
    looked into: what stands there is somebody else's.
    """
    up, folder = Path(), Path.cwd()
    nearest: Path | None = None
    for level in (folder, *folder.parents):
        if nearest is None and _is_there(level / NAME):
            nearest = up / NAME
            if up == Path():
                return nearest
        # why no matter what it is: of a worktree and of a submodule it is a file.
        if _is_there(level / ".git"):
            return nearest or Path(NAME)
        up /= ".."
    return Path(NAME)


def _is_there(path: Path) -> bool:
    try:
        os.lstat(path)
    except ABSENT:
        return False
    except OSError:
        return True  # why: what cannot be looked at is not missing, and reading it says what is wrong
    return True
