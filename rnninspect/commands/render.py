"""A page, or the JSON object, as text in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rnninspect.output import stdout_is_utf8, terminal_width, wants_colour
from rnninspect.tables.table import Block


def render(
    format: str,
    blocks: Sequence[Block],
    document: Callable[[], Mapping[str, object]],
    caption: str,
    output: Path | None,
) -> str:
    """The text of a result. `document` is only asked for where JSON is; a file has no width and no colour."""
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

            return markdown.render(blocks, caption)
        case "latex":
            from rnninspect.formats import latex

            return latex.render(blocks, caption)
        case _:
            from rnninspect.formats import terminal

            return terminal.render(
                blocks,
                caption,
                width=terminal_width() if output is None else None,
                colour=output is None and wants_colour(),
                ascii=output is None and not stdout_is_utf8(),
            )
