"""Journals read by the beginning and the end of each line, which say what it is about, and not by its samples.

A quote within a text of JSON is escaped, so that `, "figures": [` can only be the key, and what stands before it is an
object but for its end. What the samples between are is held to be true by whoever reads the outcome itself.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from rnninspect import disk
from rnninspect.bench.journal import KIND, MOST_BYTES, Head, broken, no_journal, read_head
from rnninspect.bench.plain import Unfit
from rnninspect.bench.records import Status
from rnninspect.bench.share_heads import POINTS, Known, known
from rnninspect.errors import show
from rnninspect.json_lines import NoObject, object_of

# How the first line of every journal begins.
_BEGINNING = b'{"schema_version": '
_LIST = f', "{POINTS}": ['.encode()
_FIGURES, _CASE = b', "figures": [', b', "case": '
# So many bytes are read at once. why more than usual: a line has some 44 kB.
_BUFFER = 2**18
# Ten thousand points, each with a name as long as a path of a file.
_MOST_HEAD = 2**26
_STATUSES = frozenset(Status)
_TYPES: dict[str, type] = {"model": str, "file": str, "settings": dict, "variant": dict, "process": int}


class LineHead(NamedTuple):
    """What a line says of itself. key: what was measured; number, offset, length: where it stands, from 1.

    device to driver: where it was measured, "" where nobody says.
    """

    path: Path
    number: int
    offset: int
    length: int
    key: Known
    file: str
    status: Status
    reason: str
    device: str
    device_name: str
    host: str
    driver: str
    began: str

    @property
    def ok(self) -> bool:
        """Whether it was measured."""
        return self.status == Status.OK

    def is_better(self, other: LineHead) -> bool:
        """Whether it is to be taken in place of another of the same key: what went well, then what began later."""
        return (self.ok, _time(self.began)) > (other.ok, _time(other.began))


class Begun(NamedTuple):
    """A journal's first line. points: the list of all points at its end, as it is written there; b"" for none."""

    head: Head
    points: bytes
    length: int


@contextmanager
def buffered(path: Path) -> Iterator[IO[bytes]]:
    """A regular file, open for reading line by line. Raises OSError."""
    with disk.opened(path) as raw, io.BufferedReader(cast(io.FileIO, raw), _BUFFER) as stream:
        yield stream


def begins_as_journal(path: Path) -> bool:
    """Whether a file begins as a journal does, or is only the beginning of that. Raises OSError."""
    with disk.opened(path) as stream:
        start = stream.read(len(_BEGINNING) + len(KIND) + 20) or b""
    return start == _BEGINNING[: len(start)] or (start.startswith(_BEGINNING) and f'"kind": "{KIND}"'.encode() in start)


def read_begun(stream: IO[bytes], path: Path) -> Begun | None:
    """The first line of a journal; None where it is not whole. Raises DocumentError for what is no journal."""
    line = stream.readline(_MOST_HEAD)
    if len(line) == _MOST_HEAD:
        raise no_journal(path, 1, f"its first line is larger than {_MOST_HEAD // 2**20} MiB")
    if not line.endswith(b"\n"):
        return None
    begin = line.find(_LIST)
    if begin < 0:
        return Begun(read_head(line, path), b"", len(line))
    # why: it stands at the end of `asked`, which stands at the end of the head.
    return Begun(read_head(line[:begin] + b"}}", path), line[begin + len(_LIST) - 1 : -3], len(line))


class Lines:
    """The lines of a journal, read once. half: the number of a last line that is only half there; None for none."""

    def __init__(self, stream: IO[bytes], path: Path, begun: Begun) -> None:
        self._stream, self._path, self._offset = stream, path, begun.length
        self.half: int | None = None

    def __iter__(self) -> Iterator[LineHead]:
        """Each line's head. Raises DocumentError, with the line, for one that is broken."""
        for number, line in enumerate(iter(partial(self._stream.readline, MOST_BYTES), b""), start=2):
            try:
                whole = line.endswith(b"\n")
                head = _line_head(line.removesuffix(b"\n"), whole=whole)
                yield head._replace(path=self._path, number=number, offset=self._offset)
            except (NoObject, Unfit) as error:
                if not whole:
                    self.half = number
                    return
                raise broken(self._path, number, error) from error
            self._offset += len(line)


def _line_head(line: bytes, *, whole: bool) -> LineHead:
    """What a line says of itself. whole: it ends in a newline. Raises NoObject or Unfit."""
    if not whole:
        object_of(line)  # why all of it: no part of an object is one
    end, tail = line.find(_FIGURES), line.rfind(_CASE)
    if end < 0:
        raise Unfit("the key figures is missing")
    about = object_of(line[:end] + b"}")
    ends = object_of(b"{" + line[tail + 2 :]) if tail > end else {}
    for key, kind in _TYPES.items():
        if type(about.get(key)) is not kind:
            raise Unfit(f"{key}: got {show(about.get(key))}")
    if about.get("status") not in _STATUSES:
        raise Unfit(f"status: got {show(about.get('status'))}")
    place = about.get("environment") or {}
    return LineHead(
        path=Path(),
        number=0,
        offset=0,
        length=len(line),
        key=known(about["model"], about["settings"], about["variant"], about["process"]),
        file=_text(about, "file"),
        status=Status(about["status"]),
        reason=_text(about, "reason"),
        device=_text(place, "device"),
        device_name=_text(place, "device_name"),
        host=_text(place, "host"),
        driver=_text(place, "driver"),
        began=_text(ends, "began"),
    )


def _text(data: Any, key: str) -> str:
    """A text of an object, "" where there is none."""
    value = data.get(key) if isinstance(data, dict) else None
    # why interned: thousands of lines have the same few.
    return sys.intern(value) if isinstance(value, str) else ""


def _time(began: str) -> datetime:
    """When a job began. why not the text: another host may write another zone."""
    try:
        time = datetime.fromisoformat(began)
    except ValueError:
        time = datetime.min
    return time if time.tzinfo else time.replace(tzinfo=UTC)
