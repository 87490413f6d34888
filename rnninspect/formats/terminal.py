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

import io
import re
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Literal, NamedTuple

from rich.cells import cell_len, chop_cells

from rnninspect.formats.page import DOUBTFUL, Page, at_spaces, verdict_style, wrapped
from rnninspect.formats.texts import PAD, column_texts, text_of
from rnninspect.results.table import RIGHT_ALIGNED, Block, Cell, Kind, Table

_GAP = 2
_INDENT = "  "
_PROSE = 24  # a text wider than this is prose, which wraps, but not to less than this
_STUB = 3  # the least of a name to leave on a line
_TRAIL = re.compile(r"(?:\x1b\[[0-9;]*m| )+$")


def render(blocks: Sequence[Block], caption: str, *, width: int | None, colour: bool, ascii: bool = False) -> str:
    """`blocks` one under the other, the notes of each below it, `caption` last.

    width: no line is wider, unless that would cut a number in two; None (a pipe) wraps and splits nothing.
    colour: with False the result has no escape sequence, whatever the tables hold.
    ascii: for a stream that cannot take other characters.
    """
    page = Page(sys.maxsize if width is None else width, colour, ascii)
    sections = [section for block in blocks for section in _sections(block, page)]
    if caption:
        sections.append([_caption(line, page) for line in wrapped(page.plain(caption), page.width)])
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _caption(line: str, page: Page) -> str:
    """A line of the caption, dim but for what torch said of the plan, or that it has not."""
    first, dot, rest = line.partition(page.plain(" · "))
    if rest.startswith("not proven"):
        return page.paint(line, DOUBTFUL)
    style = verdict_style(first)
    return page.paint(first, style) + page.paint(dot + rest, "dim") if style else page.paint(line, "dim")


def one_line(text: str, *, width: int, colour: bool, ascii: bool) -> str:
    """A caption that never wraps: it is cut where the line ends."""
    page = Page(width, colour, ascii)
    plain = page.plain(text)
    if cell_len(plain) >= width:
        # why one column less: some terminals begin a new line as soon as the last one is taken.
        dots = page.plain("…")
        plain = chop_cells(plain, max(1, width - 1 - cell_len(dots)))[0] + dots
    return _caption(plain, page)


def _sections(block: Block, page: Page) -> Iterator[list[str]]:
    """The paragraphs of a block."""
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


@dataclass(frozen=True, kw_only=True)
class _Strip:
    """One column as text.

    key: says what a row is about, so it leads every piece.
    group: what it is one of; such columns stay together.
    verdict: see Column.
    """

    heading: str
    cells: tuple[str, ...]
    total: str
    kind: Kind
    key: bool
    group: str
    verdict: bool

    @cached_property
    def widths(self) -> tuple[int, int, int, int]:
        """What it would like, then the least it needs: heading wrapped, prose wrapped too, names broken too."""
        texts = [*self.cells, self.total]
        words = at_spaces(self.heading)
        wide, narrow = _widest([self.heading, *texts]), _widest([*words, *texts])
        if self.kind is not Kind.TEXT:
            return wide, narrow, narrow, narrow
        prose = max(_PROSE, _widest(words), _widest(word for text in texts for word in at_spaces(text)))
        return wide, narrow, min(narrow, prose), min(narrow, _STUB)


_BEFORE_BARS = 1  # the last of those steps that is better than to leave out the bars
_BEFORE_SPLIT = 2  # the last that is better than a split


class _Grid(NamedTuple):
    """A table as text.

    over: the rows that are no data: what is said over a group, or nothing between two.
    led: it is said over the groups what they are about, so that each row has its own name first.
    """

    strips: Sequence[_Strip]
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
    if any(strip.kind is Kind.BAR for strip in strips) and not _fits(strips, page.width, _BEFORE_BARS):
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


def _with_rows(strips: Sequence[_Strip], over: Mapping[int, str]) -> _Grid:
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


