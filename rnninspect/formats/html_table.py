"""Tables in HTML: of a page, which has a style sheet, and of a notebook, which has none of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from rnninspect.formats.html_symbols import symbol
from rnninspect.formats.page import BAD, DOUBTFUL, GOOD, Page, verdict_style
from rnninspect.formats.texts import PAD, table_texts, text_of
from rnninspect.markup import Markup, tag, text
from rnninspect.results.table import RIGHT_ALIGNED, Column, Kind, Table

# What writes a text of prose, or a symbol.
Prose = Callable[[str], Markup]

_PAGE = Page(0, colour=False, ascii=False)
_PROSE = 32  # a text longer than this is prose, which wraps
# As wide as a digit, so that decimal points stand under each other.
_FIGURE_SPACE = Markup("&#x2007;")
VERDICTS = {GOOD: "good", BAD: "bad", DOUBTFUL: "doubt"}


def notebook(table: Table) -> str:
    """A table under its title, its total last and its foot below, as a notebook shows it."""
    shown = table.for_people().without_bars()
    headings, columns = zip(*table_texts(shown, _PAGE), strict=True)
    *body, total = zip(*columns, strict=True)
    parts = [
        tag("caption", " · ".join(filter(None, (shown.subject, shown.title)))),
        tag("thead", _plain_row(shown.columns, headings, "th")),
        tag("tbody", *(_plain_row(shown.columns, row) for row in body)),
        tag("tfoot", _plain_row(shown.columns, total, "th")) if shown.total else None,
    ]
    notes = [tag("p", note) for note in (shown.foot, *shown.notes) if note]
    return "\n".join([tag("table", *parts), *notes])


def _plain_row(columns: Sequence[Column], texts: Sequence[str], name: str = "td") -> Markup:
    sides = (f"text-align: {'right' if column.kind in RIGHT_ALIGNED else 'left'}" for column in columns)
    cells = zip(texts, sides, strict=True)
    return tag("tr", *(tag(name, cell.replace(PAD, ""), style=side) for cell, side in cells))


def grouped(table: Table, prose: Prose) -> Markup:
    """A table for a page: what the rows of a group share stands once, in a row over them; its notes are not in it."""
    shown = table.for_people().without_bars()
    about = _about(shown)
    own = [k for k in range(len(shown.columns)) if k not in about]
    texts = list(table_texts(shown, _PAGE))
    columns = [_cells(column, cells, prose) for column, (_, cells) in zip(shown.columns, texts, strict=True)]
    *rows, total = zip(*columns, strict=True)
    sides = ["n" if column.kind in RIGHT_ALIGNED else None for column in shown.columns]
    headings = [tag("th", texts[k][0], scope="col", class_=sides[k]) for k in own]
    bodies = []
    for over, members in groupby(enumerate(rows), key=lambda row: _over(shown, about, row[0])):
        head = tag("tr", tag("th", *over, scope="rowgroup", colspan=len(own))) if over else None
        body = (tag("tr", *(row[k] for k in own)) for _, row in members)
        bodies.append(tag("tbody", head, *body, class_="group" if over else None))
    foot = None
    if shown.total is not None:
        name = _over(shown._replace(rows=(shown.total,)), about, 0)[:1]
        first, *others = (total[k] for k in own)
        foot = tag("tfoot", tag("tr", tag("td", *name) if name else first, *others))
    return tag("table", tag("thead", tag("tr", *headings)), *bodies, foot)


def _about(table: Table) -> list[int]:
    """The columns that say what the rows of a group are about, where there are groups of several rows."""
    about = [k for k, column in enumerate(table.columns) if column.repeats]
    groups = {tuple(row[k] for k in about) for row in table.rows}
    # why with another column left: rows of bare groups would say nothing.
    return about if len(groups) < len(table.rows) and len(about) < len(table.columns) else []


def _over(table: Table, about: Sequence[int], row: int) -> list[Markup]:
    """What a group is about, its name first."""
    texts = (text_of(table.columns[k].kind, table.rows[row][k]) for k in about)
    first, *others = [*filter(None, texts), ""]
    return [text(first), *(tag("span", f" {other}") for other in others if other)] if first else []


def _cells(column: Column, texts: Sequence[str], prose: Prose) -> list[Markup]:
    side = "n" if column.kind in RIGHT_ALIGNED else None
    if column.kind is Kind.TEXT and any(len(cell) > _PROSE for cell in texts):
        side = "prose"
    return [
        tag(
            "td",
            _shown(column.kind, cell, prose),
            Markup(_FIGURE_SPACE * cell.count(PAD)),
            class_=VERDICTS.get(verdict_style(cell)) if column.verdict else side,
        )
        for cell in texts
    ]


def _shown(kind: Kind, cell: str, prose: Prose) -> Markup:
    plain = cell.replace(PAD, "")
    match kind:
        case Kind.SHAPE if plain:
            return tag("code", plain)
        case Kind.SYMBOL:
            return symbol(plain)
        case _:
            return prose(plain)
