"""CSV for scripts and spreadsheets: RFC 4180 quoting, raw numbers, one line per row.

Where the choice is ours:
- lines end in a newline alone, as `diff`, `awk` and git want them; spreadsheets take it too;
- a shape is `[20 32 300]`: without a comma `cut -d,` works, and the brackets keep a spreadsheet from reading
  a number, a fraction or a date into it; `cell[1:-1].split()` parses it;
- a text that a spreadsheet would run as a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from rnninspect.errors import printable
from rnninspect.results.table import Block, Cell, Table

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render(blocks: Sequence[Block]) -> str:
    """The tables as CSV; the model's name comes first. Tables that only sum up others are left out.

    Those with one title stand under one header; a blank line parts them from the next title's.
    """
    sections: dict[tuple[str, ...], list[Table]] = {}
    for block in blocks:
        if not isinstance(block, Table) or block.summary:
            continue
        table = block.for_scripts()
        if not table.columns:
            continue
        header = (table.title, *(column.key for column in table.columns))
        sections.setdefault(header, []).append(table)
    return "\n".join(_section(keys, members) for (_, *keys), members in sections.items())


def _section(keys: Iterable[str], tables: Sequence[Table]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    keys = list(keys)
    # why: a table with a row for each model has the name itself, and one of files is of no model
    named = "model" in keys or not any(table.subject for table in tables)
    writer.writerow(keys if named else ["model", *keys])
    for table in tables:
        subject = [] if named else [_field(table.subject)]
        writer.writerows([*subject, *map(_field, row)] for row in table.rows)
    return text.getvalue()


def _field(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).lower()
        case int() | float():
            return repr(cell)
        case tuple():
            return f"[{' '.join(printable(str(part)) for part in cell)}]"
        case str():
            return ("'" if cell.startswith(_FORMULA_STARTS) else "") + printable(cell)
