"""What a path names, and what a regular file holds: read without waiting for anybody, and no further than wanted.

Everything that goes wrong is an OSError, whose `reason` is what a message says.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
from collections.abc import Iterator
from functools import reduce
from itertools import islice
from operator import or_
from pathlib import Path
from typing import IO

from rnninspect.errors import nearest

# What says that nothing is there. why no other: a link to itself, a disk that fails, a folder that may not be looked
# into say nothing of what is there, and what was taken for gone would be written over, left out or called fine.
ABSENT = (FileNotFoundError, NotADirectoryError)
_CHUNK = 2**20
# How the names of documents end.
DOCUMENTS = (".yaml", ".yml", ".json")
# How much of a folder is looked through for a name that is near.
_MOST_LOOKED_THROUGH = 1_000
# What a file system without locks answers; NFS's says EBADF of what is open for reading only.
_NO_LOCKS = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF}


class NoRegularFile(OSError):
    """A pipe, a socket or a device, where a regular file is expected."""


class NamedPipe(NoRegularFile):
    """A pipe that has a name, and maybe no writer."""


class TooLarge(OSError):
    """More bytes than what is expected there can have."""


def reason(error: Exception) -> str:
    """What went wrong, as the system says it; what `pathlib` makes of it has no such words."""
    return getattr(error, "strerror", None) or str(error)


def no_folder(path: Path) -> FileNotFoundError:
    """What to raise where the folder of a file that is to be written is not there."""
    return FileNotFoundError(errno.ENOENT, f"there is no folder {path.parent}")


def status(path: str | Path) -> os.stat_result | None:
    """What is at `path`; None for nothing. Raises OSError where the system cannot say."""
    try:
        return os.stat(path)  # noqa: PTH116 (a Path would drop a trailing slash and `./`)
    except ABSENT:
        return None
    except ValueError:  # a NUL, or a surrogate: no file can have this name
        return None


def repository() -> Path | None:
    """The root of the repository that the current folder is in."""
    folder = Path.cwd()
    # why no matter what it is: of a worktree and of a submodule it is a file.
    return next((level for level in (folder, *folder.parents) if os.path.lexists(level / ".git")), None)


def near_document(path: str) -> str:
    """The document beside `path` whose name is nearest to its; "" where none is near, or nobody can say."""
    folder, name = os.path.split(path)
    near = nearest(name, documents_in(folder or "."))
    return str(Path(path).with_name(near)) if near else ""


def documents_in(folder: str) -> list[str]:
    """The names of the documents in a folder; none where nobody can say."""
    with contextlib.suppress(OSError, ValueError), os.scandir(folder) as entries:
        return [entry.name for entry in islice(entries, _MOST_LOOKED_THROUGH) if entry.name.endswith(DOCUMENTS)]
    return []


def kind(status: os.stat_result) -> str:
    """What a file is that is no regular one, as a message says it; nothing for a regular one."""
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return ""
    kinds = {stat.S_ISDIR: "is a directory", stat.S_ISFIFO: "is a named pipe", stat.S_ISSOCK: "is a socket"}
    return next((words for holds, words in kinds.items() if holds(mode)), "is a device")


@contextlib.contextmanager
def opened(path: str | Path, *, pipe: bool = False) -> Iterator[IO[bytes]]:
    """A regular file, or where `pipe` is true a pipe too, open for reading and unbuffered. Raises OSError."""
    # why O_NONBLOCK: else the open itself waits, on a FIFO for a writer and on a terminal for a line.
    # Windows has none of these flags but O_BINARY, and nothing that they guard against.
    flags = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"))
    try:
        # why: looked at before it is opened, because opening alone can act: it wakes up the writer of a FIFO,
        # and starts some devices. Looked at again once open, because the name may mean another file by then.
        _refuse(os.stat(path), pipe=pipe)  # noqa: PTH116 (as in `status`)
        stream = os.fdopen(os.open(path, reduce(or_, flags, os.O_RDONLY)), "rb", buffering=0)
    except ValueError as error:  # a NUL, or a surrogate
        raise FileNotFoundError(errno.ENOENT, "no file can have this name") from error
    with stream:
        _refuse(os.fstat(stream.fileno()), pipe=pipe)
        yield stream


def _refuse(status: os.stat_result, *, pipe: bool) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISFIFO(status.st_mode) and not pipe:
        raise NamedPipe(errno.EINVAL, kind(status))
    if not stat.S_ISFIFO(status.st_mode) and kind(status):
        raise NoRegularFile(errno.EINVAL, kind(status))


def read(path: str | Path, most: int, *, pipe: bool = False) -> bytes:
    """All of a regular file, or where `pipe` is true of a pipe. Raises OSError; TooLarge beyond `most` bytes."""
    with opened(path, pipe=pipe) as stream:
        return read_stream(stream, most)


def read_stream(stream: IO[bytes], most: int) -> bytes:
    """All that an unbuffered stream has left. Raises OSError; TooLarge beyond `most` bytes."""
    chunks, left = [], most + 1
    while left:
        # why not all at once: memory for as much is taken before it is known whether there is so much.
        chunk: bytes | None = stream.read(min(left, _CHUNK))
        if chunk is None:
            # why: None is "nothing yet" from a non-blocking pipe, and stdin may be one too (the parent process
            # chooses). Taking it for the end would read half a document as a whole one.
            select.select([stream], [], [])
        elif chunk:
            chunks.append(chunk)
            left -= len(chunk)
        else:
            return b"".join(chunks)
    raise TooLarge(errno.EFBIG, f"larger than {most // 1024:,} KiB")


def hold(file: int, *, wait: bool) -> None:
    """Hold an open file or folder against other processes until it is closed; where there are no locks, go on without.

    Raises BlockingIOError where another process holds it and `wait` is false, OSError where the lock itself fails.
    """
    try:
        import fcntl
    except ImportError:  # why: Windows has none; there the last writer wins, but every file is whole
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def close(file: int) -> None:
    """Let go of a file, all of which is on the disk already, or of a folder."""
    # why: the file is closed whatever is said, and what it says of earlier writes has been asked for by fsync.
    with contextlib.suppress(OSError):
        os.close(file)
