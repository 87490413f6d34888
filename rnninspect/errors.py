"""Every way rnninspect can fail, and the exit code each one ends with.

    RnnInspectError
    ├── CheckFailed           1    a check failed: plan and real differ
    ├── AskedWrongly          2    the request itself is wrong
    │   ├── DocumentError          a document: where, which key, what is wrong, what to try
    │   └── OptionError            an option of the command line
    └── CannotHere            3    a sound request that this machine cannot meet
        ├── NoSuchDevice
        ├── NotEnoughMemory
        ├── TorchRefused           torch would not build or run it on this device in this dtype
        ├── CodeRaised             code that the user names could not be run
        ├── NoTorch                torch is not installed here, or does not load
        ├── FolderGone             the current folder was deleted
        ├── NoGit                  git is not installed here, or cannot be run
        ├── NotInstalled           a library that only some options need is missing
        └── OutputFailed           the result could not be written

Besides these: 0 fine, 130, 143 and 129 ended by Ctrl-C, SIGTERM and SIGHUP, 70 a fault of rnninspect's own (`ending`).
`str(error)` is one line, safe to print: control characters that came from a document are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# So many faults of a document are told. why a limit: a text of 30,000 words that are no model would be as many lines.
MOST_TOLD = 50


@dataclass(frozen=True)
class Place:
    """Where a value was written: a file and a 1-based line and column, or an option (no line).

    replaces: of an option, where the document has what it puts another value in the place of.
    """

    source: str
    line: int | None = None
    column: int | None = None
    replaces: Place | None = field(default=None, compare=False)

    @property
    def in_file(self) -> Place:
        """Where a file has it, for who can show no option."""
        return self.replaces or self

    def __str__(self) -> str:
        return ":".join(str(part) for part in (printable(self.source), self.line, self.column) if part is not None)


class Excerpt(NamedTuple):
    """The line of a document that an error is about, and where in `text` what is wrong stands; cut where it is long."""

    line: int
    text: str
    start: int
    length: int


class RnnInspectError(Exception):
    """Base of every error that is reported as one line; `exit_code` is the process's.

    place: where a document has what is wrong, where it is about one; the line begins with it. excerpt: what stands
    there, where it was read.
    """

    exit_code: int = 70
    place: Place | None = None
    excerpt: Excerpt | None = None

    @property
    def faults(self) -> tuple[RnnInspectError, ...]:
        """All that is to be told: this, and of a document what else is wrong with it."""
        return (self,)


class CheckFailed(RnnInspectError):
    """A check failed: what the plan says and what torch did are different."""

    exit_code = 1


class AskedWrongly(RnnInspectError):
    """The request is wrong, whatever the machine."""

    exit_code = 2


class DocumentError(AskedWrongly):
    """A document cannot be read as a model: `PLACE: PATH: MESSAGE (HINT)`.

    also: what else is wrong with the same document, in its order.
    """

    place: Place
    also: tuple[DocumentError, ...] = ()

    def __init__(self, place: Place, message: str, *, path: str = "", hint: str = "") -> None:
        self.place, self.message, self.path, self.hint = place, message, path, hint
        where = f"{place}: {printable(path)}: " if path else f"{place}: "
        super().__init__(where + message + (f" ({hint})" if hint else ""))

    @property
    def faults(self) -> tuple[DocumentError, ...]:
        """All that is wrong with the document, this first."""
        return (self, *self.also)


class OptionError(AskedWrongly):
    """A command-line option has a value that cannot be used."""


class CannotHere(RnnInspectError):
    """The request is sound, but not on this machine: `PLACE: MESSAGE`, where it is a document's (`Spec.refused`)."""

    exit_code = 3

    def __init__(self, message: str, place: Place | None = None) -> None:
        self.place = place
        super().__init__(message if place is None else f"{place}: {message}")


class NoSuchDevice(CannotHere):
    """The device asked for is not here."""


class NotEnoughMemory(CannotHere):
    """The model needs more memory than the device has free."""


class TorchRefused(CannotHere):
    """torch would not build or run the model on this device in this dtype."""


class CodeRaised(CannotHere):
    """What the user's own code raised, which `verify --against` runs."""


class NoTorch(CannotHere):
    """torch is not installed here, or cannot be loaded."""


class NoGit(CannotHere):
    """git is not installed here, or cannot be run."""


class FolderGone(CannotHere):
    """The folder that the process stands in is gone."""


class NotInstalled(CannotHere):
    """An option needs a library that is not installed here, or does not load: `WHAT needs LIBRARY: pip install ...`.

    extra: the one of rnninspect that brings it. error: what its import raised.
    """

    def __init__(self, what: str, library: str, extra: str, error: Exception) -> None:
        loads_not = str(error).strip() and not isinstance(error, ModuleNotFoundError)
        broken = f" (the one here does not load: {first_line(error)})" if loads_not else ""
        super().__init__(f"{what} needs {library}: pip install 'rnninspect[{extra}]'{broken}")


class OutputFailed(CannotHere):
    """The result could not be written where it was asked for."""


def printable(text: str) -> str:
    """`text` on one line, with whatever a terminal might act on (control, bidi, lone surrogates) escaped.

    So are `##[`, and `::` where it begins: GitHub's runner takes them for commands in all that a job prints.
    """
    escaped = text
    if not text.isprintable():
        escaped = "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
        )
    if escaped.lstrip().startswith("::"):
        escaped = escaped.replace("::", r"\x3a:", 1)
    return escaped.replace("##[", r"#\x23[")


def first_line(error: BaseException, *, named: bool = False) -> str:
    """The first line of what an exception says, or its type where it says nothing; named: its type before it too."""
    text = printable(next(iter(str(error).strip().splitlines()), ""))
    kind = type(error).__name__
    return ": ".join(filter(None, [kind, text])) if named else text or kind


def show(value: object, limit: int = 60) -> str:
    """A value from a document as an error message quotes it: on one line and at most `limit` characters."""
    match value:
        case None:
            text = "null"
        case bool():
            text = str(value).lower()
        case dict():
            text = "a mapping"
        case list() | tuple():
            text = "a list" if value else "an empty list"
        case str():
            text = repr(value[: limit + 1])
        case _:
            text = printable(str(value))
    return text if len(text) <= limit else text[: limit - 3] + "..."


def listed(words: Sequence[str], most: int | None = None) -> str:
    """`RNN, LSTM and GRU`; of more than `most` so many, and how many more there are."""
    if most is not None and len(words) > most:
        words = [*words[:most], f"{len(words) - most} more"]
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def counted(number: int, thing: str) -> str:
    """`1 tensor`, `32 tensors`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the nearest of `known`, or all of them when none is near."""
    names = list(known)
    near = nearest(word, names)
    return f"did you mean {near!r}?" if near else f"known: {', '.join(names)}"


def nearest(word: str, known: Sequence[str]) -> str:
    """The one of `known` that a misspelt word may stand for; "" where none is near."""
    import difflib  # why here: most runs need no suggestion

    same = [name for name in known if name.lower() == word.lower()]
    return next(iter(same or difflib.get_close_matches(word, known, n=1)), "")