def _strips(table: Table, keys: Container[int | None], page: Page) -> Iterator[_Strip]:
    rows = [*_without_repeats(table), table.total or (None,) * len(table.columns)]
    times = [k for k, column in enumerate(table.columns) if column.same_unit and column.kind is Kind.SECONDS]
    alike = [row[index] for index in times for row in rows]
    for index, column in enumerate(table.columns):
        heading, (*cells, total) = column_texts(column, [row[index] for row in rows], alike, page)
        yield _Strip(
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


def _widest(texts: Iterable[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)


# --- which columns stand together -------------------------------------------------------------------------


def _fits(strips: Sequence[_Strip], room: int, step: int = _BEFORE_SPLIT) -> bool:
    return _total(strip.widths[step] for strip in strips) <= room


def _total(widths: Iterable[int]) -> int:
    """The width of a table of such columns."""
    return max(0, sum(width + _GAP for width in widths) - _GAP)


def _pieces(strips: Sequence[_Strip], room: int) -> list[list[_Strip]]:
    """The columns in order, those of a group together where they fit, each piece led by the keys."""
    keys = [strip for strip in strips if strip.key]
    rest = [strip for strip in strips if not strip.key]
    if not rest or _fits(strips, room):
        return [list(strips)]
    left = room - _total([_total(strip.widths[_BEFORE_SPLIT] for strip in keys), 0])
    # why: where the names take all the room, they break rather than to cost a piece for every column.
    left = max(left, room // 3)
    units: list[list[_Strip]] = []
    for group, members in groupby(rest, lambda strip: strip.group):
        together = list(members)
        units += [together] if group and _fits(together, left) else [[strip] for strip in together]
    return [keys + [strip for unit in piece for strip in unit] for piece in _spread(units, left)]


def _spread(units: Sequence[list[_Strip]], room: int) -> list[list[list[_Strip]]]:
    """The units in as few pieces as will do, and about as wide as each other."""
    widths = [_total(strip.widths[_BEFORE_SPLIT] for strip in unit) for unit in units]
    count = len(_packed(widths, room))
    even = next((less for less in range(1, room) if len(_packed(widths, less)) == count), room)
    return [[units[index] for index in piece] for piece in _packed(widths, even)]


def _telling(strips: Sequence[_Strip], over: Container[int]) -> tuple[list[_Strip], set[int]]:
    """A piece without the rows that it says nothing of, and which of those that are left stand over others."""
    kept: list[int] = []
    for row in reversed(range(len(strips[0].cells))):
        told = any(strip.cells[row] for strip in strips if not strip.key)
        if told or (row in over and kept and kept[-1] not in over):
            kept.append(row)
    kept.reverse()
    left = [replace(strip, cells=tuple(strip.cells[row] for row in kept)) for strip in strips]
    return left, {place for place, row in enumerate(kept) if row in over}


def _packed(widths: Sequence[int], room: int) -> list[list[int]]:
    """The indices of `widths` in order, in as few pieces as will do, each within `room` or of one."""
    pieces: list[list[int]] = []
    for index, width in enumerate(widths):
        if pieces and _total([*(widths[other] for other in pieces[-1]), width]) <= room:
            pieces[-1].append(index)
        else:
            pieces.append([index])
    return pieces


# --- a piece as rich's table ------------------------------------------------------------------------------


def _lines(strips: Sequence[_Strip], over: Container[int], page: Page) -> list[str]:
    """A piece of a table below its title, as rich draws it."""
    from rich import box  # why here: rich's tables take 50 ms to import
    from rich.align import Align
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    step = next((step for step in range(3) if _fits(strips, page.width, step)), 3)
    least = _total(strip.widths[step] for strip in strips)
    # why: a piece without totals would end in a rule and the word alone.
    totals = any(strip.total for strip in strips if not strip.key)
    drawn = RichTable(
        box=box.ASCII2 if page.ascii else box.SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        show_footer=totals,
        header_style="",
        footer_style="bold",
        border_style="dim",
    )
    for strip in strips:
        side: Literal["left", "right"] = "right" if strip.kind in RIGHT_ALIGNED else "left"
        wraps = _wraps(strip, step)
        # why not where cells wrap: rich wraps the heading too, once it has chosen the column's width.
        heading = strip.heading if step == 0 or wraps else _wrapped(strip.heading, strip.widths[step])
        drawn.add_column(
            Align(Text(heading), side, vertical="bottom"),
            Text(strip.total),
            justify=side,
            no_wrap=not wraps,
            overflow="fold",
        )
    for number, row in enumerate(zip(*(strip.cells for strip in strips), strict=True)):
        texts = (
            # why appended: the style of a text is that of the space beside it too.
            Text().append(cell, verdict_style(cell) if strip.verdict else None)
            for strip, cell in zip(strips, row, strict=True)
        )
        drawn.add_row(*texts, style="bold" if number in over else None)
    out = io.StringIO()
    console = Console(
        file=out,
        width=min(max(page.width, least), _total(strip.widths[0] for strip in strips)) or 1,
        color_system="256" if page.colour else None,
        force_terminal=page.colour,
        no_color=False,
        legacy_windows=False,
        _environ={},
    )
    console.print(drawn)
    return [_trimmed(line) for line in out.getvalue().replace(PAD, " ").splitlines()]


def _trimmed(line: str) -> str:
    """`line` without spaces at its end, painted ones too, and without paint on the space between columns."""
    line = line.replace("\x1b[2m \x1b[0m", " ")
    return _TRAIL.sub(lambda trail: "\x1b[0m" if "\x1b" in trail[0] else "", line)


def _wrapped(heading: str, width: int) -> str:
    return "\n".join(piece for line in heading.split("\n") for piece in wrapped(line, width))


def _wraps(strip: _Strip, step: int) -> bool:
    """Whether rich may wrap the cells: prose where the headings' wrapping is not enough, any text at the last step."""
    prose, name = strip.widths[2] < strip.widths[1], strip.kind is Kind.TEXT
    return prose if step == _BEFORE_SPLIT else name and step > _BEFORE_SPLIT
