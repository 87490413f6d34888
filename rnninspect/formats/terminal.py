"""Pages for people, on a terminal or in a pipe; what is no table is drawn in `drawn`.

The widths are worked out here, because rich's own Table shrinks all columns alike and cuts numbers in two.
A table that is too wide gives way in this order, each step only as far as it must:

1. headings wrap at spaces;
2. bars, which only picture another column, are left out;
3. prose wraps at spaces (short texts, numbers and shapes do not);
4. what the rows of a group share moves out of the columns to a line over the group;
5. the table is split into blocks of columns, each led by the columns that say what a row is about;
6. in a block that is still too wide, names break, after `_`, `.` and `/` first; numbers come last.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from math import isfinite
from typing import NamedTuple

from rich.cells import cell_len

from rnninspect.formats.page import Page, at_joints, at_spaces, wrapped
from rnninspect.results.table import Block, Cell, Column, Kind, Table, in_unit

_GAP = "  "
_INDENT = "  "
_PROSE = 24  # a text wider than this is prose, which wraps, but not to less than this
_STUB = 3  # the least of a name to leave on a line
_RIGHT_ALIGNED = {Kind.COUNT, Kind.BYTES, Kind.NUMBER, Kind.PERCENT, Kind.SECONDS, Kind.RATE}
_POINTS_ALIGNED = {Kind.NUMBER, Kind.PERCENT, Kind.SECONDS, Kind.RATE}
_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
_GIGA = ("GFLOP/s", 1e9)
_BAR = 20  # cells of the longest
_EIGHTHS = "▏▎▍▌▋▊▉█"


def render(blocks: Sequence[Block], caption: str, *, width: int | None, colour: bool, ascii: bool = False) -> str:
    """`blocks` one under the other, the notes of each below it, `caption` last.

    width: no line is wider, unless that would cut a number in two; None (a pipe) wraps and splits nothing.
    colour: with False the result has no escape sequence, whatever the tables hold.
    ascii: for a stream that cannot take other characters.
    """
    page = Page(sys.maxsize if width is None else width, colour, ascii)
    sections = [section for block in blocks for section in _sections(block, page)]
    if caption:
        sections.append([page.paint(line, "dim") for line in wrapped(page.plain(caption), page.width)])
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _sections(block: Block, page: Page) -> Iterator[list[str]]:
    """The paragraphs of a block."""
    if not isinstance(block, Table):
        from rnninspect.formats import drawn  # why here: most pages hold tables only

        yield from drawn.sections(block, page)
    else:
        yield from _of_table(block.for_people(), page)


def _of_table(table: Table, page: Page) -> Iterator[list[str]]:
    """The blocks of columns, then the notes."""
    title = page.joined([page.plain(table.subject), page.plain(table.title)])
    grid = _grid(table, page)
    if not grid.strips:
        yield [*page.title(table.subject, table.title), *page.notes(table.notes)]
        return
    blocks = _blocks(grid.strips, page.width)
    for number, strips in enumerate(blocks, start=1):
        which = f" ({number} of {len(blocks)})" if len(blocks) > 1 else ""
        head = [page.paint(line, "bold") for line in wrapped(title + which, page.width)]
        yield head + list(_lines(strips, grid, page))
    if table.notes:
        yield page.notes(table.notes)


# --- values as text ---------------------------------------------------------------------------------------


def _texts(kind: Kind, cells: Sequence[Cell], page: Page) -> list[str]:
    """The cells of one column; in a column of numbers, decimal points stand under each other."""
    texts = [page.plain(_text(kind, cell)) for cell in cells]
    if kind not in _POINTS_ALIGNED or any("e" in text for text in texts):
        return texts
    tails = [len(text) - text.find(".") if "." in text else 0 for text in texts]
    return [text and text + " " * (max(tails) - tail) for text, tail in zip(texts, tails, strict=True)]


def _text(kind: Kind, cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return cell
        case bool():
            return str(cell).lower()
        case int():
            return str(cell) if kind is Kind.TEXT else f"{cell:,}"
        case float():
            return _four_digits(cell)
        case tuple():
            return f"({', '.join(map(str, cell))}{',' if len(cell) == 1 else ''})"


def _four_digits(number: float) -> str:
    """`number` with four significant digits, or with its whole integer part where that has more."""
    if not isfinite(number) or number == 0:
        return f"{number:g}"
    return f"{number:,.0f}" if 999.95 <= abs(number) < 1e15 else f"{number:#.4g}"


def _unit(cells: Iterable[Cell]) -> tuple[str, float]:
    """The unit for all of these times, and its seconds: the least is 1 or more and the largest has four digits.

    Where no unit does both, the one in which the median is 1 or more.
    """
    times = sorted(abs(cell) for cell in cells if isinstance(cell, int | float) and isfinite(cell) and cell)
    if not times:
        return _UNITS[0]
    least, median = (
        next((unit for unit in _UNITS if time >= unit[1]), _UNITS[-1]) for time in (times[0], times[len(times) // 2])
    )
    return least if times[-1] / least[1] < 9999.5 else median


def _bars(cells: Iterable[Cell], ascii: bool) -> list[str]:
    """A bar for each cell, the longest for the largest; what is more than 0 has at least the shortest there is."""
    sizes = [cell if isinstance(cell, int | float) and isfinite(cell) and cell > 0 else 0 for cell in cells]
    largest = max(sizes, default=0) or 1
    parts = 1 if ascii else len(_EIGHTHS)
    bars = []
    for size in sizes:
        whole, rest = divmod(max(round(size / largest * _BAR * parts), size > 0), parts)
        bars.append("#" * whole if ascii else _EIGHTHS[-1] * whole + _EIGHTHS[rest - 1 : rest])
    return bars


# --- a table as strips of text ----------------------------------------------------------------------------


class _Strip(NamedTuple):
    """One column as text.

    key: says what a row is about, so it leads every block.
    widths: what it would like, then the least it needs at each step of giving way: with its heading wrapped,
        with prose wrapped, with names broken at their joints, with names broken anywhere, with digits cut.
    indent: before the heading and the cells, not before the total.
    """

    heading: str
    cells: tuple[str, ...]
    total: str
    kind: Kind
    key: bool
    widths: tuple[int, ...]
    indent: str = ""


_BEFORE_BARS = 1  # the last of those steps that is better than to leave out the bars
_BEFORE_SPLIT = 2  # the last that is better than a split
_BEFORE_DIGITS = 4  # the last that leaves numbers whole


class _Grid(NamedTuple):
    """A table as text. over: by row, the line over it, which starts a group; head: what those lines say."""

    strips: Sequence[_Strip]
    over: Mapping[int, str]
    head: str = ""


def _grid(table: Table, page: Page) -> _Grid:
    columns = table.columns
    about = [index for index, column in enumerate(columns) if column.repeats]
    groups = [tuple(row[index] for index in about) for row in table.rows]
    # why: the weights of one layer share its name, so a block without theirs would be rows of bare numbers.
    names = [i for i, column in enumerate(columns) if column.kind is Kind.TEXT and not column.repeats]
    name = names[0] if names and len(set(groups)) < len(groups) else None

    strips = list(_strips(table, {*about, name}, page))
    if any(strip.kind is Kind.BAR for strip in strips) and not _fits(strips, page.width, _BEFORE_BARS):
        return _grid(table.without_bars(), page)
    if name is None or not about or _fits(strips, page.width):
        starts = [row for row in range(1, len(groups)) if groups[row][:1] != groups[row - 1][:1]]
        # why: where each row is a group of its own, space between all of them would say nothing.
        return _Grid(strips, dict.fromkeys(starts, "") if len(starts) < len(groups) - 1 else {})

    over = {
        row: page.joined(page.plain(_text(columns[index].kind, cell)) for index, cell in zip(about, group, strict=True))
        for row, group in enumerate(groups)
        if row == 0 or group != groups[row - 1]
    }
    total = page.joined(strips[index].total for index in [*about, name])
    named = strips[name]
    lead = _strip(named.heading, named.cells, total, named.kind, key=True, indent=_INDENT)
    rest = [strip for strip in strips if not strip.key]
    return _Grid([lead, *rest], over, page.joined(strips[index].heading for index in about))


def _strips(table: Table, keys: Container[int | None], page: Page) -> Iterator[_Strip]:
    rows = [*_without_repeats(table), table.total or (None,) * len(table.columns)]
    alike = [row[index] for index, column in enumerate(table.columns) if column.same_unit for row in rows]
    for index, column in enumerate(table.columns):
        heading, shown = _shown(column, [row[index] for row in rows], alike, page)
        *cells, last = _texts(column.kind, shown, page)
        yield _strip(page.plain(heading), cells, last, column.kind, key=index in keys)


def _shown(column: Column, cells: list[Cell], alike: Sequence[Cell], page: Page) -> tuple[str, Sequence[Cell]]:
    """A column's heading and its cells, the total last, as a terminal has them: times in a unit, bars as bars.

    alike: the times of all columns that stand in the same unit.
    """
    match column.kind:
        case Kind.SECONDS | Kind.RATE:
            unit, size = _GIGA if column.kind is Kind.RATE else _unit(alike if column.same_unit else cells)
            scaled = [cell / size if isinstance(cell, int | float) else cell for cell in cells]
            return in_unit(column.heading, unit), scaled
        case Kind.BAR:
            # why without the total: every other bar would be short beside it.
            return column.heading, [*_bars(cells[:-1], page.ascii), None]
        case _:
            return column.heading, cells


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


def _strip(heading: str, cells: Sequence[str], total: str, kind: Kind, *, key: bool, indent: str = "") -> _Strip:
    texts = [*cells, total]
    body = _widest(texts)
    head = at_spaces(heading)
    # why: the sizes of a shape stay on one line; the letters of axes may part at a space if they must.
    words = [word for text in texts for word in (at_spaces(text) if any(map(str.isalpha, text)) else [text])]
    narrow_heading = max(body, _widest(head))
    if kind is Kind.TEXT:
        prose = max(_PROSE, _widest([*head, *words]))
        joints = _widest(at_joints([*head, *words]))
        least = [narrow_heading, prose, joints, _STUB, 1]
    else:
        joints = _widest([*at_joints(head), *words])
        least = [narrow_heading, narrow_heading, joints, _widest(words), 1]
    widths = [max(cell_len(heading), body)]
    for step in least:
        widths.append(min(step, widths[-1]))
    return _Strip(
        heading=heading,
        cells=tuple(cells),
        total=total,
        kind=kind,
        key=key,
        widths=tuple(max(1, width) + len(indent) for width in widths),
        indent=indent,
    )


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


# --- widths and blocks ------------------------------------------------------------------------------------


def _fits(strips: Sequence[_Strip], room: int, step: int = _BEFORE_SPLIT) -> bool:
    return _total([strip.widths[step] for strip in strips]) <= room


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * max(0, len(widths) - 1)


def _blocks(strips: Sequence[_Strip], room: int) -> list[list[_Strip]]:
    keys = [strip for strip in strips if strip.key]
    rest = [strip for strip in strips if not strip.key]
    if not rest or _fits(strips, room):
        return [list(strips)]
    # why: with more than two thirds for the keys, a long name would cost a block for every column.
    head = _fitted([strip.widths[: _BEFORE_DIGITS + 1] for strip in keys], 2 * room // 3)
    left = room - _total([*head, 0] if keys else [])
    widths = [strip.widths[_BEFORE_SPLIT] for strip in rest]
    count = len(_packed(widths, left))
    # why: the least room that gives as few blocks spreads the columns evenly over them.
    even = next((less for less in range(1, left) if len(_packed(widths, less)) == count), left)
    return [keys + [rest[index] for index in block] for block in _packed(widths, even)]


def _packed(widths: Sequence[int], room: int) -> list[list[int]]:
    """The indices of `widths` in order, in as few blocks as will do, each within `room` or of one."""
    blocks: list[list[int]] = []
    for index, width in enumerate(widths):
        if blocks and _total([*(widths[other] for other in blocks[-1]), width]) <= room:
            blocks[-1].append(index)
        else:
            blocks.append([index])
    return blocks


def _fitted(columns: Sequence[tuple[int, ...]], room: int) -> list[int]:
    """A width for each column, in `room` together if they can, from the widths each has at every step."""
    widths = [column[0] for column in columns]
    for least in zip(*columns, strict=True):
        if _total(widths) <= room:
            break
        # why: none is wider than the room in the end, and a cell may be a million characters long.
        widths = [max(low, min(width, room)) for low, width in zip(least, widths, strict=True)]
        while _total(widths) > room and widths != list(least):
            widest = max(range(len(widths)), key=lambda i: (widths[i] > least[i], widths[i]))
            widths[widest] -= 1
    return widths


# --- lines ------------------------------------------------------------------------------------------------


def _lines(strips: Sequence[_Strip], grid: _Grid, page: Page) -> Iterator[str]:
    """A block below its title."""
    widths = _fitted([strip.widths for strip in strips], page.width)
    rule = page.rule(_total(widths))
    head = _row_lines(strips, widths, [strip.indent + strip.heading for strip in strips], bottom=True)
    for line in [*wrapped(grid.head, page.width), *head] if grid.head else head:
        yield page.paint(line, "cyan")
    yield rule
    for number, row in enumerate(zip(*(strip.cells for strip in strips), strict=True)):
        if number in grid.over:
            yield from (page.paint(line, "bold") for line in wrapped(grid.over[number], page.width))
        yield from _row_lines(strips, widths, [s.indent + cell for s, cell in zip(strips, row, strict=True)])
    # why: a block of columns without totals would end in a rule and the word alone.
    if any(strip.total for strip in strips if not strip.key):
        yield rule
        for line in _row_lines(strips, widths, [strip.total for strip in strips]):
            yield page.paint(line, "bold")


def _row_lines(
    strips: Sequence[_Strip], widths: Sequence[int], cells: Sequence[str], *, bottom: bool = False
) -> Iterator[str]:
    columns = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    if bottom:
        height = max(map(len, columns), default=0)
        columns = [[""] * (height - len(column)) + column for column in columns]
    for texts in zip_longest(*columns, fillvalue=""):
        row = zip(strips, widths, texts, strict=True)
        yield _GAP.join(_padded(text, width, strip.kind) for strip, width, text in row).rstrip()


def _padded(text: str, width: int, kind: Kind) -> str:
    space = " " * (width - cell_len(text))
    return space + text if kind in _RIGHT_ALIGNED else text + space
