"""The help of a command as a person reads it: how it is called, what it does, what each option is for, lines to try.

why not Typer's own: it shows the types of Python (`<list[str]>`), and imports for 0.2 s to draw boxes around them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import EnumMeta
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

from typer.core import TyperArgument

from rnninspect.commands.shared.options import DEVICE, OUTPUT
from rnninspect.commands.shared.signature import kinds_of
from rnninspect.output import stdout_is_utf8, terminal_width, wants_colour, write_text

if TYPE_CHECKING:
    from rnninspect.formats.page import Page

# No line is longer, however wide the terminal: an eye does not find the next one. So wide is the help in a pipe.
_WIDEST, _IN_A_PIPE = 100, 80
# A text narrower than this stands below its name.
_LEAST_TEXT, _BELOW = 30, 6


class Section(NamedTuple):
    """Some of what a command has, such as its options of one sort: a name and a text each."""

    title: str
    rows: Sequence[tuple[str, str]]


def print_help(command: Any, ctx: Any) -> int:
    """Print the help of a command, whose `epilog` holds the lines to try; returns the exit code."""
    from rnninspect.formats.page import Page

    width = min(terminal_width() or _IN_A_PIPE, _WIDEST)
    page = Page(width, wants_colour(), not stdout_is_utf8())
    paragraphs = [command.get_usage(ctx), *command.help.split("\n\n")]
    write_text(help_text(paragraphs, _groups(command, ctx), page), None)
    return 0


def _groups(command: Any, ctx: Any) -> list[list[Section]]:
    """The commands of a group; arguments and options by their panel, those without one in the first; lines to try."""
    parameters = command.get_params(ctx)
    arguments = [parameter for parameter in parameters if isinstance(parameter, TyperArgument)]
    options = [parameter for parameter in parameters if parameter not in arguments]
    panels = [each.rich_help_panel for each in options[:-1]]
    panels.append(panels[-1])  # of --help, which is no more than the last
    rows = [(panel, _name(each), _text(command, each)) for panel, each in zip(panels, options, strict=True)]
    commands = list(getattr(command, "commands", {}).values())
    # why not where several commands have it: those that name no panel are about something else.
    first = "Options" if panels[0] in (None, DEVICE, OUTPUT) else panels[0]
    sections = sorted(_panels(rows, first), key=lambda section: section.title == panels[-1])
    return [
        _panels([(each.rich_help_panel, each.name, each.help) for each in commands], "Commands"),
        [*_panels([(None, each.display_name_raw, each.help or "") for each in arguments], "Arguments"), *sections],
        [Section("Examples", [(line, "") for line in command.epilog.splitlines()])],
    ]


def _panels(rows: Sequence[tuple[str | None, str, str]], title: str) -> list[Section]:
    """Rows by their panel; title: of the first, in which those without one stand."""
    panels: dict[str, list[tuple[str, str]]] = {title: []}
    for panel, name, text in rows:
        panels.setdefault(panel or title, []).append((name, text))
    return [Section(*each) for each in panels.items() if each[1]]


def _name(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len, reverse=True))
    return names if option.is_flag or not option.metavar else f"{names} {option.metavar}"


def _text(command: Any, option: Any) -> str:
    """What an option is for, what it can be where that is one of a few, and what it is without being given."""
    keyword = signature(command.callback).parameters.get(option.name)
    kinds = [] if keyword is None else kinds_of(keyword.annotation)
    default = option.default if keyword is not None and not option.is_flag else None
    choices: list[Any] = [kind for kind in kinds if isinstance(kind, EnumMeta)]
    if choices:
        listed = ", ".join(f"{each.value} (default)" if each == default else each.value for each in choices[0])
        return f"{option.help.removesuffix('.')}: {listed}."
    return option.help if default in (None, []) else f"{option.help} Default: {default}."


def help_text(paragraphs: Sequence[str], groups: Sequence[Sequence[Section]], page: Page) -> str:
    """The page: in each group every text in a column beside its name, or below it where there is too little room."""
    from rnninspect.formats.page import wrapped

    parts = ["\n".join(wrapped(page.plain(paragraph), page.width)) for paragraph in paragraphs]
    for group in groups:
        column = max((len(name) + 4 for section in group for name, _ in section.rows), default=0)
        if page.width - column < _LEAST_TEXT:
            column = page.width
        for section in group:
            lines = [line for name, text in section.rows for line in _row(name, text, column, page)]
            parts.append("\n".join([page.paint(section.title, "bold"), *lines]))
    return "\n\n".join(parts) + "\n"


def _row(name: str, text: str, column: int, page: Page) -> Iterator[str]:
    from rnninspect.formats.page import wrapped

    if not text:
        yield f"  {name}"
        return
    shown = "  " + page.paint(name, "cyan")
    indent = column if column < page.width else _BELOW
    lines = [" " * indent + line for line in wrapped(page.plain(text), page.width - indent)]
    if indent == column:
        lines[0] = shown + lines[0][2 + len(name) :]
    else:
        lines.insert(0, shown)
    yield from lines
