"""What Typer prints by itself, help, usage errors and completion, goes the way of our own results and remarks.

why: it takes a closed stdout for a success, a reader that has enough for a failure, and a full stderr for another.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import TextIO

from rnninspect.commands.shared.messages import complain
from rnninspect.errors import OutputFailed
from rnninspect.output import write_stderr, write_text


class _Captured(io.StringIO):
    """Stands in for a stream: keeps what is written, and answers as the stream does when it is asked what it is."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream  # None where it is closed

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What characters the stream takes, so that boxes are drawn in them."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the stream is a terminal, so that there are colours."""
        return self.stream is not None and not self.stream.closed and self.stream.isatty()


class Ending:
    """How Typer has ended. code: the exit code."""

    code = 0


@contextlib.contextmanager
def captured() -> Iterator[Ending]:
    """A block that Typer runs in and ends with SystemExit; what it has printed is written after it, or until `free`.

    As of Python's own: no code is 0, and anything but a number is said, and 1.
    """
    ending = Ending()
    streams = _Captured(sys.stdout), _Captured(sys.stderr)
    sys.stdout, sys.stderr = streams
    try:
        yield ending
    except SystemExit as end:
        ending.code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if not isinstance(end.code, int | None):
            streams[1].write(f"{end.code}\n")
    finally:
        sys.stdout, sys.stderr = (stream.stream for stream in streams)
    result, remarks = (stream.getvalue() for stream in streams)
    write_stderr(remarks)
    if result:
        try:
            write_text(result, None)
        except OutputFailed as error:
            ending.code = ending.code or complain(error)


def free() -> None:
    """Put the streams back, for what writes to them with care."""
    sys.stdout, sys.stderr = (getattr(stream, "stream", stream) for stream in (sys.stdout, sys.stderr))
