"""What journals hold as one: a file of the lines that count, the outcomes themselves, and the list of what is missing.

Lines are copied as they are, but for the path of the document where hosts have it under several: each model has one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rnninspect import disk
from rnninspect.bench.folder import Survey
from rnninspect.bench.journal import Read, broken, no_journal, read_outcome
from rnninspect.bench.journal_writer import line_of
from rnninspect.bench.line_heads import LineHead, buffered, read_begun
from rnninspect.bench.plain import Unfit, from_plain
from rnninspect.bench.records import Outcome
from rnninspect.bench.share_heads import is_merged, merged_asked, missing_digest
from rnninspect.errors import DocumentError, Place, listed
from rnninspect.json_lines import NoObject, object_of
from rnninspect.output import write_text

MISSING = "missing.json"
_KIND = "rnninspect missing points"
# A list of so many numbers has less.
_MOST_BYTES = 2**24


class Missing(NamedTuple):
    """Points that are to be shared out anew, by number. digest: of the measurement that they are of."""

    kind: str
    digest: str
    points: tuple[int, ...]

    @property
    def name(self) -> str:
        """What tells this list from others."""
        return missing_digest(self.digest, self.points)


def merged_lines(found: Survey) -> Iterator[bytes]:
    """The lines of one journal with all that counts: its head, then by point. Raises DocumentError."""
    yield line_of(found.head._replace(asked=merged_asked(found.head, len(found.journals))))
    yield from (data + b"\n" for _, data in _copied(found))


def read_of(found: Survey) -> Read:
    """What counts, as what a file holds is read. Raises DocumentError."""
    return Read(found.head, tuple(outcomes_of(found)), None)


def may_be_replaced(path: Path) -> bool:
    """Whether a file may be written over with what is merged: one that merging made, or that is no regular file."""
    try:
        status = disk.status(path)
        if status is None or disk.kind(status):
            return True
        with buffered(path) as stream:
            begun = read_begun(stream, path)
    except (OSError, DocumentError):
        return False
    return begun is not None and is_merged(begun.head)


def controls_in(found: Survey) -> Iterator[Outcome]:
    """What was measured of the points that all measure. Raises DocumentError."""
    return (_outcome(line, _read(line), found) for line in found.controls)


def outcomes_of(found: Survey) -> Iterator[Outcome]:
    """What counts, by point. Raises DocumentError for a line that is broken where its head is not."""
    return (_outcome(line, data, found) for line, data in _copied(found))


def _outcome(line: LineHead, data: bytes, found: Survey) -> Outcome:
    try:
        return read_outcome(data, found.head.schema_version)
    except (NoObject, Unfit) as error:
        raise broken(line.path, line.number, error) from error


def _copied(found: Survey) -> Iterator[tuple[LineHead, bytes]]:
    """The lines that count, with one path for each model."""
    files: dict[str, str] = {}
    for line in found.in_order():
        data = _read(line)
        file = files.setdefault(line.key[0], line.file)
        if line.file != file:
            was, now = (f', "file": {json.dumps(each)}, '.encode() for each in (line.file, file))
            # why the first: a text cannot hold it, as its quotes would be escaped.
            data = data.replace(was, now, 1)
        yield line, data


def _read(line: LineHead) -> bytes:
    """A line, read again. Raises DocumentError where it is no longer there."""
    try:
        # why each time: no process may have as many files open as a sweep can have journals.
        with disk.opened(line.path) as stream:
            stream.seek(line.offset)
            data = stream.read(line.length)
    except OSError as error:
        raise no_journal(line.path, None, disk.reason(error)) from error
    if len(data) != line.length:
        raise no_journal(line.path, None, "it became shorter while it was read")
    return data


# --- what is missing ---------------------------------------------------------------------------------------------


def write_missing(folder: Path, found: Survey) -> str:
    """Write down which points are missing, for tasks to share out; "" where that is done, or why it is not.

    A list that tasks have begun with is left as it is until all of its shares have begun: tasks that read another
    would share out something else. Raises OutputFailed.
    """
    now = Missing(_KIND, found.digest, found.missing)
    path = folder / MISSING
    written = read_missing(path) if path.exists() else None
    if written == now:
        return ""
    if written is not None and (waited := _waited_for(written, found)):
        return waited
    write_text(json.dumps(now._asdict()) + "\n", path)
    return ""


def _waited_for(written: Missing, found: Survey) -> str:
    """Which shares of a list have not begun; "" where none has, or all have."""
    shares = [one.share for one in found.journals if one.share is not None and one.share.missing == written.name]
    of = max((share.of for share in shares), default=0)
    waited = sorted({*range(1, of + 1)} - {share.number for share in shares})
    if not waited:
        return ""
    names = listed([f"{number}/{of}" for number in waited], 3)
    return f"its list has begun to be measured, and {names} of it has not: it is kept (delete it to make another)"


def read_missing(path: Path) -> Missing:
    """The list that `rnninspect merge` has written. Raises DocumentError."""
    hint = "rnninspect merge FOLDER writes it"
    try:
        found = from_plain(Missing, object_of(disk.read(path, _MOST_BYTES)))
    except OSError as error:
        raise DocumentError(Place(str(path)), disk.reason(error).lower(), hint=hint) from error
    except (NoObject, Unfit) as error:
        raise DocumentError(Place(str(path)), f"this is no list of missing points: {error}", hint=hint) from error
    if found.kind != _KIND:
        raise DocumentError(Place(str(path)), "this is no list of missing points", hint=hint)
    return found
