"""Pages for people, on a terminal or in a pipe; what is no table is drawn in `drawn`.

The tables are rich's. What is chosen here is which columns stand together, because rich shrinks all columns alike and
cuts numbers in two. A table that is too wide gives way in this order:

1. headings wrap at spaces;
2. bars, which only picture another column, are left out;
3. prose wraps;
4. what the rows of a group share moves out of the columns to a row over the group;
5. the table is split: between groups of columns first, and each piece is led by the columns that name its rows, of
   which those are left out that say nothing in it;
6. in a piece that is still too wide names break. Numbers and shapes never do: such a line is too long.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

from rnninspect.formats.page import DOUBTFUL, Page, verdict_style, wrapped
from rnninspect.formats.strip import HEADING_WRAPPED, NAMES_BROKEN, PROSE_WRAPPED, Strip, total_width
from rnninspect.formats.texts import table_texts, text_of
from rnninspect.results.table import Answer, Block, Cell, Kind, Picture, Table

_INDENT = "  "


def render(
    blocks: Sequence[Block],
    caption: str,
    *,
    width: int | None,
    colour: bool,
    ascii: bool = False,
    answer: Answer | None = None,
) -> str:
    """`blocks` one under the other, the notes of each below it, `caption`, and what it comes to last.

    width: no line is wider, unless that would cut a number in two; None (a pipe) wraps and splits nothing.
    colour: with False the result has no escape sequence, whatever the tables hold.
    ascii: for a stream that cannot take other characters.
    """
    page = Page(sys.maxsize if width is None else width, colour, ascii)
    sections = [section for block in blocks for section in _sections(block, page)]
    if caption:
        sections.append([_caption(line, page) for line in wrapped(page.plain(caption), page.width)])
    if answer is not None:
        sections.append(_answer(answer, page))
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _answer(answer: Answer, page: Page) -> list[str]:
    text, command = page.plain(answer.sentence), page.plain(answer.command)
    lines = [f"{text} {command}".rstrip()]
    if cell_len(lines[0]) > page.width:
        lines = [*wrapped(text, page.width, hang=_INDENT), *filter(None, [_INDENT + command if command else ""])]
    style = verdict_style(answer.verdict)
    return [page.paint(line, style) for line in lines]


def _caption(line: str, page: Page) -> str:
    """A line of the caption, dim but for what torch said of the plan."""
    first, dot, rest = line.partition(page.plain(" · "))
    style = verdict_style(first)
    return page.paint(first, style) + page.paint(dot + rest, "dim") if style else page.paint(line, "dim")


def one_line(text: str, *, width: int, colour: bool, ascii: bool, doubtful: bool = False) -> str:
    """A caption that never wraps: it is cut where the line ends. doubtful: torch has not said what it stands for."""
    page = Page(width, colour, ascii)
    plain = page.plain(text)
    if cell_len(plain) >= width:
        # why one column less: some terminals begin a new line as soon as the last one is taken.
        dots = page.plain("…")
        plain = chop_cells(plain, max(1, width - 1 - cell_len(dots)))[0] + dots
    return page.paint(plain, DOUBTFUL) if doubtful else _caption(plain, page)


def _sections(block: Block, page: Page) -> Iterator[list[str]]:
    """The paragraphs of a block; of a picture there are none."""
    if isinstance(block, Picture):
        return
    if not isinstance(block, Table):
        from rnninspect.formats import drawn  # why here: most pages hold tables only

        yield from drawn.sections(block, page)
    else:
        yield from _of_table(block.for_people(), page)


def _of_table(table: Table, page: Page) -> Iterator[list[str]]:
    """The pieces of the table, then the notes."""
    title = page.joined([page.plain(table.subject), page.plain(table.title)])
    grid = _grid(table, page)
    if not grid.strips:
        yield [*page.title(table.subject, table.title), *page.notes(table.notes)]
        return
    pieces = _pieces(grid.strips, page.width)
    for number, strips in enumerate(pieces, start=1):
        which = f" ({number} of {len(pieces)})" if len(pieces) > 1 else ""
        head = [page.paint(line, "bold") for line in wrapped(title + which, page.width)]
        shown, over = _telling(strips, grid.over) if which and grid.led else (strips, grid.over)
        foot = wrapped(page.plain(table.foot), page.width) if table.foot and number == len(pieces) else []
        yield head + _lines(shown, over, page) + foot
    if table.notes:
        yield page.notes(table.notes)


# --- a table as columns of text ---------------------------------------------------------------------------


class _Grid(NamedTuple):
    """A table as text.

    over: the rows that are no data: what is said over a group, or nothing between two.
    led: it is said over the groups what they are about, so that each row has its own name first.
    """

    strips: Sequence[Strip]
    over: Container[int] = ()
    led: bool = False


def _grid(table: Table, page: Page) -> _Grid:
    columns = table.columns
    about = [index for index, column in enumerate(columns) if column.repeats]
    groups = [tuple(row[index] for index in about) for row in table.rows]
    # why: the weights of one layer share its name, so a piece without theirs would be rows of bare numbers.
    names = [i for i, column in enumerate(columns) if column.kind is Kind.TEXT and not column.repeats]
    name = names[0] if names and len(set(groups)) < len(groups) else None

    strips = list(_strips(table, {*about, name}, page))
    if any(strip.kind is Kind.BAR for strip in strips) and not _fits(strips, page.width, HEADING_WRAPPED):
        return _grid(table.without_bars(), page)
    if name is None or not about or _fits(strips, page.width):
        starts = [row for row in range(1, len(groups)) if groups[row][:1] != groups[row - 1][:1]]
        # why: where each row is a group of its own, space between all of them would say nothing.
        return _with_rows(strips, dict.fromkeys(starts, "") if len(starts) < len(groups) - 1 else {})

    kinds = [columns[index].kind for index in about]
    over = {
        row: page.joined(page.plain(text_of(*pair)) for pair in zip(kinds, group, strict=True))
        for row, group in enumerate(groups)
        if row == 0 or group != groups[row - 1]
    }
    named = strips[name]
    lead = replace(
        named,
        heading=f"{page.joined(strips[index].heading for index in about)}\n{_INDENT}{named.heading}",
        cells=tuple(_INDENT + cell for cell in named.cells),
        total=page.joined(strips[index].total for index in [*about, name]),
    )
    return _with_rows([lead, *(strip for strip in strips if not strip.key)], over)._replace(led=True)


def _with_rows(strips: Sequence[Strip], over: Mapping[int, str]) -> _Grid:
    """The columns with a row before each of these, whose text stands in the first column."""
    if not over:
        return _Grid(strips)
    starts = {row + earlier for earlier, row in enumerate(over)}
    texts = [over, *[dict.fromkeys(over, "")] * (len(strips) - 1)]
    return _Grid(
        [replace(strip, cells=tuple(_between(strip.cells, rows))) for strip, rows in zip(strips, texts, strict=True)],
        starts,
    )


def _between(cells: Sequence[str], rows: Mapping[int, str]) -> Iterator[str]:
    for number, cell in enumerate(cells):
        if number in rows:
            yield rows[number]
        yield cell


def _strips(table: Table, keys: Container[int | None], page: Page) -> Iterator[Strip]:
    texts = table_texts(table._replace(rows=tuple(_without_repeats(table))), page)
    for index, (column, (heading, (*cells, total))) in enumerate(zip(table.columns, texts, strict=True)):
        yield Strip(
            heading=heading,
            cells=tuple(cells),
            total=total,
            kind=column.kind,
            key=index in keys,
            group=column.group,
            verdict=column.verdict,
        )


def _without_repeats(table: Table) -> Iterator[tuple[Cell, ...]]:
    """The rows, with None for what the row above already says."""
    above: tuple[Cell, ...] | None = None
    for row in table.rows:
        same = above is not None
        cells: list[Cell] = []
        for column, cell, over in zip(table.columns, row, above or row, strict=True):
            if column.repeats:
                same = same and cell == over
            cells.append(None if column.repeats and same else cell)
        yield tuple(cells)
        above = row


# --- which columns stand together -------------------------------------------------------------------------


def _fits(strips: Sequence[Strip], room: int, step: int = PROSE_WRAPPED) -> bool:
    return total_width(strip.widths[step] for strip in strips) <= room


def _pieces(strips: Sequence[Strip], room: int) -> list[list[Strip]]:
    """The columns in order, those of a group together where they fit, each piece led by the keys."""
    keys = [strip for strip in strips if strip.key]
    rest = [strip for strip in strips if not strip.key]
    if not rest or _fits(strips, room):
        return [list(strips)]
    left = room - total_width([total_width(strip.widths[PROSE_WRAPPED] for strip in keys), 0])
    # why: where the names take all the room, they break rather than to cost a piece for every column.
    left = max(left, room // 3)
    units: list[list[Strip]] = []
    for group, members in groupby(rest, lambda strip: strip.group):
        together = list(members)
        units += [together] if group and _fits(together, left) else [[strip] for strip in together]
    return [keys + [strip for unit in piece for strip in unit] for piece in _spread(units, left)]


def _spread(units: Sequence[list[Strip]], room: int) -> list[list[list[Strip]]]:
    """The units in as few pieces as will do, and about as wide as each other."""
    widths = [total_width(strip.widths[PROSE_WRAPPED] for strip in unit) for unit in units]
    count = len(_packed(widths, room))
    even = next((less for less in range(1, room) if len(_packed(widths, less)) == count), room)
    return [[units[index] for index in piece] for piece in _packed(widths, even)]


def _telling(strips: Sequence[Strip], over: Container[int]) -> tuple[list[Strip], set[int]]:
    """A piece without the rows that it says nothing of, and which of those that are left stand over others."""
    kept: list[int] = []
    for row in reversed(range(len(strips[0].cells))):
        has_text = any(strip.cells[row] for strip in strips if not strip.key)
        if has_text or (row in over and kept and kept[-1] not in over):
            kept.append(row)
    kept.reverse()
    left = [replace(strip, cells=tuple(strip.cells[row] for row in kept)) for strip in strips]
    return left, {place for place, row in enumerate(kept) if row in over}


def _packed(widths: Sequence[int], room: int) -> list[list[int]]:
    """The indices of `widths` in order, in as few pieces as will do, each within `room` or of one."""
    pieces: list[list[int]] = []
    for index, width in enumerate(widths):
        if pieces and total_width([*(widths[other] for other in pieces[-1]), width]) <= room:
            pieces[-1].append(index)
        else:
            pieces.append([index])
    return pieces


def _lines(strips: Sequence[Strip], over: Container[int], page: Page) -> list[str]:
    """A piece of a table below its title, in the least steps of giving way that do."""
    from rnninspect.formats.rich_table import draw  # why here: rich's tables take 50 ms to import

    step = next((step for step in range(NAMES_BROKEN) if _fits(strips, page.width, step)), NAMES_BROKEN)
    return draw(strips, over, step, page)
