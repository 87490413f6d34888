"""The results of a benchmark as a file: one JSON object a line, a head first, then an outcome in each.

Whatever ended the process that wrote it may have left half a line at its end, which is named when the file is read.
A figure that no measurement could give is refused there.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from rnninspect import __version__, disk
from rnninspect.bench.plain import Unfit, canonical, from_plain
from rnninspect.bench.records import Figure, Outcome
from rnninspect.errors import DocumentError, Place, show
from rnninspect.json_lines import NoObject, object_of

SCHEMA_VERSION = 2  # a new status raises it too: what does not know one refuses the file
KIND = "rnninspect bench"
# What version 1 called the whole model, and a layer may be called.
_CHAIN = "chain"
# Some million rounds of raw samples. why a limit: what is no journal may be of any size.
MOST_BYTES = 2**30
# Nothing that takes less or more was ever timed; between them no ratio or rate overflows.
_LEAST_SECONDS, _MOST_SECONDS = 1e-12, 1e12
_MOST = 10**30


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
    return Head(
        schema_version=SCHEMA_VERSION,
        kind=KIND,
        rnninspect=__version__,
        torch=torch or "unknown",
        python=platform.python_version(),
        asked=asked,
    )


def key_of(outcome: Outcome) -> Key:
    """What tells this outcome from others."""
    return (*outcome.about, outcome.process)


def key(model: str, file: str, settings: Mapping[str, object], variant: Mapping[str, object], process: int) -> Key:
    """The key of what is to be measured, which its outcome will have too."""
    return (model, file, canonical(settings), canonical(variant), process)


def done(outcomes: Iterable[Outcome]) -> frozenset[Key]:
    """What need not be measured again: all that went well; what failed is tried again."""
    return frozenset(key_of(outcome) for outcome in outcomes if outcome.ok)


def read_journal(path: Path) -> Read:
    """Read the results in a file. Raises DocumentError, with the line, for what is no journal or broken inside."""
    try:
        data = disk.read(path, MOST_BYTES)
    except disk.NoRegularFile as error:
        raise no_journal(path, None, f"it {disk.reason(error)}") from error
    except disk.TooLarge as error:
        raise no_journal(path, None, f"it is {disk.reason(error)}") from error
    except OSError as error:
        hint = "rnninspect bench --output FILE writes one"
        raise DocumentError(Place(str(path)), disk.reason(error).lower(), hint=hint) from error
    return read_lines(data, path)


def read_lines(data: bytes, path: Path) -> Read:
    """The results in what a file holds, as `read_journal` reads them."""
    *lines, last = data.split(b"\n")
    half = None
    if last:
        # why: a line whose newline alone is missing is whole, and no other part of an object is an object.
        if lines and not _is_object(last):
            half = len(lines) + 1
        else:
            lines.append(last)
    if not lines:
        raise no_journal(path, 1, "it is empty")
    head = read_head(lines[0], path)
    outcomes = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            outcomes.append(read_outcome(line, head.schema_version))
        except (NoObject, Unfit) as error:
            raise broken(path, number, error) from error
    return Read(head, tuple(outcomes), half)


def read_head(line: bytes, path: Path) -> Head:
    """What the first line of a journal says. Raises DocumentError."""
    try:
        head = object_of(line)
    except NoObject as error:
        raise no_journal(path, 1, str(error)) from error
    if head.get("kind") != KIND:
        raise no_journal(path, 1, f"its first line has no kind {show(KIND)}")
    version = head.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        raise DocumentError(
            Place(str(path), 1),
            f"these results are of version {version}, and this rnninspect knows {SCHEMA_VERSION}",
            hint="use the newer rnninspect that wrote them",
        )
    if type(version) is not int or version < 1:
        raise no_journal(path, 1, f"expected schema_version 1 to {SCHEMA_VERSION}, got {show(version)}")
    try:
        return from_plain(Head, head)
    except Unfit as error:
        raise no_journal(path, 1, str(error)) from error


def read_outcome(line: bytes, version: int) -> Outcome:
    """The outcome of a line in a journal of this version. Raises NoObject or Unfit."""
    outcome = from_plain(Outcome, object_of(line))
    for k, figure in enumerate(outcome.figures):
        for where, what in _contradictions(figure):
            raise Unfit(f"figures[{k}]{where}: {what}")
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


def _is_object(line: bytes) -> bool:
    try:
        object_of(line)
    except NoObject:
        return False
    return True


def broken(path: Path, line: int, error: Exception) -> DocumentError:
    """The error that a line of a journal is no outcome."""
    hint = "restore the file, or delete this line; the others are whole"
    return DocumentError(Place(str(path), line), f"the results are broken: {error}", hint=hint)


def no_journal(path: Path, line: int | None, why: str) -> DocumentError:
    """The error that a file holds no results of a benchmark."""
    hint = "name a file that rnninspect bench --output has written"
    return DocumentError(Place(str(path), line), f"these are no results of rnninspect bench: {why}", hint=hint)


def _contradictions(figure: Figure) -> Iterator[tuple[str, str]]:
    """Each value that cannot be beside the others: where it stands (`.kept[2]`), and what was expected."""
    rounds = len(figure.rounds)
    if not rounds:
        yield ".rounds", "expected one round or more, got none"
    for k, samples in enumerate(figure.rounds):
        if not samples:
            yield f".rounds[{k}]", "expected one sample or more, got none"
    if not figure.kept:
        yield ".kept", "expected one round or more, got none"
    for k, number in enumerate(figure.kept):
        if not 0 <= number < rounds:
            yield f".kept[{k}]", f"expected one of {rounds} rounds, counted from 0, got {number}"
    for name in ("kept", "passes"):
        if len(set(getattr(figure, name))) < len(getattr(figure, name)):
            yield f".{name}", "expected each number once"
    for name in ("passes", "probes"):
        count = len(getattr(figure, name))
        # why none: results of before they were recorded.
        if count not in (0, rounds):
            yield f".{name}", f"expected one for each of {rounds} rounds, got {count}"
    for where, seconds in _seconds(figure):
        if seconds is not None and not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
            yield where, f"expected {_LEAST_SECONDS:g} to {_MOST_SECONDS:g} seconds, got {seconds:g}"
    if figure.interval is not None and figure.interval.low > figure.interval.high:
        yield ".interval", "expected low to be no more than high"
    for where, least, count in _counts(figure):
        if count is not None and not least <= count <= _MOST:
            yield where, f"expected {least} or more, got {count if abs(count) <= _MOST else 'far too many'}"


def _seconds(figure: Figure) -> Iterator[tuple[str, float | None]]:
    """Every time that is divided by, or whose logarithm is taken."""
    yield ".median", figure.median
    yield ".best", figure.best
    yield ".best_probe", figure.best_probe
    for k, samples in enumerate(figure.rounds):
        yield from ((f".rounds[{k}][{n}]", sample) for n, sample in enumerate(samples))
    yield from ((f".probes[{k}]", probe) for k, probe in enumerate(figure.probes))
    if figure.interval is not None:
        yield ".interval.low", figure.interval.low
        yield ".interval.high", figure.interval.high
    if figure.bound is not None:
        yield ".bound.seconds", figure.bound.seconds


def _counts(figure: Figure) -> Iterator[tuple[str, int, Any]]:
    """Every count, and the least that it can be."""
    least = {"block": 1, "steps": 1}
    for name, value in figure._asdict().items():
        if type(value) is int:
            yield f".{name}", least.get(name, 0), value
