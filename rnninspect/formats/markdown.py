"""Markdown for pull requests and notebooks: a heading, a pipe table and its notes; numbers are raw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rnninspect.errors import printable
from rnninspect.tables.table import Cell, Kind, Table

_RIGHT_ALIGNED = {Kind.COUNT, Kind.BYTES, Kind.NUMBER}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# why: an underscore between letters or digits never starts emphasis, so `weight_ih_l0` stays readable.
_SPECIAL = re.compile(r"[\\`*\[\]|~#$&<>]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK_START = re.compile(r"^(\d*)([-+=.)])")


def render(tables: Sequence[Table], caption: str) -> str:
    """`tables` one under the other, and the caption in italics."""
    blocks = [block for table in tables for block in _blocks(table.for_people())]
    if caption:
        blocks.append(f"*{_escaped(caption)}*")
    return "\n\n".join(blocks) + "\n"


def _blocks(table: Table) -> Iterable[str]:
    yield f"### {_escaped(table.subject)}: {_escaped(table.title)}"
    if table.columns:
        yield "\n".join(_lines(table))
    for note in table.notes:
        # why: a paragraph that starts with `-` or `1.` would be a list.
        yield _BLOCK_START.sub(r"\1\\\2", _escaped(note))


def _lines(table: Table) -> Iterable[str]:
    yield _line(_escaped(column.heading) for column in table.columns)
    yield _line("---:" if column.kind in _RIGHT_ALIGNED else "---" for column in table.columns)
    for row in table.rows:
        yield _line(map(_text, row))
    if table.total is not None:
        yield _line(f"**{text}**" if text else "" for text in map(_text, table.total))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).lower()
        case tuple():
            return _escaped(f"({', '.join(map(str, cell))}{',' if len(cell) == 1 else ''})")
        case str():
            return _escaped(cell)
        case int() | float():
            return repr(cell)


def _escaped(text: str) -> str:
    """`text` so that markdown shows it as it is."""
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0], "\\" + match[0]), printable(text).strip())
