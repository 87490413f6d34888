"""A page before it is text: tables of typed columns over raw values, formulas, figures and charts.

`formats` turns them into text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rnninspect.markup import Markup

# So many layers are named in a sentence of a page.
MOST_NAMED = 6
# The subject of what is about several models.
SEVERAL = "all"

Cell = int | float | str | tuple[str | int, ...] | None


class Kind(Enum):
    """What a column holds, and so how each format writes it."""

    TEXT = "text"
    COUNT = "count"  # an exact integer
    BYTES = "bytes"  # an exact integer, in bytes
    SHORT = "short"  # an exact integer, which people see short, in one unit for the whole column: 128.0 M
    NUMBER = "number"  # a float, four significant digits in a terminal, raw elsewhere
    PERCENT = "percent"  # how sure, in %: two digits in a terminal; of one beyond 100 people see no more than that
    SHARE = "share"  # a float in % of the same whole as the rest of the column, to one decimal
    SHAPE = "shape"  # a tuple: sizes, or the letters of axes
    SYMBOL = "symbol"  # a name as equations write it: W_ii, h_{t-1}
    SECONDS = "seconds"  # a time in seconds; people see it in one unit for the whole column
    RATE = "rate"  # FLOP/s; people see GFLOP/s
    BAR = "bar"  # a float >= 0, drawn relative to the column's largest: a picture of another column, for terminals only


# What is compared digit by digit, so that its digits stand under each other.
RIGHT_ALIGNED = {Kind.COUNT, Kind.BYTES, Kind.SHORT, Kind.SHARE, Kind.NUMBER, Kind.PERCENT, Kind.SECONDS, Kind.RATE}


class Column(NamedTuple):
    """One column. `key` is its name in CSV; a `repeats` column says which thing a row is about.

    for_scripts: what a reader of the terminal sees from the other columns; only CSV has it.
    for_eyes: what scripts have in other columns; CSV leaves it out.
    same_unit: all such times of a table stand in one unit, as they are to be compared.
    nothing: what people see in place of None.
    group: what it is one of ("backward"); a table too wide for a terminal is split between groups.
    verdict: it holds verdicts, which a terminal paints by their words.
    """

    key: str
    heading: str
    kind: Kind = Kind.TEXT
    repeats: bool = False
    for_scripts: bool = False
    for_eyes: bool = False
    same_unit: bool = False
    nothing: str | None = None
    group: str = ""
    verdict: bool = False


class Table(NamedTuple):
    """Rows of raw values about one model.

    title: what the table shows ("weights"); tables of one title have the same columns.
    subject: the model's name.
    rows: as many cells as columns each; None is "does not apply" and prints as nothing.
    total: a closing row, left out of CSV.
    notes: sentences under the table.
    foot: a line of its totals in words, right below it.
    section: the part of the model that it is about, whose name its title begins with: a page's heading, as of all
    blocks.
    summary: it only adds up what other tables hold, so CSV leaves it out.
    shown: the rows that people are shown, where there are too many to read; scripts get all.
    """

    title: str
    subject: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    notes: tuple[str, ...] = ()
    summary: bool = False
    shown: tuple[int, ...] | None = None
    foot: str = ""
    section: str = ""

    def for_people(self) -> Table:
        """The columns and rows for people, with words for what is not there and no percentage that means nothing."""
        rows = self.rows if self.shown is None else tuple(self.rows[k] for k in self.shown)
        if any(column.nothing or column.kind is Kind.PERCENT for column in self.columns):
            rows = tuple(tuple(map(_for_people, self.columns, row)) for row in rows)
        kept = [k for k, column in enumerate(self.columns) if not column.for_scripts]
        return self._replace(rows=rows, shown=None)._of(kept)

    def for_scripts(self) -> Table:
        """All rows, without pictures, and without what is for eyes alone."""
        bars = self.without_bars()
        return bars._of([k for k, column in enumerate(bars.columns) if not column.for_eyes])

    def without_bars(self) -> Table:
        """The table without its pictures."""
        return self._of([k for k, column in enumerate(self.columns) if column.kind is not Kind.BAR])

    def on_paper(self) -> Table:
        """The table for people where numbers stay raw: without pictures, and with the unit of times in headings."""
        table = self.for_people().without_bars()
        notes = (table.foot, *table.notes) if table.foot else table.notes
        return table._replace(columns=tuple(map(_with_unit, table.columns)), notes=notes, foot="")

    def without(self, keys: Collection[str]) -> Table:
        """The table without the columns of these keys."""
        return self._of([k for k, column in enumerate(self.columns) if column.key not in keys])

    def _of(self, kept: Sequence[int]) -> Table:
        """The table of these columns alone."""
        rows = tuple(tuple(row[k] for k in kept) for row in self.rows)
        total = self.total and tuple(self.total[k] for k in kept)
        return self._replace(columns=tuple(self.columns[k] for k in kept), rows=rows, total=total)


def total_row(columns: Sequence[Column], **cells: Cell) -> tuple[Cell, ...]:
    """A closing row: these cells by the keys of their columns, nothing in the others."""
    return tuple(cells.get(column.key) for column in columns)


def _for_people(column: Column, cell: Cell) -> Cell:
    if cell is None:
        return column.nothing or None
    return "> 100" if column.kind is Kind.PERCENT and isinstance(cell, int | float) and cell > 100 else cell


def in_unit(heading: str, unit: str) -> str:
    """The heading of a column in a unit: `median, ms`."""
    return f"{heading}, {unit}" if heading else unit


# From the largest, each with its letter.
POWERS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
# From the largest, each with its seconds.
TIME_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit in which a time is 1 or more, and its seconds; the least unit where there is none."""
    return next((unit for unit in TIME_UNITS if seconds >= unit[1]), TIME_UNITS[-1])


