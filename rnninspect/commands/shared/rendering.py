"""A page, or the JSON object, as text in the format of `--format`, and where `--output` says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnninspect import __version__
from rnninspect.commands import TYPED
from rnninspect.commands.shared.messages import say
from rnninspect.errors import OptionError
from rnninspect.output import for_people, stdout_is_utf8, terminal_width, wants_colour, write_text
from rnninspect.results.table import Answer, Block, Table

if TYPE_CHECKING:
    from rnninspect.formats.html import Made


def only_table(table: str | None, format: str, first: str) -> str | None:
    """The name of the one table to show, None for the whole page: that of --table, and for CSV, else, the first.

    why: what reads CSV takes one table, with one header. Raises OptionError where JSON, which has all, is asked for.
    """
    if table is not None and format == "json":
        raise OptionError(f"--table {table}: --format json has all of them (leave one of the two out)")
    return first if table is None and format == "csv" else table


def alone(tables: Mapping[str, Table], name: str) -> list[Block]:
    """The page that is one of these tables."""
    if not tables[name].rows:
        say(f"note: the table {name} is empty: there is nothing to tell of here")
    return [tables[name]]


def render(
    format: str,
    blocks: Sequence[Block],
    document: Callable[[], Mapping[str, object]],
    caption: str,
    output: Path | None,
    answer: Answer | None = None,
) -> str:
    """The text of a result. document: makes the JSON object, where one is needed. A file has no width and no colour.

    answer: the last line of a table's page.
    """
    # why imported here: each run needs one of them.
    match format:
        case "json":
            from rnninspect.formats import json

            return json.render(document())
        case "csv":
            from rnninspect.formats import csv

            return csv.render(blocks)
        case "markdown":
            from rnninspect.formats import markdown

            return for_people(markdown.render(blocks, caption), output)
        case "html":
            from rnninspect.formats import html

            page = html.render(blocks, caption, made=_made(), answer=answer)
            # why: a page says that it is UTF-8, which with references in place of letters it is everywhere.
            is_utf8 = output is not None or stdout_is_utf8()
            return page if is_utf8 else page.encode("ascii", "xmlcharrefreplace").decode()
        case "latex":
            from rnninspect.formats import latex

            return latex.render(blocks, caption)
        case _ if output is None:
            return on_terminal(blocks, caption, answer)
        case _:
            from rnninspect.formats import terminal

            return terminal.render(blocks, caption, width=None, colour=False, answer=answer)


def on_terminal(blocks: Sequence[Block], caption: str = "", answer: Answer | None = None) -> str:
    """A page for people where stdout is: in its width, its colours and its characters."""
    from rnninspect.formats import terminal

    width, ascii = terminal_width(), not stdout_is_utf8()
    return terminal.render(blocks, caption, width=width, colour=wants_colour(), ascii=ascii, answer=answer)


def last_line(text: str, *, doubtful: bool = False) -> str:
    """One line for the terminal that stdout is, which never wraps; doubtful: see `terminal.one_line`."""
    from rnninspect.formats import terminal

    width = terminal_width() or 80
    ascii = not stdout_is_utf8()
    return terminal.one_line(text, width=width, colour=wants_colour(), ascii=ascii, doubtful=doubtful)


def _made() -> Made:
    """What makes a page now: the command line, and the versions of all that has a part in it."""
    import platform
    import shlex

    from rnninspect.formats.html import Made

    words = TYPED.get()
    versions = [f"rnninspect {__version__}", f"Python {platform.python_version()}"]
    torch = sys.modules.get("torch")
    versions += [] if torch is None else [f"torch {torch.__version__}"]
    return Made(
        name=next(iter(words), "rnninspect"), line=shlex.join(["rnninspect", *words]), versions=" · ".join(versions)
    )


def print_page(
    format: str,
    blocks: Sequence[Block],
    document: Callable[[], Mapping[str, object]],
    caption: str,
    output: Path | None,
    answer: Answer | None = None,
) -> None:
    """Write a result, as `render` makes it, to a file or to stdout."""
    write_text(render(format, blocks, document, caption, output, answer), output)
