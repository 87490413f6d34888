"""A piece of a table as rich draws it."""

from __future__ import annotations

import io
import re
from collections.abc import Container, Sequence
from typing import Literal

# why in a file of its own: these take 50 ms to import, and only what prints a table needs them.
from rich import box
from rich.align import Align
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rnninspect.formats.page import Page, verdict_style, wrapped
from rnninspect.formats.strip import AS_IT_LIKES, Strip, total_width
from rnninspect.formats.texts import PAD
from rnninspect.results.table import RIGHT_ALIGNED

# Paint at the end of a line.
_PAINT = re.compile(r"\x1b\[[0-9;]*m\Z")
# Longer than any paint.
_LONGEST_PAINT = 40


def draw(strips: Sequence[Strip], over: Container[int], step: int, page: Page) -> list[str]:
    """The lines of a table of these columns.

    over: the rows that stand over a group. step: how far columns give way; where that is not enough, the lines are
    wider than the page, because nothing is cut.
    """
    table = _table(strips, step, page)
    for number, row in enumerate(zip(*(strip.cells for strip in strips), strict=True)):
        texts = (
            # why appended: the style of a text is that of the space beside it too.
            Text().append(cell, verdict_style(cell) if strip.verdict else None)
            for strip, cell in zip(strips, row, strict=True)
        )
        table.add_row(*texts, style="bold" if number in over else None)
    least, most = (total_width(strip.widths[at] for strip in strips) for at in (step, AS_IT_LIKES))
    out = io.StringIO()
    Console(
        file=out,
        width=min(max(page.width, least), most) or 1,
        color_system="256" if page.colour else None,
        force_terminal=page.colour,
        no_color=False,
        legacy_windows=False,
        _environ={},
    ).print(table)
    return [_trimmed(line) for line in out.getvalue().replace(PAD, " ").splitlines()]


def _table(strips: Sequence[Strip], step: int, page: Page) -> Table:
    """The table without rows."""
    table = Table(
        box=box.ASCII2 if page.ascii else box.SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        # why: a piece without totals would end in a rule and the word alone.
        show_footer=any(strip.total for strip in strips if not strip.key),
        header_style="",
        footer_style="bold",
        border_style="dim",
    )
    for strip in strips:
        side: Literal["left", "right"] = "right" if strip.kind in RIGHT_ALIGNED else "left"
        wraps = strip.wraps(step)
        # why not where cells wrap: rich wraps the heading too, once it has chosen the column's width.
        heading = strip.heading if step == AS_IT_LIKES or wraps else _wrapped(strip.heading, strip.widths[step])
        table.add_column(
            Align(Text(heading), side, vertical="bottom"),
            Text(strip.total),
            justify=side,
            no_wrap=not wraps,
            overflow="fold",
        )
    return table


def _wrapped(heading: str, width: int) -> str:
    return "\n".join(piece for line in heading.split("\n") for piece in wrapped(line, width))


def _trimmed(line: str) -> str:
    """`line` without spaces at its end, painted ones too, and without paint on the space between columns."""
    line = line.replace("\x1b[2m \x1b[0m", " ")
    kept, painted = line.rstrip(" "), False
    # why not one expression for all of it: it would begin anew at each of the spaces inside a line, which may be many.
    while paint := _PAINT.search(kept, max(0, len(kept) - _LONGEST_PAINT)):
        kept, painted = kept[: paint.start()].rstrip(" "), True
    return f"{kept}\x1b[0m" if painted else kept
