"""`rnninspect.lock`: what each model was when it was last agreed on, for a build to be held against.

Written whole or not at all, and under a lock on its folder, so that several processes can update one file at once and
nothing is lost. `lock_lines` has its text.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from rnninspect import disk
from rnninspect.errors import DocumentError, OutputFailed, Place, listed, printable
from rnninspect.guard.lock_lines import MOST_NAMED, VERSION, Parsed, parse_lock, render_lock
from rnninspect.guard.locked import Locked, LockedModel
from rnninspect.output import write_text
from rnninspect.runtime.here import need_folder

NAME = "rnninspect.lock"
# why: a lock is written by this tool, so anything much larger than 2,000 models is not one.
_MAX_BYTES = 64 * 2**20


def read_lock(path: Path) -> Locked:
    """Read a lock. Raises DocumentError, with the line, where it is broken, half written or of a newer version."""
    parsed = _parsed(path)
    if parsed.conflict is not None:
        raise parsed.conflict
    return parsed.models


def find_lock(path: Path, *, mend: bool = False) -> Locked | None:
    """Read a lock, as `read_lock` does; None where there is none.

    mend: of one with merge conflicts the models that have no part in any, as `update_lock` writes the others anew.
    """
    parsed = _found(path)
    if parsed is None:
        return None
    if parsed.conflict is not None and not mend:
        raise parsed.conflict
    return {file: model for file, model in parsed.models.items() if file not in parsed.torn}


def update_lock(path: Path, change: Callable[[Locked], Locked], given: Collection[str] = ()) -> bool:
    """Replace a lock by what `change` makes of it, alone among all processes that update it; whether anything differs.

    given: the models that `change` has from their documents. Those of a merge conflict are handed to it without a
    layer: they must be given, or be dropped. Raises OutputFailed where it cannot be written, DocumentError where what
    is there is no lock.
    """
    with _alone(path):
        found = _found(path) or Parsed(0, {})
        before = {**found.models, **dict.fromkeys(found.torn, LockedModel(None, {}))}
        after = change(before)
        lost = sorted(found.torn & after.keys() - set(given))
        if found.conflict is not None and lost:
            message = f"{found.conflict.message}, and {printable(listed(lost, MOST_NAMED))} in it would be lost"
            raise DocumentError(found.conflict.place, message, hint=found.conflict.hint)
        text = render_lock(after)
        # why not the bytes: git may have written its lines with the ends of Windows.
        if found.version == VERSION and found.conflict is None and text == render_lock(before):
            return False
        write_text(text, path)
        return True


def _found(path: Path) -> Parsed | None:
    try:
        return _parsed(path)
    except DocumentError as error:
        if isinstance(error.__cause__, disk.ABSENT):
            return None
        raise


def _parsed(path: Path) -> Parsed:
    try:
        data = disk.read(path, _MAX_BYTES)
    except OSError as error:
        # why its folder too: where that is missing --update fails.
        absent = isinstance(error, FileNotFoundError) and path.parent.is_dir()
        message = f"cannot read the lock: {disk.reason(error)}"
        raise DocumentError(Place(str(path)), message, hint="--update writes one" if absent else "") from error
    return parse_lock(path, data)


def file_key(path: str, lock: Path) -> str:
    """How a lock calls a document: its path from the lock's folder, the same on every machine. Raises FolderGone."""
    need_folder()
    return Path(os.path.relpath(path, lock.parent)).as_posix()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the folder of `path` against other processes."""
    if os.name != "posix":  # why: elsewhere a folder cannot be opened
        yield
        return
    try:
        # why the folder: the file itself is replaced by every update, so a lock on it would hold nobody off.
        folder = os.open(path.resolve().parent, os.O_RDONLY)
        try:
            disk.hold(folder, wait=True)
        except OSError:
            disk.close(folder)
            raise
    except (OSError, RuntimeError) as error:
        missing = disk.no_folder(path.resolve()) if isinstance(error, FileNotFoundError) else error
        raise OutputFailed(f"cannot write {printable(str(path))}: {printable(disk.reason(missing))}") from error
    try:
        yield
    finally:
        disk.close(folder)


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
