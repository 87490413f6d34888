"""`rnninspect diff`: two models side by side by layer name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rnninspect.commands.shared.files import load_all
from rnninspect.commands.shared.render import render
from rnninspect.errors import OptionError
from rnninspect.formats import Format
from rnninspect.guard.check import differences
from rnninspect.output import write_text
from rnninspect.plan import plan
from rnninspect.results.diff import diff_document, diff_tables


class Diff(NamedTuple):
    """What `diff` was asked for; the settings are for `new`, so that a document can be held against itself changed."""

    old: str
    new: str
    settings: list[str]
    format: Format
    output: Path | None


def diff(asked: Diff) -> int:
    """Print what differs between two models; 0 whether or not anything does, 2 where one is unsound."""
    if asked.old == asked.new == "-":
        raise OptionError("- stands for standard input, which can be read only once")
    before, code = load_all([asked.old], [], output=asked.output)
    after, new_code = load_all([asked.new], asked.settings, output=asked.output)
    if code or new_code:
        return max(code, new_code)
    old, new = plan(before[0]), plan(after[0])
    found = differences(before[0], after[0], old, new)
    dtypes = ", ".join(dict.fromkeys(model.dtype for model in (old, new)))
    caption = f"plan: from the equations alone, torch was not asked · {dtypes}"
    tables = diff_tables(old, new, found)
    text = render(asked.format, tables, lambda: diff_document(old, new, found), caption, asked.output)
    write_text(text, asked.output)
    return 0
