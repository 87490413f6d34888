"""Where results go: the one place that writes them, to stdout or whole to a file."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import re
import stat
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from rnninspect import disk
from rnninspect.errors import OutputFailed, printable

# `.NAME.XXXXXXXX.tmp` stands beside a file while that is written.
_TEMPORARY = ".tmp"
_DAY = 24 * 60 * 60
# What stands for signs where a stream or a page has ASCII alone.
IN_ASCII = str.maketrans("·–—─×µ", "----xu") | str.maketrans({"±": "+/-", "≤": "<=", "≥": ">=", "→": "->", "…": "..."})


def write_text(text: str, path: Path | None) -> None:
    """Write a result to stdout (`path` None) or to a file, which is replaced whole or not touched at all.

    A reader that has seen enough (`| head -1`) is no error. Everything else that goes wrong is OutputFailed.
    """
    if path is None:
        _write_stdout(text)
    else:
        _write_path(text, path)


def write_bytes(data: bytes | Iterable[bytes], path: Path) -> None:
    """Write a picture to a file, as `write_text` writes texts, or chunks, whose iterator may raise."""
    _write_path(data, path)


def append_text(text: str, path: Path) -> None:
    """Add to the end of a file that others write to as well, or to a device. Raises OutputFailed."""
    try:
        status = disk.status(path)
        # why: nobody may read it, and then it would be waited for without end.
        if status is not None and (stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)):
            raise disk.NoRegularFile(errno.EINVAL, f"it {disk.kind(status)}")
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(str(path))}: {disk.reason(error)}") from error


def write_stderr(text: str) -> None:
    """Write what is no result to stderr; where it cannot be written, the exit code is what is left."""
    stream = sys.stderr
    if _is_open(stream):
        try:
            stream.write(_encodable(text, stream.encoding or "utf-8"))
            stream.flush()
        except OSError:
            _abandon(stream)


def _encodable(text: str, encoding: str) -> str:
    """The same, or where an encoding lacks one of its characters what stands for signs, and escapes for the rest."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(IN_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def for_people(text: str, path: Path | None) -> str:
    """The same, or where it goes to a stdout that lacks signs what stands for them: `->`, not an escape."""
    return text if path is not None or stdout_is_utf8() else text.translate(IN_ASCII)


def stdout_is_utf8() -> bool:
    """Whether stdout takes every character; where not, tables had better be drawn in ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")


def terminal_width(stream: TextIO | None = None) -> int | None:
    """The columns of the terminal that a stream is (COLUMNS wins), or None where it is none, as in a pipe.

    stream: without one it is stdout, as in `wants_colour`.
    """
    stream = stream or sys.stdout
    if not _is_terminal(stream):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        # why: some terminals, a serial line for one, answer 0.
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def wants_colour(stream: TextIO | None = None) -> bool:
    """Whether a stream shows colours: NO_COLOR, then FORCE_COLOR, then what the stream is."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR")
    if forced:
        return forced != "0"
    return _is_terminal(stream or sys.stdout) and os.environ.get("TERM") != "dumb"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _is_open(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed


def _write_stdout(content: str | bytes) -> None:
    stream = sys.stdout
    if not _is_open(stream):
        raise OutputFailed("cannot write stdout: it is closed")
    try:
        _write_stream(content, stream)
    except BrokenPipeError:
        _abandon(stream)
    except OSError as error:
        _abandon(stream)
        raise OutputFailed(f"cannot write stdout: {disk.reason(error)}") from error


def _write_stream(content: str | bytes, stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    data = content.encode(encoding, "backslashreplace") if isinstance(content, str) else content
    binary = getattr(stream, "buffer", None)
    if binary is None:
        stream.write(data.decode(encoding))
    else:
        # why: with PYTHONUNBUFFERED this is a bare file, which on a full disk writes a part, reports no error,
        # and leaves it to the caller to try the rest; TextIOWrapper does not.
        stream.flush()
        rest = memoryview(data)
        while rest:
            written = binary.write(rest)
            if written is None:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            rest = rest[written:]
    stream.flush()


def _abandon(stream: TextIO) -> None:
    """Send what `stream` still holds to nowhere.

    why: at exit Python flushes both streams again; it would complain a second time and exit with 120.
    """
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _write_path(content: str | bytes | Iterable[bytes], path: Path) -> None:
    try:
        _put(content, path)
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(str(path))}: {printable(disk.reason(error))}") from error


def _put(content: str | bytes | Iterable[bytes], path: Path) -> None:
    status = disk.status(path)
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    chunks = (data,) if isinstance(data, bytes) else data
    if status is not None and _is_stdout(status):
        # why: /dev/stdout may be a file that others write to as well (`>> log`): append, do not replace it.
        for chunk in (content,) if isinstance(content, str) else chunks:
            _write_stdout(chunk)
    elif status is not None and not stat.S_ISREG(status.st_mode):
        # A pipe or a device has no earlier content to protect. A folder refuses to be opened.
        with contextlib.suppress(BrokenPipeError), path.open("wb") as file:
            file.writelines(chunks)
    else:
        _replace(path.resolve(), chunks, status)


def _is_stdout(status: os.stat_result) -> bool:
    try:
        return _is_open(sys.stdout) and os.path.samestat(status, os.fstat(sys.stdout.fileno()))
    except OSError:
        return False


def _replace(target: Path, data: Iterable[bytes], before: os.stat_result | None) -> None:
    """Put `data` in the place of `target` in one step, so that no moment shows half of it. before: what is there."""
    if before is not None and not os.access(target, os.W_OK):
        # why: a rename asks the folder's permission only, so it would replace a write-protected file.
        raise PermissionError(errno.EACCES, "it is write-protected")
    # why: a file name has at most 255 bytes, of which a character takes up to four.
    start = f".{target.name[:60]}."
    temporary = target.with_name(f"{start}{os.urandom(4).hex()}{_TEMPORARY}")
    # why at first for its owner alone, where it replaces one: that may not be for everybody to read.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        try:
            file = os.open(temporary, flags, 0o666 if before is None else 0o600)
        except FileNotFoundError as error:
            raise disk.no_folder(target) from error
        with os.fdopen(file, "wb") as stream:
            if before is not None:
                _keep_owner_and_mode(file, before)
            stream.writelines(data)
            stream.flush()
            os.fsync(file)
        temporary.replace(target)
    except BaseException:  # an interrupt, too, leaves nothing half written behind
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sweep(target.parent, start)


def _keep_owner_and_mode(file: int, before: os.stat_result) -> None:
    """Give a new file what the one had that it replaces, as far as this user may."""
    if not hasattr(os, "fchown"):  # Windows has neither
        return
    made = os.fstat(file)
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(file, before.st_uid, before.st_gid)
        except OSError:
            with contextlib.suppress(OSError):  # the group at least, where this user is of it
                os.fchown(file, -1, before.st_gid)
    # why not all of the mode: with setuid or setgid a program would run as another user, and this is no program.
    os.fchmod(file, stat.S_IMODE(before.st_mode) & 0o777)


def _sweep(folder: Path, start: str) -> None:
    """Remove what updates of the same file left that were killed, more than a day ago."""
    name = re.compile(re.escape(start) + r"[0-9a-f]{8}" + re.escape(_TEMPORARY))
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if name.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > _DAY:
                        path.unlink()
