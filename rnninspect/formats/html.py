"""A table as HTML without a style of its own, as a notebook shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from rnninspect.errors import printable
from rnninspect.formats.page import Page
from rnninspect.formats.texts import PAD, column_texts
from rnninspect.results.table import RIGHT_ALIGNED, Column, Table

_PAGE = Page(0, colour=False, ascii=False)


def table(shown: Table) -> str:
    """A table under its title, its total last and its foot below."""
    return "\n".join(_lines(shown.for_people().without_bars()))


def _lines(shown: Table) -> Iterator[str]:
    rows = [*shown.rows, shown.total or (None,) * len(shown.columns)]
    columns = [column_texts(column, [row[k] for row in rows], [], _PAGE) for k, column in enumerate(shown.columns)]
    *body, total = zip(*(texts for _, texts in columns), strict=True)
    yield "<table>"
    yield f"<caption>{_text(' · '.join(filter(None, (shown.subject, shown.title))))}</caption>"
    yield f"<thead>{_row(shown.columns, [heading for heading, _ in columns], 'th')}</thead>"
    yield f"<tbody>{''.join(_row(shown.columns, row) for row in body)}</tbody>"
    if shown.total:
        yield f"<tfoot>{_row(shown.columns, total, 'th')}</tfoot>"
    yield "</table>"
    yield from (f"<p>{_text(note)}</p>" for note in (shown.foot, *shown.notes) if note)


def _row(columns: Sequence[Column], texts: Iterable[str], tag: str = "td") -> str:
    cells = (
        f'<{tag} style="text-align: {"right" if column.kind in RIGHT_ALIGNED else "left"}">{_text(text)}</{tag}>'
        for column, text in zip(columns, texts, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _text(text: str) -> str:
    return escape(printable(text.replace(PAD, "")))
