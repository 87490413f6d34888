"""`rnninspect cells`: the library of published cells, or the text of those that are named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from rnninspect.commands.shared import completion
from rnninspect.commands.shared.options import HOW_TO_PRINT, Output, argument, flag
from rnninspect.errors import OptionError
from rnninspect.formats import Format

EXAMPLES = (
    "rnninspect cells",
    "rnninspect cells MGU",
    "rnninspect cells --sources",
)


@dataclass(frozen=True, kw_only=True)
class CellsOptions:
    """What `cells` takes."""

    names: Annotated[
        list[str],
        argument("[NAME...]", "Cells whose text to show; none for all in a row each.", autocompletion=completion.cells),
    ] = field(default_factory=list)
    sources: Annotated[bool, flag("--sources", "Who published each, when and where.")] = False
    format: Annotated[Format, HOW_TO_PRINT] = Format.TABLE
    output: Output = None


def run(options: CellsOptions) -> int:
    """List the cells, or show some; returns the exit code."""
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.results.caption import PLAN
    from rnninspect.results.cells import cells_document, cells_table, sources_table, text_blocks
    from rnninspect.results.table import Block
    from rnninspect.study.library import facts_of, lstm_parameters, names_asked

    if options.names and options.sources:
        raise OptionError("--sources: the text of a cell has its source (leave --sources out)")
    cells, lstm = [facts_of(name) for name in names_asked(options.names)], lstm_parameters()
    blocks: list[Block] = [sources_table(cells) if options.sources else cells_table(cells, lstm)]
    if options.names and options.format is not Format.CSV:
        blocks = [block for each in cells for block in text_blocks(each, lstm)]
    print_page(options.format, blocks, lambda: cells_document(cells, lstm), PLAN, options.output)
    return 0
