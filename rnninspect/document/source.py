"""From a path, or `-` for stdin, to text: bounded in size, never blocking on a file, strictly UTF-8."""

from __future__ import annotations

import codecs
import re
import sys
from typing import NamedTuple

from rnninspect import disk
from rnninspect.disk import NamedPipe, TooLarge, read, read_stream, reason
from rnninspect.errors import DocumentError, Place, show

# why: PyYAML's pure-Python scanner, the only one that survives hostile input, takes up to 1.1 s for 1 MiB of
# one quoted text. A quarter of that, read along with all the keys and values `nodes` allows, ends in a second;
# it holds some 3,000 layers.
MAX_BYTES = 256 * 1024

STDIN = "<stdin>"
# What to try of bytes from a pipe that are no document's.
_NO_PIPE = "a document is text in UTF-8; a checkpoint is not read from a pipe: name its file"
_UTF8_HINT = "save it as UTF-8"

# why: the UTF-32 mark begins with the UTF-16 one, so it has to be looked for first.
_FOREIGN_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# What Git LFS leaves in the place of a file.
_LFS_POINTER = "version https://git-lfs.github.com/spec/"
# YAML 1.1's line breaks, because those are what PyYAML counts lines by.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

# Where a pipe may be read: stdin by name, and the shell's `<(...)`.
_PIPE_NAMES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


class Text(NamedTuple):
    """The text of a document. source: the name to use in messages."""

    source: str
    text: str


def read_source(path: str) -> Text:
    """The text of the file at `path`, or of stdin for `-`."""
    source = STDIN if path == "-" else path
    try:
        # A pipe is one that the shell made: it has a writer, so reading it ends. A FIFO that has a name on disk
        # may have none, and then there is nothing to wait for; whoever has one can still say `- < fifo`.
        data = _read_stdin() if path == "-" else read(path, MAX_BYTES, pipe=path.startswith(_PIPE_NAMES))
    except TooLarge as error:
        raise too_large(source) from error
    except OSError as error:
        raise DocumentError(Place(source), reason(error).lower(), hint=_what_to_try(error, path)) from error
    return text_of(data, source)


def text_of(data: bytes, source: str) -> Text:
    """The text of what was read. Raises DocumentError where it is no text in UTF-8, or stands for a document."""
    text = _decode(data, source)
    if text.startswith(_LFS_POINTER):
        message = "this is a pointer of Git LFS, and the document is elsewhere"
        raise DocumentError(Place(source, 1, 1), message, hint="git lfs pull gets it; best keep documents out of LFS")
    return Text(source, text)


def too_large(source: str) -> DocumentError:
    """What to raise of a document of more than MAX_BYTES."""
    hint = "a model of thousands of layers takes less; is it a model?" if source != STDIN else _NO_PIPE
    return DocumentError(Place(source), f"larger than {MAX_BYTES // 1024:,} KiB", hint=hint)


def place_at(text: str, index: int, source: str) -> Place:
    """The place of `text[index]`, counting lines as the YAML parser does."""
    line, start = 1, 0
    for match in LINE_BREAK.finditer(text, 0, index):
        line, start = line + 1, match.end()
    return Place(source, line, index - start + 1)


def line_starts(text: str) -> list[int]:
    """Where each line begins."""
    return [0, *(match.end() for match in LINE_BREAK.finditer(text))]


def index_of(place: Place, text: str) -> int:
    """Where in the text a place with a line is: the other way round."""
    if place.line is None or place.column is None:
        raise ValueError(f"{place} has no line")
    return line_starts(text)[place.line - 1] + place.column - 1


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise DocumentError(Place(STDIN), "stdin is closed", hint="name a file, or pipe a document in")
    # why: below the buffer, because a buffer swallows the end: a terminal would need Ctrl-D twice.
    return read_stream(getattr(sys.stdin.buffer, "raw", sys.stdin.buffer), MAX_BYTES)


def _decode(data: bytes, source: str) -> str:
    for mark, encoding in _FOREIGN_MARKS:
        if data.startswith(mark):
            raise DocumentError(Place(source, 1, 1), f"the text is {encoding}", hint=_UTF8_HINT)
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text, good = data.decode("utf-8"), len(data)
    except UnicodeDecodeError as error:
        text, good = data[: error.start].decode("utf-8"), error.start
    nul, hint = text.find("\0"), _NO_PIPE if source == STDIN else _UTF8_HINT
    if nul >= 0:
        raise DocumentError(place_at(text, nul, source), "a NUL byte is not text", hint=hint)
    if good < len(data):
        message = f"byte 0x{data[good]:02x} is not UTF-8 here"
        raise DocumentError(place_at(text, len(text), source), message, hint=hint)
    return text


def _what_to_try(error: OSError, path: str) -> str:
    if isinstance(error, FileNotFoundError):
        near = disk.near_document(path)
        if near:
            return f"did you mean {show(near, limit=200)}?"
        return "check the path, or use - for stdin"
    if isinstance(error, PermissionError):
        return "make it readable for this user"
    if isinstance(error, NamedPipe):
        return "use - and redirect it to stdin"
    if isinstance(error, IsADirectoryError):
        return "name a YAML file"
    return "name a YAML file, or use - for stdin"
