"""What is no table, for the terminal: equations with the sizes below them, pictures, code and charts.

An equation that is too wide wraps before a sign; a picture that is too wide is left out, because neither cut nor
wrapped would it say anything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from rnninspect.errors import printable
from rnninspect.formats.page import Page, wrapped
from rnninspect.results.table import Chart, Code, Drawing, Formulas

_INDENT = "  "
_BEFORE_SIGN = re.compile(r"(?<= )(?=[-+*⊙] )")
# The signs of an equation where there is only ASCII; a product of sizes is Python's.
_SIGNS = str.maketrans({"σ": "sigmoid", "√": "sqrt", "⊙": "*", "·": "@"})
# A character each, so that a picture keeps its shape.
_STROKES = str.maketrans("─│┌┐└┘├┤┬┴┼→←↑↓⋮·…", "-|+++++++++><^v:..")


def sections(block: Formulas | Drawing | Code | Chart, page: Page) -> Iterator[list[str]]:
    """The paragraphs of a block: its title and what it shows, then its notes."""
    notes = block.notes
    match block:
        case Formulas():
            shown = list(_equations(block, page))
            notes = tuple(_with_signs(note, page) for note in notes)
        case Drawing():
            shown = in_ascii(block.lines) if page.ascii else [printable(line) for line in block.lines]
            needed = max(map(cell_len, shown), default=0)
            if needed > page.width:
                shown = []
                notes = (f"The picture needs {needed} columns, and here are {page.width}; | less -S shows it whole.",)
        case Code():
            shown = [line for code in block.lines for line in wrapped(page.plain(code), page.width, hang=_INDENT * 2)]
        case Chart():
            from rnninspect.formats.chart import draw

            shown = draw(block, 80 if page.width == sys.maxsize else page.width, page.ascii)
    title = page.title(block.subject, block.title)
    yield title + (shown or page.notes(notes))
    if shown and notes:
        yield page.notes(notes)


def in_ascii(lines: Sequence[str]) -> list[str]:
    """A picture's lines drawn in ASCII."""
    return [printable(line).translate(_STROKES).encode("ascii", "backslashreplace").decode() for line in lines]


def _equations(block: Formulas, page: Page) -> Iterator[str]:
    """Each equation and its sizes, the equals signs of all under each other."""
    rows = [(text, style) for item in block.items for text, style in ((item.text, ""), (item.sizes, "dim")) if text]
    sides = [page.plain(_with_signs(text, page)).partition(" = ") for text, _ in rows]
    margin = max((cell_len(left) for left, equals, _ in sides if equals), default=0)
    for (left, equals, right), (_, style) in zip(sides, rows, strict=True):
        lead = " " * (margin - cell_len(left)) + left + equals if equals else _INDENT
        for line in _wrapped(lead, right if equals else left, page.width):
            yield page.paint(line, style)


def _with_signs(text: str, page: Page) -> str:
    return text.translate(_SIGNS) if page.ascii else text


def _wrapped(lead: str, text: str, width: int) -> list[str]:
    """`lead` and `text`, the text broken before its signs and continued below its start."""
    lines = [lead]
    for piece in _BEFORE_SIGN.split(text):
        begun = lines[-1] != lead and lines[-1].strip()
        if begun and cell_len((lines[-1] + piece).rstrip()) > width:
            lines.append(" " * cell_len(lead))
        lines[-1] += piece
    lines = [line.rstrip() for line in lines]
    if max(map(cell_len, lines)) <= width:
        return lines
    return wrapped(lead.lstrip() + text, width, hang=_INDENT)
