"""The values of a column as people read them: counts with separators, four digits, one unit for a column, bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite

from rnninspect.formats.page import Page
from rnninspect.letters import tuple_text
from rnninspect.results.table import POWERS, TIME_UNITS, Cell, Column, Kind, Table, in_unit, time_unit

_POINTS_ALIGNED = {Kind.NUMBER, Kind.PERCENT, Kind.SECONDS, Kind.RATE}
_GIGA = ("GFLOP/s", 1e9)
PAD = "\ue000"  # why no space: rich takes those at the end of a cell away; nothing else that is printed has this one
_BAR = 20  # cells of the longest
_EIGHTHS = "▏▎▍▌▋▊▉█"


def table_texts(table: Table, page: Page) -> Iterator[tuple[str, list[str]]]:
    """Each column's heading and its cells, the total last."""
    rows = [*table.rows, table.total or (None,) * len(table.columns)]
    times = [k for k, column in enumerate(table.columns) if column.same_unit and column.kind is Kind.SECONDS]
    alike = [row[k] for k in times for row in rows]
    for k, column in enumerate(table.columns):
        yield _column_texts(column, [row[k] for row in rows], alike, page)


def _column_texts(column: Column, cells: Sequence[Cell], alike: Sequence[Cell], page: Page) -> tuple[str, list[str]]:
    """A column's heading and its cells, the total last: times in a unit, bars as bars, decimal points aligned.

    alike: the times of all columns that stand in the same unit.
    """
    heading, cells = _scaled(column, cells, alike, page)
    texts = [page.plain(text_of(column.kind, cell)) for cell in cells]
    if column.kind in _POINTS_ALIGNED and not any("e" in text for text in texts):
        tails = [len(text) - text.find(".") if "." in text else 0 for text in texts]
        texts = [text and text + PAD * (max(tails) - tail) for text, tail in zip(texts, tails, strict=True)]
    return page.plain(heading), texts


def _scaled(column: Column, cells: Sequence[Cell], alike: Sequence[Cell], page: Page) -> tuple[str, Sequence[Cell]]:
    match column.kind:
        case Kind.SECONDS | Kind.RATE:
            unit, size = _GIGA if column.kind is Kind.RATE else _unit(alike if column.same_unit else cells)
            scaled = [cell / size if isinstance(cell, int | float) else cell for cell in cells]
            return in_unit(column.heading, unit), scaled
        case Kind.SHORT:
            return column.heading, _short(cells)
        case Kind.SHARE:
            return column.heading, [cell if cell is None else _one_decimal(cell) for cell in cells]
        case Kind.BAR:
            # why without the total: every other bar would be short beside it.
            return column.heading, [*_bars(cells[:-1], page.ascii), None]
        case _:
            return column.heading, cells


def text_of(kind: Kind, cell: Cell) -> str:
    """One value."""
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
            return _two_digits(cell) if kind is Kind.PERCENT else _four_digits(cell)
        case tuple():
            # why: several names, as of what a layer reads, are a list in a document; axes are a tuple.
            names = kind is not Kind.SHAPE and any(isinstance(part, str) for part in cell)
            return f"[{', '.join(map(str, cell))}]" if names else tuple_text(cell)


def _four_digits(number: float) -> str:
    """`number` with four significant digits, or with its whole integer part where that has more."""
    if not isfinite(number) or number == 0:
        return f"{number:g}"
    return f"{number:,.0f}" if 999.95 <= abs(number) < 1e15 else f"{number:#.4g}"


def _two_digits(number: float) -> str:
    """`number` with two significant digits, or with its whole integer part: 0.41, 2.3, 12, 120."""
    return f"{number:.0f}" if abs(number) >= 9.95 else f"{number:.2g}"


def _unit(cells: Iterable[Cell]) -> tuple[str, float]:
    """The unit for all of these times, and its seconds: the least is 1 or more and the largest has four digits.

    Where no unit does both, the one in which the median is 1 or more.
    """
    times = sorted(abs(cell) for cell in cells if isinstance(cell, int | float) and isfinite(cell) and cell)
    if not times:
        return TIME_UNITS[0]
    least, median = time_unit(times[0]), time_unit(times[len(times) // 2])
    return least if times[-1] / least[1] < 9999.5 else median


def _short(cells: Sequence[Cell]) -> list[Cell]:
    """Integers in one unit, that of the largest."""
    largest = max((cell for cell in cells if isinstance(cell, int)), default=0)
    size, letter = next((power for power in POWERS if largest >= power[0]), (1.0, ""))
    if not letter:
        return list(cells)
    return [f"{_one_decimal(cell / size)} {letter}" if isinstance(cell, int) and cell else cell for cell in cells]


def _one_decimal(number: Cell) -> str:
    """One decimal, and never 0.0 of what is not 0."""
    if not isinstance(number, int | float):
        return str(number)
    return "< 0.1" if 0 < number < 0.05 else f"{number:,.1f}"


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
