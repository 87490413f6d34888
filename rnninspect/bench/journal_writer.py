"""A journal that is written: begun or gone on with, held by one process alone, an outcome a line.

A line is appended with one write, and is on the disk before the next point is begun, so that whatever happens to the
process costs at most the line it was writing. What such an end leaves, half a line at the end of the file, is cut off
when `--resume` goes on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from rnninspect import disk
from rnninspect.bench.journal import MOST_BYTES, SCHEMA_VERSION, Head, Read, no_journal, read_lines
from rnninspect.bench.plain import canonical, to_plain
from rnninspect.bench.records import Outcome
from rnninspect.errors import OptionError, OutputFailed, RnnInspectError, printable, show

_MOST_DIFFERENCES = 4


class Journal:
    """A journal that is open for appending, by this process alone. empty: how long a new one is that has no outcome."""

    def __init__(self, file: int, path: Path, *, empty: int | None = None) -> None:
        self._file, self._path, self._empty = file, path, empty

    def append(self, outcome: Outcome) -> None:
        """Add one outcome; it is on the disk when this returns. Raises OutputFailed, and then nothing was added."""
        self.write(line_of(outcome))

    def write(self, data: bytes) -> None:
        """Add `data` with one write, all of it or nothing."""
        with _writing(self._path):
            before = os.fstat(self._file)
            try:
                written = os.write(self._file, data)
                # why: on a full disk a part fits, and only the next byte is an error that says why.
                while written < len(data):
                    written += os.write(self._file, data[written:])
                _to_disk(self._file)
            except OSError:
                if stat.S_ISREG(before.st_mode):
                    with contextlib.suppress(OSError):
                        os.ftruncate(self._file, before.st_size)
                raise

    def keep(self) -> None:
        """Leave the file behind, though it may have no outcome."""
        self._empty = None

    def cut(self, size: int) -> None:
        """Cut the file off after `size` bytes."""
        with _writing(self._path):
            os.ftruncate(self._file, size)

    def close(self) -> None:
        """Let go of the file; a new one that has no outcome is not left behind, to be in the way of the next run."""
        # why asked of the file: an interrupt may come when an outcome is written, and before anything notes that it is.
        with contextlib.suppress(OSError):
            if self._empty is not None and os.fstat(self._file).st_size <= self._empty:
                self._path.unlink()
        disk.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def start(path: Path, head: Head, *, keep: bool = False) -> Journal:
    """Begin a journal, in a file that is not there yet, or into a pipe or a device.

    keep: it stays though nothing was measured, and so says who has begun.

    Raises OptionError where there is one, for nothing measured is ever replaced, and OutputFailed where it cannot be
    written; a file that could not be begun is not left behind.
    """
    with _writing(path):
        status = disk.status(path)
    if status is not None and stat.S_ISREG(status.st_mode):
        raise OptionError(
            f"--output {printable(str(path))}: it is there already (--resume goes on with it, or name another file)"
        )
    file = _open(path, os.O_WRONLY | (os.O_CREAT | os.O_EXCL if status is None else 0))
    journal = Journal(file, path, empty=len(line_of(head)) if status is None else None)
    try:
        _alone(file, path)
        journal.write(line_of(head))
    except RnnInspectError:
        journal.close()
        raise
    if keep:
        journal.keep()
    return journal


def resume(path: Path, head: Head) -> tuple[Journal, Read]:
    """Go on with the journal at `path`, or begin it where there is none; and what it holds already.

    Half a line at its end, which holds no outcome, is cut off. Raises OptionError where the journal was begun with
    other settings or by another version, DocumentError where it is none, OutputFailed where it cannot be written.
    """
    with _writing(path):
        status = disk.status(path)
    if status is None:
        return start(path, head), Read(head, (), None)
    if not stat.S_ISREG(status.st_mode):
        raise OptionError(f"--resume: {printable(str(path))} {disk.kind(status)}, so it holds nothing to go on with")
    file = _open(path, os.O_RDWR)
    journal = Journal(file, path)
    try:
        _alone(file, path)
        with _writing(path), os.fdopen(file, "rb", buffering=0, closefd=False) as stream:
            try:
                data = disk.read_stream(stream, MOST_BYTES)
            except disk.TooLarge as error:
                raise no_journal(path, None, f"it is {disk.reason(error)}") from error
        return journal, _go_on(journal, data, path, head)
    except RnnInspectError:
        journal.close()
        raise


def _go_on(journal: Journal, data: bytes, path: Path, head: Head) -> Read:
    """What the journal holds; its end is mended, so that a line can be added."""
    if b"\n" not in data and line_of(head).startswith(data):
        # The writer ended within the head; this is the rest of it.
        journal.write(line_of(head)[len(data) :])
        return Read(head, (), None)
    read = read_lines(data, path)
    if read.head.schema_version != SCHEMA_VERSION:
        # why not gone on with: what its figures mean has changed, and a journal holds figures of one sort.
        raise OptionError(
            f"--resume: {printable(str(path))} was begun by an older rnninspect "
            "(begin a new one: name another file with --output)"
        )
    differing = differences(read.head, head)
    if differing:
        raise OptionError(
            f"--resume: {printable(str(path))} was begun otherwise: {differing} "
            "(ask for the same, or name another file with --output)"
        )
    if read.half is not None:
        journal.cut(data.rfind(b"\n") + 1)
    elif not data.endswith(b"\n"):
        journal.write(b"\n")
    return read


def differences(then: Head, now: Head) -> str:
    """What differs between two heads, in words."""
    a, b = ({**head._replace(asked={})._asdict(), **head.asked} for head in (then, now))
    names = [name for name in {**a, **b} if canonical(a.get(name)) != canonical(b.get(name))]
    texts = [f"{printable(name)} {_shown(a.get(name))}, now {_shown(b.get(name))}" for name in names]
    more = len(texts) - _MOST_DIFFERENCES
    return "; ".join(texts[:_MOST_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _shown(value: object) -> str:
    return show(value) if not isinstance(value, Mapping | list | tuple) else printable(canonical(value)[:60])


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """A block whose errors say that the file cannot be written."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise OutputFailed(f"cannot write {printable(str(path))}: {printable(disk.reason(error))}") from error


def _open(path: Path, flags: int) -> int:
    for name in ("O_APPEND", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    with _writing(path):
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError as error:
            raise disk.no_folder(path.absolute()) from error


def _alone(file: int, path: Path) -> None:
    """Hold the journal; nobody else writes it."""
    with _writing(path):
        try:
            disk.hold(file, wait=False)
        except BlockingIOError as error:
            why = "another process is writing it (wait for it, or name another file)"
            raise OptionError(f"--output {printable(str(path))}: {why}") from error


def _to_disk(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        # why: a pipe, a terminal and some file systems have no disk to write to.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise


def line_of(record: Head | Outcome) -> bytes:
    """A line of a journal, with its newline."""
    # why in ASCII: no character can be cut in two, and nothing in a name can break a line. why no NaN: it is no JSON.
    return json.dumps(to_plain(record), allow_nan=False).encode("ascii") + b"\n"
