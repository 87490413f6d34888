"""The results of a benchmark as they come: one JSON object a line, a head first, then an outcome in each.

A line is appended with one write, and is on the disk before the next point is begun, so that whatever happens to the
process costs at most the line it was writing. What such an end leaves, half a line at the end of the file, is named
when the file is read, and cut off when `--resume` goes on.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import math
import os
import platform
import stat
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar, cast

from rnninspect import __version__, disk
from rnninspect.bench.contradictions import contradictions
from rnninspect.bench.records import Figure, Outcome, Status
from rnninspect.errors import DocumentError, OptionError, OutputFailed, Place, RnnInspectError, printable, show

SCHEMA_VERSION = 2
KIND = "rnninspect bench"
# What version 1 called the whole model, and a layer may be called.
_CHAIN = "chain"
# Some million rounds of raw samples. why a limit: what is no journal may be of any size.
_MOST_BYTES = 2**30
_MOST_DIFFERENCES = 4

_Record = TypeVar("_Record")


class Head(NamedTuple):
    """The first line: what wrote the file, and what it was asked. asked: the command's settings, plain values."""

    schema_version: int
    kind: str
    rnninspect: str
    torch: str
    python: str
    asked: Mapping[str, object]


class Read(NamedTuple):
    """A journal that was read. half: the number of a last line that is only half there, and was left out."""

    head: Head
    outcomes: tuple[Outcome, ...]
    half: int | None


# What tells the results of one measurement from another's: model, file, settings, variant, process.
Key = tuple[str, str, str, str, int]


def head_of(asked: Mapping[str, object]) -> Head:
    """The head that a journal begun now has. why not torch.__version__: the parent process need not import it."""
    torch = None
    with contextlib.suppress(metadata.PackageNotFoundError, OSError):  # built by hand and put on the path, for one
        torch = metadata.version("torch")
    # why or: it is None, whatever its type says, where its file may not be read.
    return Head(SCHEMA_VERSION, KIND, __version__, torch or "unknown", platform.python_version(), asked)


def key_of(outcome: Outcome) -> Key:
    """What tells this outcome from others."""
    return key(outcome.model, outcome.file, outcome.settings, outcome.variant, outcome.process)


def key(model: str, file: str, settings: Mapping[str, object], variant: Mapping[str, object], process: int) -> Key:
    """The key of what is to be measured, which its outcome will have too."""
    return (model, file, canonical(settings), canonical(variant), process)


def done(outcomes: Iterable[Outcome]) -> frozenset[Key]:
    """What need not be measured again: all that went well; what failed is tried again."""
    return frozenset(key_of(outcome) for outcome in outcomes if outcome.ok)


def canonical(value: object) -> str:
    """The same text for the same plain value; 1, 1.0, true and "1" all differ."""
    return json.dumps(to_plain(value), sort_keys=True)


# --- reading -----------------------------------------------------------------------------------------------


def read_journal(path: Path) -> Read:
    """Read the results in a file. Raises DocumentError, with the line, for what is no journal or broken inside."""
    try:
        data = disk.read(path, _MOST_BYTES)
    except disk.NoRegularFile as error:
        raise _no_journal(path, None, f"it {disk.reason(error)}") from error
    except disk.TooLarge as error:
        raise _no_journal(path, None, f"it is {disk.reason(error)}") from error
    except OSError as error:
        message = f"cannot read the results: {disk.reason(error)}"
        raise DocumentError(Place(str(path)), message, hint="rnninspect bench --output writes them") from error
    return _read(data, path)


def _read(data: bytes, path: Path) -> Read:
    *lines, last = data.split(b"\n")
    half = None
    if last:
        # why: a line whose newline alone is missing is whole, and no other part of an object is an object.
        if lines and not _is_object(last):
            half = len(lines) + 1
        else:
            lines.append(last)
    if not lines:
        raise _no_journal(path, 1, "it is empty")
    head = _read_head(lines[0], path)
    outcomes = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            outcomes.append(_read_outcome(line, head.schema_version))
        except Unfit as error:
            raise DocumentError(
                Place(str(path), number),
                f"the results are broken: {error}",
                hint="restore the file, or delete this line; the others are whole",
            ) from error
    return Read(head, tuple(outcomes), half)


