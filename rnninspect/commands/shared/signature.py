"""The record of a command's options as a signature, which Typer makes a command line of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from enum import Enum
from inspect import Parameter, Signature, get_annotations
from pathlib import Path
from typing import Any, get_args, get_type_hints

from rnninspect.commands.shared.options import Output


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
    defaults = {field.name: _default(field) for field in fields(record)}
    keywords = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hints[name]) for name in names
    ]
    return Signature(sorted(keywords, key=lambda keyword: keyword.default is not Parameter.empty))


# The format that the name of a file stands for.
_BY_SUFFIX = {".json": "json", ".csv": "csv", ".md": "markdown", ".tex": "latex"}


def format_by_suffix(record: type, output: Path | None) -> Enum | None:
    """The format that a result is written to `output` in where none is asked for; None where its name says none.

    Of a command that has that format, and whose --output is its result.
    """
    hints = get_type_hints(record, include_extras=True)
    if output is None or hints.get("output") != Output or "format" not in hints:
        return None
    name = _BY_SUFFIX.get(output.suffix.lower())
    return next((each for each in get_args(hints["format"])[0] if each.value == name), None)


def _default(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return Parameter.empty if field.default is MISSING else field.default
