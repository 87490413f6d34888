"""Markdown for pull requests and notebooks: a heading, a pipe table and its notes; numbers without units.

Equations are in LaTeX between dollar signs, which GitHub and Jupyter typeset; pictures and code stand in fences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from rnninspect.errors import printable
from rnninspect.results.table import RIGHT_ALIGNED, Block, Cell, Chart, Code, Drawing, Formulas, Kind, Table, tuple_text

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# why: an underscore between letters or digits never starts emphasis, so `weight_ih_l0` stays readable.
_SPECIAL = re.compile(r"[\\`*\[\]|~#$&<>]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK_START = re.compile(r"^(\d*)([-+=.)])")


def render(blocks: Sequence[Block], caption: str) -> str:
    """`blocks` one under the other, and the caption in italics."""
    paragraphs = [paragraph for block in blocks for paragraph in _paragraphs(block)]
    if caption:
        paragraphs.append(f"*{_escaped(caption)}*")
    return "\n\n".join(paragraphs) + "\n"


def _paragraphs(block: Block) -> Iterable[str]:
    yield f"### {': '.join(_escaped(part) for part in (block.subject, block.title) if part)}"
    notes = block.notes
    match block:
        case Table():
            table = block.on_paper()
            notes = table.notes
            if table.columns:
                yield "\n".join(_lines(table))
        case Formulas():
            # why the sizes alone where there are any: they stand under the names, so both are there.
            yield from (f"$$\n{printable(item.latex_sizes or item.latex)}\n$$" for item in block.items)
        case Drawing():
            yield _fenced(block.lines)
        case Code():
            yield _fenced(block.lines, "python")
        case Chart():
            from rnninspect.formats.chart import draw

            yield _fenced(draw(block, 80))
    for note in notes:
        # why: a paragraph that starts with `-` or `1.` would be a list.
        yield _BLOCK_START.sub(r"\1\\\2", _escaped(note))


def _fenced(lines: Sequence[str], language: str = "") -> str:
    """Lines as they are, between fences that none of them can end."""
    ticks = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    return "\n".join([fence + language, *map(printable, lines), fence])


def _lines(table: Table) -> Iterable[str]:
    yield _line(_escaped(column.heading) for column in table.columns)
    yield _line("---:" if column.kind in RIGHT_ALIGNED else "---" for column in table.columns)
    for row in table.rows:
        yield _line(_cell(column.kind, cell) for column, cell in zip(table.columns, row, strict=True))
    if table.total is not None:
        yield _line(f"**{text}**" if text else "" for text in map(_text, table.total))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(kind: Kind, cell: Cell) -> str:
    if kind is Kind.SYMBOL and isinstance(cell, str):
        from rnninspect.formats import latex  # why here: few tables hold symbols

        return f"${latex.symbol(cell)}$"
    return _text(cell)


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).lower()
        case tuple():
            return _escaped(tuple_text(cell))
        case str():
            return _escaped(cell)
        case float() if math.isfinite(cell):
            return repr(round(cell, 1) if abs(cell) >= 1e5 else float(f"{cell:.6g}"))
        case int() | float():
            return repr(cell)


def _escaped(text: str) -> str:
    """`text` so that markdown shows it as it is."""
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0], "\\" + match[0]), printable(text).strip())
