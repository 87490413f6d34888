"""The record of a command's options as a signature, which Typer makes a command line of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import MISSING, Field, fields
from enum import Enum
from functools import cache
from inspect import Parameter, Signature, get_annotations
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_type_hints

from rnninspect.commands.shared.options import Output
from rnninspect.errors import OptionError, listed, printable


def record_of(run: Callable[..., int]) -> type:
    """The record that a command's `run(options)` takes."""
    record: type = get_type_hints(run)["options"]
    return record


def signature_of(record: type) -> Signature:
    """A keyword for every field of a record, in the order of the help.

    What must be given comes first; then what a record adds comes before what it inherits.
    """
    names: list[str] = []
    for each in reversed(record.__mro__):
        names = [name for name in get_annotations(each) if name not in names] + names
    hints = get_type_hints(record, include_extras=True)
    if ends := formats_by_suffix(record):
        hints["output"] = _telling(hints["output"], list(ends))
    defaults = {field.name: _default(field) for field in fields(record)}
    keywords = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hints[name]) for name in names
    ]
    return Signature(sorted(keywords, key=lambda keyword: keyword.default is not Parameter.empty))


def kinds_of(annotation: Any) -> list[Any]:
    """The types that an option's value may have: of `Annotated[X | None, ...]` X alone, of a list what is in it."""
    (kind, *_) = get_args(annotation) or (annotation,)
    return [each for each in get_args(kind) or (kind,) if each is not NoneType]


# The format that the name of a file stands for.
_BY_SUFFIX = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".html": "html",
    ".tex": "latex",
    ".py": "python",
    ".xml": "junit",
    ".sarif": "sarif",
}
_LIKE = {".htm": ".html", ".markdown": ".md"}
_PICTURES = (".svg", ".png", ".pdf")


@cache  # why: both the help and what fills the record go by it
def formats_by_suffix(record: type) -> Mapping[str, Enum]:
    """By the end of its name, the format that a result is written to a file in where none is asked for.

    Of a command whose --output is its result; without those formats that it does not have.
    """
    hints = get_type_hints(record, include_extras=True)
    if hints.get("output") != Output or "format" not in hints:
        return {}
    formats: dict[str, Enum] = {each.value: each for each in get_args(hints["format"])[0]}
    return {suffix: formats[name] for suffix, name in _BY_SUFFIX.items() if name in formats}


def format_of(record: type, output: Path) -> Enum | None:
    """The format that the name of a command's --output says; None where it says none.

    Raises OptionError for one that it does not write: nobody wants a table of text in there.
    """
    formats, suffix = formats_by_suffix(record), output.suffix.lower()
    suffix = _LIKE.get(suffix, suffix)
    if formats and suffix not in formats and suffix in (*_BY_SUFFIX, *_PICTURES):
        hint = f"{listed(list(formats))} say a format; --format table writes text to any name"
        raise OptionError(f"--output {printable(str(output))}: {suffix} is no format of this command ({hint})")
    return formats.get(suffix)


def _telling(annotated: Any, ends: list[str]) -> Any:
    """The annotation of --output with a help that tells which ends of a name say the format."""
    kind, option = get_args(annotated)
    told = copy(option)
    told.help = f"{option.help.removesuffix('.')}; {listed(ends)} say the format."
    return Annotated[kind, told]


def _default(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return Parameter.empty if field.default is MISSING else field.default
