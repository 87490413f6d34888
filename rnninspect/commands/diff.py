"""`rnninspect diff`: two models side by side by layer name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from rnninspect.commands.shared.options import HOW_TO_PRINT, Output, Settings
from rnninspect.errors import OptionError
from rnninspect.formats import Format

EXAMPLES = (
    "rnninspect diff model.yaml model.yaml --set encoder.hidden_size=256",
    "rnninspect diff model.yaml model.yaml --set encoder.type=GRU --format json",
    "rnninspect diff main:model.yaml model.yaml",
)


@dataclass(frozen=True, kw_only=True)
class DiffOptions:
    """What `diff` takes; the settings are for `new`, so that a document can be held against itself changed."""

    old: Annotated[str, typer.Argument(metavar="OLD", help="A YAML document, or REF:PATH of git; - is standard input.")]
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another, or the same again, which --set then changes.")]
    settings: Settings = field(default_factory=list)
    format: Annotated[Format, HOW_TO_PRINT] = Format.TABLE
    output: Output = None


def run(options: DiffOptions) -> int:
    """Print what differs between two models; 0 whether or not anything does, 2 where one is unsound."""
    from rnninspect.commands.shared.files import load_all
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.guard.changes import differences
    from rnninspect.guard.locked import locked_model
    from rnninspect.plan import plan
    from rnninspect.results.caption import PLAN, caption, each_once
    from rnninspect.results.diff import diff_document, diff_tables

    if options.old == options.new == "-":
        raise OptionError("- stands for standard input, which can be read only once")
    old_specs, code = load_all([options.old], [], output=options.output, revisions=True)
    new_specs, new_code = load_all([options.new], options.settings, output=options.output, revisions=True)
    if code or new_code:
        return max(code, new_code)
    old, new = plan(old_specs[0]), plan(new_specs[0])
    changes = differences(locked_model(old_specs[0], old), locked_model(new_specs[0], new))
    print_page(
        options.format,
        diff_tables(old, new, changes),
        lambda: diff_document(old, new, changes),
        caption(PLAN, each_once([old.dtype, new.dtype])),
        options.output,
    )
    return 0