def short_time(seconds: float) -> str:
    """`305 ms`."""
    unit, size = time_unit(seconds)
    return f"{seconds / size:.3g} {unit}"


_UNITS = {Kind.SECONDS: "s", Kind.RATE: "FLOP/s"}


def _with_unit(column: Column) -> Column:
    unit = _UNITS.get(column.kind)
    return column if unit is None else column._replace(heading=in_unit(column.heading, unit))


class Formula(NamedTuple):
    """One equation: `text` as a terminal shows it, the sizes of every term under it, and both in LaTeX and MathML.

    mathml, mathml_sizes: None where pages need none of it.
    """

    text: str
    sizes: str
    latex: str
    latex_sizes: str
    mathml: Markup | None = None
    mathml_sizes: Markup | None = None


class Formulas(NamedTuple):
    """Equations, in the order they are computed. notes: sentences under them."""

    title: str
    subject: str
    items: tuple[Formula, ...]
    notes: tuple[str, ...] = ()
    section: str = ""


class Drawing(NamedTuple):
    """A picture drawn with characters, printed line by line as it is; scripts have no use for it."""

    title: str
    subject: str
    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    section: str = ""


class Code(NamedTuple):
    """Lines of Python, to be copied, or of another language; scripts have no use for them."""

    title: str
    subject: str
    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    language: str = "python"
    section: str = ""


class Picture(NamedTuple):
    """A picture in SVG, which pages alone show. style: what its classes mean, once for all that share it."""

    title: str
    subject: str
    svg: Markup
    style: str = ""
    notes: tuple[str, ...] = ()
    section: str = ""


class Series(NamedTuple):
    """One line of a chart: points (x, y) in the order of x; y None where there is none.

    limits: the name of the series whose limit it is.
    For pictures: halves: by point, half of y's interval, None where it is not known; unsure: the points to be
    doubted, by number.
    """

    name: str
    points: tuple[tuple[float, float | None], ...]
    halves: tuple[float | None, ...] = ()
    unsure: tuple[int, ...] = ()
    limits: str | None = None


def about_bars(series: Sequence[Series]) -> str:
    """What the error bars of sequences are, "" where there are none."""
    bars = any(half is not None for one in series for half in one.halves)
    return "bars: 95 % interval, from sequence to sequence" if bars else ""


class Chart(NamedTuple):
    """Series over a common axis. log: the axis of y is logarithmic, and only values > 0 have a place on it.

    log_x: so is the axis of x.
    about: what it was measured on, which a page says elsewhere; doubt: what is to be said of points to doubt.
    """

    title: str
    subject: str
    x: str
    y: str
    series: tuple[Series, ...]
    log: bool = False
    notes: tuple[str, ...] = ()
    log_x: bool = False
    about: str = ""
    doubt: str = ""
    section: str = ""


class Answer(NamedTuple):
    """What all of a page comes to: its last line, and the first where it is read among others.

    verdict: the word whose colour it has. remedy, command: "accept with:" and what to type for it, which is never
    broken, so that it can be copied.
    """

    text: str
    verdict: str
    remedy: str = ""
    command: str = ""

    @property
    def sentence(self) -> str:
        """All of it but the command."""
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


Block = Table | Formulas | Drawing | Code | Picture | Chart
