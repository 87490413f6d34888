"""`rnninspect diff`: two models side by side by layer name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rnninspect.check import Verdict, changes
from rnninspect.commands.files import load_all
from rnninspect.commands.render import render
from rnninspect.formats import Format
from rnninspect.lock import locked_layers
from rnninspect.output import write_text
from rnninspect.plan import plan
from rnninspect.report import diff_document
from rnninspect.tables.check import diff_tables


class Diff(NamedTuple):
    """What `diff` was asked for."""

    old: str
    new: str
    settings: list[str]
    format: Format
    output: Path | None


def diff(asked: Diff) -> int:
    """Print what differs between two models; 0 whether or not anything does, 2 where one is unsound."""
    specs, code = load_all([asked.old, asked.new], asked.settings, output=asked.output)
    if code:
        return code
    old, new = (plan(spec) for spec in specs)
    verdict = Verdict(new, (), changes(new, locked_layers(old)))
    caption = "plan: from the equations alone, torch was not asked"
    tables = diff_tables(old, verdict)
    write_text(render(asked.format, tables, lambda: diff_document(old, verdict), caption, asked.output), asked.output)
    return 0
