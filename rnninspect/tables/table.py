"""A table before it is text: typed columns over raw values, which `formats` turns into text."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

Cell = int | float | str | tuple[str | int, ...] | None


class Kind(Enum):
    """What a column holds, and so how each format writes it."""

    TEXT = "text"
    COUNT = "count"  # an exact integer
    BYTES = "bytes"  # an exact integer, in bytes
    NUMBER = "number"  # a float, four significant digits in a terminal, raw elsewhere
    SHAPE = "shape"  # a tuple: sizes, or the letters of axes


class Column(NamedTuple):
    """One column. `key` is its name in CSV; a `repeats` column says which thing a row is about.

    for_scripts: what a reader of the terminal sees from the other columns; only CSV has it.
    """

    key: str
    heading: str
    kind: Kind = Kind.TEXT
    repeats: bool = False
    for_scripts: bool = False


class Table(NamedTuple):
    """Rows of raw values about one model.

    title: what the table shows ("weights"); tables of one title have the same columns.
    subject: the model's name.
    rows: as many cells as columns each; None is "does not apply" and prints as nothing.
    total: a closing row, left out of CSV.
    notes: sentences under the table.
    summary: it only adds up what other tables hold, so CSV leaves it out.
    """

    title: str
    subject: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    notes: tuple[str, ...] = ()
    summary: bool = False

    def for_people(self) -> Table:
        """The table without the columns that are for scripts."""
        kept = [k for k, column in enumerate(self.columns) if not column.for_scripts]
        rows = tuple(tuple(row[k] for k in kept) for row in self.rows)
        total = self.total and tuple(self.total[k] for k in kept)
        return self._replace(columns=tuple(self.columns[k] for k in kept), rows=rows, total=total)
