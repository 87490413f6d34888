"""From a path, or `-` for stdin, to text: bounded in size, never blocking on a file, strictly UTF-8."""

from __future__ import annotations

import codecs
import os
import re
import select
import stat
import sys
from functools import reduce
from operator import or_
from typing import IO

from rnninspect.errors import DocumentError, Place

# why: PyYAML's pure-Python scanner, the only one that survives hostile input, takes up to 1.1 s for 1 MiB of
# one quoted text. A quarter of that, read along with all the keys and values `tree` allows, ends in a second;
# it holds some 3,000 layers.
MAX_BYTES = 256 * 1024

_STDIN = "<stdin>"
_UTF8_HINT = "save it as UTF-8"

# why: the UTF-32 mark begins with the UTF-16 one, so it has to be looked for first.
_FOREIGN_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# YAML 1.1's line breaks, because those are what PyYAML counts lines by.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

# Where a pipe may be read: stdin by name, and the shell's `<(...)`.
_PIPE_NAMES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def read_source(path: str) -> tuple[str, str]:
    """The name to use in messages and the text of the file at `path`, or of stdin for `-`."""
    source = _STDIN if path == "-" else path
    try:
        data = _read_stdin() if path == "-" else _read_file(path)
    except OSError as error:
        raise DocumentError(Place(source), reason(error), hint=_what_to_try(error)) from error
    except ValueError as error:  # a NUL, or a surrogate that no file name can hold
        raise DocumentError(Place(source), "no file can have this name", hint="check the path") from error
    if len(data) > MAX_BYTES:
        raise _too_large(source)
    return source, _decode(data, source)


def place_at(text: str, index: int, source: str) -> Place:
    """The place of `text[index]`, counting lines as the YAML parser does."""
    line, start = 1, 0
    for match in _LINE_BREAK.finditer(text, 0, index):
        line, start = line + 1, match.end()
    return Place(source, line, index - start + 1)


def no_regular_file(status: os.stat_result) -> str:
    """What a file is that is no regular one, as a message says it; nothing for a regular one."""
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return ""
    kinds = {stat.S_ISDIR: "is a directory", stat.S_ISFIFO: "is a named pipe", stat.S_ISSOCK: "is a socket"}
    return next((said for holds, said in kinds.items() if holds(mode)), "is a device")


def open_without_waiting(path: str) -> IO[bytes]:
    """Open a file for reading, unbuffered. Whether it is one should be looked at before, and again after."""
    # why: O_NONBLOCK, for else the open itself waits, on a FIFO for a writer and on a terminal for a line.
    # Windows has none of these flags but O_BINARY, and nothing that they guard against.
    flags = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"))
    return os.fdopen(os.open(path, reduce(or_, flags, os.O_RDONLY)), "rb", buffering=0)


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise DocumentError(Place(_STDIN), "stdin is closed", hint="name a file, or pipe a document in")
    # why: below the buffer, because a buffer swallows the end: a terminal would need Ctrl-D twice.
    return _read_bounded(getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))


def _read_file(path: str) -> bytes:
    # why: looked at before it is opened, because opening alone can act: it wakes up the writer of a FIFO,
    # and starts some devices. Looked at again once open, because the name may mean another file by then.
    _refuse_kind(path, os.stat(path))  # noqa: PTH116 (a Path would drop a trailing slash and `./`)
    with open_without_waiting(path) as stream:
        status = os.fstat(stream.fileno())
        _refuse_kind(path, status)
        if status.st_size > MAX_BYTES:
            raise _too_large(path)
        return _read_bounded(stream)


def _refuse_kind(path: str, status: os.stat_result) -> None:
    """Refuse whatever is neither a regular file nor a pipe.

    A pipe is one that the shell made: it has a writer, so reading it ends. A FIFO that has a name on disk
    may have none, and then there is nothing to wait for; whoever has one can still say `- < fifo`.
    """
    found = no_regular_file(status)
    if not found or (stat.S_ISFIFO(status.st_mode) and path.startswith(_PIPE_NAMES)):
        return
    hints = {
        "is a named pipe": "use - and redirect it to stdin",
        "is a device": "name a YAML file, or use - for stdin",
    }
    raise DocumentError(Place(path), found, hint=hints.get(found, "name a YAML file"))


def _read_bounded(stream: IO[bytes]) -> bytes:
    """All there is, but no more than one byte over the limit."""
    data = bytearray()
    while len(data) <= MAX_BYTES:
        # why: None is "nothing yet" from a non-blocking pipe, and stdin may be one too (the parent process
        # chooses). Taking it for the end would read half a document as a whole one.
        chunk: bytes | None = stream.read(MAX_BYTES + 1 - len(data))
        if chunk is None:
            select.select([stream], [], [])
        elif chunk:
            data += chunk
        else:
            break
    return bytes(data)


def _decode(data: bytes, source: str) -> str:
    for mark, encoding in _FOREIGN_MARKS:
        if data.startswith(mark):
            raise DocumentError(Place(source, 1, 1), f"the text is {encoding}", hint=_UTF8_HINT)
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text, good = data.decode("utf-8"), len(data)
    except UnicodeDecodeError as error:
        text, good = data[: error.start].decode("utf-8"), error.start
    nul = text.find("\0")
    if nul >= 0:
        raise DocumentError(place_at(text, nul, source), "a NUL byte is not text", hint=_UTF8_HINT)
    if good < len(data):
        message = f"byte 0x{data[good]:02x} is not UTF-8 here"
        raise DocumentError(place_at(text, len(text), source), message, hint=_UTF8_HINT)
    return text


def _too_large(source: str) -> DocumentError:
    hint = "a model of thousands of layers takes less; is it a model?"
    return DocumentError(Place(source), f"larger than {MAX_BYTES // 1024} KiB", hint=hint)


def reason(error: OSError) -> str:
    """Why a file cannot be read, as a message says it."""
    return (error.strerror or "cannot be read").lower()


def _what_to_try(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "check the path, or use - for stdin"
    if isinstance(error, PermissionError):
        return "make it readable for this user"
    return "name a YAML file, or use - for stdin"
