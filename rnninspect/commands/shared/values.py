"""A value that an option cannot have, and an option that there is none of: where, expected, got, what to try."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from inspect import signature
from itertools import pairwise
from typing import Any, TypeVar, get_args

import typer
from typer.core import TyperArgument

from rnninspect.commands.shared.signature import kinds_of
from rnninspect.errors import OptionError, listed, nearest, printable, show

_Parsed = TypeVar("_Parsed")
# What more commands have than these would take more than a line to list.
_MOST_NAMED = 4
# What people know an option by from elsewhere, and what it is here.
_ELSEWHERE = {
    **{f"--{format}": f"--format {format}" for format in ("json", "csv", "markdown", "html", "github")},
    **dict.fromkeys(("--seconds", "--time", "--duration", "--min-run-time"), "--budget 3s"),
    **dict.fromkeys(("--details", "--verbose", "-v", "--full"), "--all"),
    "--timeout": "--time-limit 90s",
    "--gpu": "--device cuda",
}
# Options that take the file after them, to write it.
_WRITTEN = ("--document", "--output", "-o", "--plot", "--picture")
_NUMBERS: Mapping[Any, str] = {int: "an integer", float: "a number"}


def parsed(option: str, given: str | None, parse: Callable[[str], _Parsed]) -> _Parsed | None:
    """What an option was given, as `parse` reads it. Raises OptionError for what it refuses."""
    try:
        return None if given is None else parse(given)
    except ValueError as error:
        raise OptionError(f"{option} {printable(str(given))}: {error}") from error


def limits_of(max_params: str | None, max_macs: str | None) -> dict[str, int]:
    """The limits that options of these names were given, as a document's budget names them. Raises OptionError."""
    from rnninspect.document.quantity import parse_count  # why here: the help needs nothing of documents

    given = {
        "max_params": parsed("--max-params", max_params, parse_count),
        "max_macs": parsed("--max-macs", max_macs, parse_count),
    }
    return {name: limit for name, limit in given.items() if limit is not None}


def refused(error: Exception) -> OptionError | None:
    """What Typer refuses, from what the command's record says of the option; None where it is nothing of that.

    why not Typer's own words: they are pydantic's, in a box of four lines.
    """
    from pydantic import ValidationError  # why here: Typer has it by now, and most runs need it nowhere else

    if not isinstance(error, typer.BadParameter) or not isinstance(error.__cause__, ValidationError):
        return None
    if not (error.param and error.ctx and error.ctx.command.callback):
        return None
    keywords = signature(error.ctx.command.callback).parameters
    annotation = keywords[str(error.param.name)].annotation
    (kind,), option = kinds_of(annotation), get_args(annotation)[1]
    given = error.__cause__.errors()[0]["input"]
    hint = ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        known = [str(each.value) for each in kind]
        expected = f"one of {', '.join(known)}"
        near = nearest(str(given), known)
        hint = f" (did you mean {near!r}?)" if near else ""
    elif kind in _NUMBERS:
        expected = _NUMBERS[kind] + _range(option.min, option.max)
    else:
        return None
    return OptionError(f"{error.param.opts[0]}: expected {expected}, got {show(given)}{hint}")


def a_key_as_option(error: Exception, args: Sequence[str]) -> OptionError | None:
    """What is said of `--hidden_size 4`, which is a key of a document and no option; None where it is nothing of that.

    args: the words after the command.
    """
    if not hasattr(error, "possibilities"):  # what Typer raises for an unknown option alone has them
        return None
    from rnninspect.document.overrides import path_of_key

    given: str = getattr(error, "option_name")  # noqa: B009 (the class is Typer's own, and has no public name)
    path = path_of_key(given.lstrip("-").replace("-", "_"))
    context = getattr(error, "ctx", None)
    takes_keys = context is None or any("--set" in each.opts for each in context.command.params)
    if path is None or not given.startswith("--") or not takes_keys:
        return None
    rest = [word for word in args if word.startswith(f"{given}=")] or [*args[args.index(given) + 1 :], "VALUE"]
    value = rest[0].removeprefix(f"{given}=")
    value = "VALUE" if value.startswith("-") else printable(value[:60])
    return OptionError(f"{printable(given)}: no such option (a key of a document: --set {path}={value})")


def misused(
    error: typer.TyperException, command: str, words: Sequence[str], having: Callable[[str], Sequence[str]]
) -> OptionError:
    """What is said of a command line that is none of the command's: an unknown option, or something missing.

    words: those after the command. having: the commands that have an option of this name.
    """
    see = f"see rnninspect {command} --help"
    if not hasattr(error, "possibilities"):
        message = error.format_message().strip().removesuffix(".")
        taken = next((pair for pair in pairwise(words) if pair[0] in _WRITTEN), None)
        if taken and isinstance(getattr(error, "param", None), TyperArgument):
            see = f"{taken[0]} takes {printable(taken[1])} for the file to write"
        return OptionError(f"{printable(message[:1].lower() + message[1:])} ({see})")
    given: str = getattr(error, "option_name")  # noqa: B009 (see above)
    others = having(given)
    if 0 < len(others) <= _MOST_NAMED:
        have = "have" if others[1:] else "has"
        return OptionError(f"{given}: no such option of {command} ({listed(others)} {have} it)")
    context = getattr(error, "ctx", None)
    # why without the dashes: all options begin with them, and --wat would be near --format.
    names = [name for each in context.command.params for name in each.opts] if context else []
    meant = _ELSEWHERE.get(given, "")
    if meant.partition(" ")[0] not in names:
        near = nearest(given.lstrip("-"), [name[2:] for name in names if name.startswith("--")])
        meant = f"--{near}" if near else ""
    return OptionError(f"{printable(given)}: no such option ({f'did you mean {meant}?' if meant else see})")


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return "" if most is None else f" <= {most}"
    return f" >= {least}" if most is None else f" from {least} to {most}"