def _read_head(line: bytes, path: Path) -> Head:
    try:
        found = _object(line)
    except Unfit as error:
        raise _no_journal(path, 1, str(error)) from error
    if found.get("kind") != KIND:
        raise _no_journal(path, 1, f"its first line has no kind {show(KIND)}")
    version = found.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        raise DocumentError(
            Place(str(path), 1),
            f"these results are of version {version}, and this rnninspect knows {SCHEMA_VERSION}",
            hint="use the newer rnninspect that wrote them",
        )
    if type(version) is not int or version < 1:
        raise _no_journal(path, 1, f"expected schema_version 1 to {SCHEMA_VERSION}, got {show(version)}")
    try:
        return from_plain(Head, found)
    except Unfit as error:
        raise _no_journal(path, 1, str(error)) from error


def _read_outcome(line: bytes, version: int) -> Outcome:
    """The outcome of a line in a journal of this version. Raises Unfit."""
    outcome = _sound(from_plain(Outcome, _object(line)))
    if version > 1:
        return outcome
    figures: list[Figure] = []
    for written in outcome.figures:
        # why: of training it counted something else, and nobody knows what it would be now.
        figure = written if written.phase == "forward" else written._replace(planned_bytes=None)
        # why the first of a phase: the whole model stands before its layers, of which one may be called the same.
        first = all(figure.phase != other.phase for other in figures)
        figures.append(figure._replace(subject=None) if first and figure.subject == _CHAIN else figure)
    return outcome._replace(figures=tuple(figures))


def _sound(outcome: Outcome) -> Outcome:
    """The outcome, if its figures do not contradict themselves. Raises Unfit."""
    for k, figure in enumerate(outcome.figures):
        for where, what in contradictions(figure):
            raise Unfit(what, where).inside(f".figures[{k}]")
    return outcome


def _object(line: bytes) -> dict[str, Any]:
    """The JSON object of a line. Raises Unfit where it holds none."""
    try:
        found = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Unfit("expected one JSON object a line") from error
    if not isinstance(found, dict):
        raise Unfit(f"expected one JSON object a line, got {show(found)}")
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _is_object(line: bytes) -> bool:
    try:
        _object(line)
    except Unfit:
        return False
    return True


def _no_journal(path: Path, line: int | None, why: str) -> DocumentError:
    hint = "name a file that rnninspect bench --output has written"
    return DocumentError(Place(str(path), line), f"these are no results of rnninspect bench: {why}", hint=hint)


# --- writing -----------------------------------------------------------------------------------------------


class Journal:
    """A journal that is open for appending, by this process alone. empty: how long a new one is that has no outcome."""

    def __init__(self, file: int, path: Path, *, empty: int | None = None) -> None:
        self._file, self._path, self._empty = file, path, empty

    def append(self, outcome: Outcome) -> None:
        """Add one outcome; it is on the disk when this returns. Raises OutputFailed, and then nothing was added."""
        self.write(_line(outcome))

    def write(self, data: bytes) -> None:
        """Add `data` with one write, all of it or nothing."""
        size = None
        try:
            before = os.fstat(self._file)
            size = before.st_size if stat.S_ISREG(before.st_mode) else None
            written = os.write(self._file, data)
            # why: on a full disk a part fits, and only the next byte is an error that says why.
            while written < len(data):
                written += os.write(self._file, data[written:])
            _to_disk(self._file)
        except OSError as error:
            if size is not None:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, size)
            raise _failed(self._path, error) from error

    def cut(self, size: int) -> None:
        """Cut the file off after `size` bytes."""
        try:
            os.ftruncate(self._file, size)
        except OSError as error:
            raise _failed(self._path, error) from error

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


def start(path: Path, head: Head) -> Journal:
    """Begin a journal, in a file that is not there yet, or into a pipe or a device.

    Raises OptionError where there is one, for nothing measured is ever replaced, and OutputFailed where it cannot be
    written; a file that could not be begun is not left behind.
    """
    found = _status(path)
    if found is not None and stat.S_ISREG(found.st_mode):
        raise OptionError(
            f"--output {printable(str(path))}: it is there already (--resume goes on with it, or name another file)"
        )
    file = _open(path, os.O_WRONLY | (os.O_CREAT | os.O_EXCL if found is None else 0))
    journal = Journal(file, path, empty=len(_line(head)) if found is None else None)
    try:
        _alone(file, path)
        journal.write(_line(head))
    except RnnInspectError:
        journal.close()
        raise
    return journal


