"""Markdown for pull requests and notebooks: a heading, a pipe table and its notes; values as a terminal shows them.

Equations are in LaTeX between dollar signs, which GitHub and Jupyter typeset; pictures and code stand in fences.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate

from rnninspect.errors import printable
from rnninspect.formats.page import Page
from rnninspect.formats.texts import PAD, table_texts
from rnninspect.results.digest import Digest, Fold
from rnninspect.results.table import RIGHT_ALIGNED, Block, Chart, Code, Drawing, Formulas, Kind, Table

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# why: an underscore between letters or digits never starts emphasis, so `weight_ih_l0` stays readable.
_SPECIAL = re.compile(r"[\\`*\[\]|~#$&<>]|(?<![^\W_])_|_(?![^\W_])")
_PAGE = Page(sys.maxsize, colour=False, ascii=False)
_BLOCK_START = re.compile(r"^(\d*)([-+=.)])")


def render(blocks: Sequence[Block], caption: str) -> str:
    """`blocks` one under the other, and the caption in italics."""
    paragraphs = [paragraph for block in blocks for paragraph in _paragraphs(block)]
    if caption:
        paragraphs.append(f"*{_escaped(caption)}*")
    return _joined(paragraphs)


def digest(page: Digest, room: int) -> str:
    """A page for a job or a pull request of at most `room` bytes; folds that do not fit are left out, and counted."""
    head = [f"## {_escaped(page.answer.text)}"]
    head += [paragraph for block in page.shown for paragraph in _paragraphs(block)]
    if page.points:
        head.append("\n".join(f"- {_escaped(point)}" for point in page.points))
    if page.answer.command:
        head += [_escaped(page.answer.remedy.capitalize()), _fenced([page.answer.command])]
    end = [f"*{_escaped(page.caption)}*"] if page.caption else []
    folds = [_folded(fold) for fold in page.folded]
    kept = _fitting(folds, room - _size([*head, *end]))
    if len(kept) < len(folds):
        kept = _fitting(folds, room - _size([*head, *end, _left_out(len(folds), len(folds))]))
        end.insert(0, _left_out(len(folds) - len(kept), len(folds)))
    return cut(_joined([*head, *kept, *end]), room)


def cut(text: str, room: int) -> str:
    """`text`, or as many lines of it as `room` bytes can hold and a last one that says so."""
    if len(text.encode()) <= room:
        return text
    note = "\n\n(cut here: GitHub takes no more text)\n"
    if room < len(note.encode()):
        return ""
    kept = text.encode()[: room - len(note.encode())].decode(errors="ignore")
    return kept[: kept.rfind("\n")] + note


def _left_out(number: int, of: int) -> str:
    return (
        f"({number:,} of {of:,} folded parts are left out, as GitHub takes no more text; --format json has everything)"
    )


def _fitting(folds: Sequence[str], room: int) -> list[str]:
    """The first of the folds that have room together, each with an empty line."""
    return [
        fold for fold, size in zip(folds, accumulate(_size([fold]) + 1 for fold in folds), strict=True) if size <= room
    ]


def _size(paragraphs: Iterable[str]) -> int:
    return len(_joined(paragraphs).encode())


def _joined(paragraphs: Iterable[str]) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _folded(fold: Fold) -> str:
    paragraphs = [paragraph for block in fold.blocks for paragraph in _paragraphs(block)]
    # why a paragraph of its own: after the tag GitHub reads Markdown only where an empty line stands between.
    return "\n\n".join([f"<details><summary>{escape(printable(fold.title))}</summary>", *paragraphs, "</details>"])


def _paragraphs(block: Block) -> Iterable[str]:
    yield f"### {': '.join(_escaped(part) for part in (block.subject, block.title) if part)}"
    notes = block.notes
    match block:
        case Table():
            table = block.for_people().without_bars()
            notes = (table.foot, *table.notes) if table.foot else table.notes
            if table.columns:
                yield "\n".join(_lines(table))
        case Formulas():
            # why the sizes alone where there are any: they stand under the names, so both are there.
            yield from (f"$$\n{printable(item.latex_sizes or item.latex)}\n$$" for item in block.items)
        case Drawing():
            yield _fenced(block.lines)
        case Code():
            yield _fenced(block.lines, block.language)
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
    texts = list(table_texts(table, _PAGE))
    columns = [_column(column.kind, cells) for column, (_, cells) in zip(table.columns, texts, strict=True)]
    yield _line(_escaped(heading) for heading, _ in texts)
    yield _line("---:" if column.kind in RIGHT_ALIGNED else "---" for column in table.columns)
    *lines, total = zip(*columns, strict=True)
    yield from map(_line, lines)
    if table.total is not None:
        yield _line(f"**{text}**" if text else "" for text in total)


def _column(kind: Kind, texts: Sequence[str]) -> list[str]:
    if kind is Kind.SYMBOL:
        from rnninspect.formats import latex  # why here: few tables hold symbols

        return [f"${latex.symbol(text)}$" if text else "" for text in texts]
    # why without the pads: they stand decimal points under each other, where all characters are as wide as another.
    return [_escaped(text.replace(PAD, "")) for text in texts]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """`text` so that markdown shows it as it is."""
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0], "\\" + match[0]), printable(text).strip())
