"""Where results go: the one place that writes them, to stdout or whole to a file."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from typing import TextIO

from rnninspect.errors import OutputFailed, printable


def write_text(text: str, path: Path | None) -> None:
    """Write a result to stdout (`path` None) or to a file, which is replaced whole or not touched at all.

    A reader that has seen enough (`| head -1`) is no error. Everything else that goes wrong is OutputFailed.
    """
    if path is None:
        _write_stdout(text)
    else:
        _write_path(text, path)


def write_bytes(data: bytes, path: Path) -> None:
    """Write a picture to a file, as `write_text` writes texts."""
    _write_path(data, path)


def append_text(text: str, path: Path) -> None:
    """Add to the end of a file that others write to as well. Raises OutputFailed."""
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(str(path))}: {_reason(error)}") from error


def stdout_is_utf8() -> bool:
    """Whether stdout takes every character; where not, tables had better be drawn in ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is (COLUMNS wins), or None where it is none, as in a pipe."""
    if not _is_terminal():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        # why: some terminals, a serial line for one, answer 0.
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80


def wants_colour() -> bool:
    """Whether stdout shows colours: NO_COLOR, then FORCE_COLOR, then what stdout is."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR")
    if forced:
        return forced != "0"
    return _is_terminal() and os.environ.get("TERM") != "dumb"


def _is_terminal() -> bool:
    return _is_open(sys.stdout) and sys.stdout.isatty()


def _is_open(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


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
        raise OutputFailed(f"cannot write stdout: {_reason(error)}") from error


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

    why: at exit Python flushes stdout again; it would complain a second time and exit with 120.
    """
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _write_path(content: str | bytes, path: Path) -> None:
    try:
        _put(content, path)
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(str(path))}: {_reason(error)}") from error


def _put(content: str | bytes, path: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if found is not None and _is_stdout(found):
        # why: /dev/stdout may be a file that others write to as well (`>> log`): append, do not replace it.
        _write_stdout(content)
    elif found is not None and not stat.S_ISREG(found.st_mode):
        # A pipe or a device has no earlier content to protect. A folder refuses to be opened.
        with contextlib.suppress(BrokenPipeError), path.open("wb") as file:
            file.write(data)
    else:
        _replace(path.resolve(), data, found)


def _is_stdout(found: os.stat_result) -> bool:
    try:
        return _is_open(sys.stdout) and os.path.samestat(found, os.fstat(sys.stdout.fileno()))
    except OSError:
        return False


def _replace(target: Path, data: bytes, found: os.stat_result | None) -> None:
    """Put `data` in the place of `target` in one step, so that no moment shows half of it."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {printable(str(target.parent))}")
    if found is not None and not os.access(target, os.W_OK):
        # why: a rename asks the folder's permission only, so it would replace a write-protected file.
        raise PermissionError(errno.EACCES, "it is write-protected")
    # why: a file name has at most 255 bytes, of which a character takes up to four.
    temporary = target.with_name(f".{target.name[:60]}.{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            if found is not None and hasattr(os, "fchmod"):  # Windows has none
                os.fchmod(file.fileno(), stat.S_IMODE(found.st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        # After the rename there is none; after a failure or an interrupt nothing is left behind.
        temporary.unlink(missing_ok=True)