def resume(path: Path, head: Head) -> tuple[Journal, Read]:
    """Go on with the journal at `path`, or begin it where there is none; and what it holds already.

    Half a line at its end, which holds no outcome, is cut off. Raises OptionError where the journal was begun with
    other settings or by another version, DocumentError where it is none, OutputFailed where it cannot be written.
    """
    found = _status(path)
    if found is None:
        return start(path, head), Read(head, (), None)
    if not stat.S_ISREG(found.st_mode):
        raise OptionError(f"--resume: {printable(str(path))} {disk.kind(found)}, so it holds nothing to go on with")
    file = _open(path, os.O_RDWR)
    journal = Journal(file, path)
    try:
        _alone(file, path)
        with os.fdopen(file, "rb", buffering=0, closefd=False) as stream:
            data = disk.read_stream(stream, _MOST_BYTES)
        return journal, _go_on(journal, data, path, head)
    except disk.TooLarge as error:
        journal.close()
        raise _no_journal(path, None, f"it is {disk.reason(error)}") from error
    except OSError as error:
        journal.close()
        raise _failed(path, error) from error
    except RnnInspectError:
        journal.close()
        raise


def _go_on(journal: Journal, data: bytes, path: Path, head: Head) -> Read:
    """What the journal holds; its end is mended, so that a line can be added."""
    if b"\n" not in data and _line(head).startswith(data):
        # The writer ended within the head; this is the rest of it.
        journal.write(_line(head)[len(data) :])
        return Read(head, (), None)
    read = _read(data, path)
    if read.head.schema_version != SCHEMA_VERSION:
        # why not gone on with: what its figures mean has changed, and a journal holds figures of one sort.
        raise OptionError(
            f"--resume: {printable(str(path))} was begun by an older rnninspect "
            "(begin a new one: name another file with --output)"
        )
    differing = _differences(read.head, head)
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


def _differences(then: Head, now: Head) -> str:
    """What differs between two heads, in words."""
    a, b = ({**head._replace(asked={})._asdict(), **head.asked} for head in (then, now))
    names = [name for name in {**a, **b} if canonical(a.get(name)) != canonical(b.get(name))]
    said = [f"{printable(name)} {_told(a.get(name))}, now {_told(b.get(name))}" for name in names]
    more = len(said) - _MOST_DIFFERENCES
    return "; ".join(said[:_MOST_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _told(value: object) -> str:
    return show(value) if not isinstance(value, Mapping | list | tuple) else printable(canonical(value)[:60])


def _status(path: Path) -> os.stat_result | None:
    try:
        return disk.status(path)
    except OSError as error:
        raise _failed(path, error) from error


def _open(path: Path, flags: int) -> int:
    for name in ("O_APPEND", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError as error:
        raise _failed(path, disk.no_folder(path.absolute())) from error
    except (OSError, ValueError) as error:
        raise _failed(path, error) from error


def _alone(file: int, path: Path) -> None:
    """Hold the journal; nobody else writes it."""
    try:
        disk.hold(file, wait=False)
    except BlockingIOError as error:
        message = f"--output {printable(str(path))}: another process is writing it (wait for it, or name another file)"
        raise OptionError(message) from error
    except OSError as error:
        raise _failed(path, error) from error


def _to_disk(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        # why: a pipe, a terminal and some file systems have no disk to write to.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise


def _failed(path: Path, error: Exception) -> OutputFailed:
    return OutputFailed(f"cannot write {printable(str(path))}: {printable(disk.reason(error))}")


def _line(record: Head | Outcome) -> bytes:
    # why in ASCII: no character can be cut in two, and nothing in a name can break a line. why no NaN: it is no JSON.
    return json.dumps(to_plain(record), allow_nan=False).encode("ascii") + b"\n"


# --- records to plain values and back -----------------------------------------------------------------------


class Unfit(ValueError):
    """Plain data that is not of a record's shape: where (`figures[0].median`), expected, got."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(f"{where.removeprefix('.')}: {what}" if where else what)
        self.what, self.where = what, where

    def inside(self, part: str) -> Unfit:
        """The same, of a value that stands at `part` of a larger one."""
        return Unfit(self.what, part + self.where)


def to_plain(value: object) -> Any:
    """A record as JSON has it: objects, lists and plain values."""
    match value:
        case float() | int() | str() | None:
            return value
        case Mapping():
            return {key: to_plain(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_fields"):
            return {name: to_plain(item) for name, item in zip(value._fields, value, strict=True)}
        case tuple() | list():
            return [to_plain(item) for item in value]
    raise TypeError(f"no plain value: {value!r}")


def from_plain(kind: type[_Record], data: object) -> _Record:
    """`data` as a record of `kind`, a NamedTuple, by the annotations of its fields. Raises Unfit.

    Values are never converted but an integer where a float belongs. Keys may be missing where a field has a default,
    and unknown ones are left out: a newer version may have added them.
    """
    return cast(_Record, _reader(cast(Any, kind))(data))


_Reader = Callable[[Any], Any]
_PLAIN = {str: "a text", bool: "true or false", int: "an integer", float: "a number", type(None): "null"}


@functools.cache
def _reader(kind: Any) -> _Reader:
    """What turns plain data into a value of the type `kind`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is object:
        return lambda data: data
    if kind is float:
        return _number
    if kind in _PLAIN:
        return functools.partial(_exactly, kind)
    if kind is Status:
        return _status_of
    if origin in (types.UnionType, typing.Union):
        return functools.partial(_either, arguments)
    if origin is tuple and arguments[1:] == (...,):
        return functools.partial(_tuple, _reader(arguments[0]))
    if origin is Mapping and arguments[0] is str:
        return functools.partial(_mapping, _reader(arguments[1]))
    if hasattr(kind, "_fields"):
        readers = {name: _reader(hint) for name, hint in typing.get_type_hints(kind).items()}
        return functools.partial(_record, kind, readers)
    raise TypeError(f"records have no fields of the type {kind}")


def _number(data: Any) -> float:
    # why type(): true is an int to Python. why finite: 1e999 is infinite, and no measurement is.
    if type(data) not in (int, float):
        raise Unfit(f"expected a number, got {show(data)}")
    try:
        found = float(data)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise Unfit(f"expected a finite number, got {show(data)}")
    return found


def _status_of(data: Any) -> Status:
    if not isinstance(data, str) or data not in [*Status]:
        *others, last = Status
        raise Unfit(f"expected {', '.join(others)} or {last}, got {show(data)}")
    return Status(data)


def _exactly(kind: type, data: Any) -> Any:
    if type(data) is not kind:
        raise Unfit(f"expected {_PLAIN[kind]}, got {show(data)}")
    return data


def _either(kinds: tuple[Any, ...], data: Any) -> Any:
    """Of a union's members None is the one there is besides another."""
    if data is None and type(None) in kinds:
        return None
    (other,) = (kind for kind in kinds if kind is not type(None))
    return _reader(other)(data)


def _tuple(read: _Reader, data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise Unfit(f"expected a list, got {show(data)}")
    found = []
    for k, item in enumerate(data):
        try:
            found.append(read(item))
        except Unfit as error:
            raise error.inside(f"[{k}]") from error
    return tuple(found)


def _mapping(read: _Reader, data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Unfit(f"expected an object, got {show(data)}")
    found = {}
    for name, item in data.items():
        try:
            found[name] = read(item)
        except Unfit as error:
            raise error.inside(f".{printable(name)}") from error
    return found


def _record(kind: Any, readers: Mapping[str, _Reader], data: Any) -> Any:
    if not isinstance(data, dict):
        raise Unfit(f"expected an object, got {show(data)}")
    found = {}
    for name, read in readers.items():
        if name in data:
            try:
                found[name] = read(data[name])
            except Unfit as error:
                raise error.inside(f".{name}") from error
        elif name not in kind._field_defaults:
            raise Unfit(f"the key {name} is missing")
    return kind(**found)
