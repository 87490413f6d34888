"""What stands under a heading of a page: a table, equations, a picture, code or a chart, and its notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rnninspect.formats.html_table import VERDICTS, Prose, grouped
from rnninspect.formats.page import MARKS, verdict_style
from rnninspect.markup import Markup, joined, tag, text
from rnninspect.results.table import Block, Chart, Code, Drawing, Formulas, Picture, Table

_NEW_LINE = Markup("\n")


class Place:
    """The names of what can be linked to on one page, no two the same."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def name(self, title: str) -> str:
        """`encoder-lstm-weights`, or with a number where that is taken."""
        plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "part"
        number = self._taken[plain] = self._taken.get(plain, 0) + 1
        # why not with a dash: a title may end in one and a number.
        return plain if number == 1 else f"{plain}.{number}"


def body(block: Block, prose: Prose, place: Place) -> Iterator[Markup]:
    """A block without its title. prose: what writes its sentences."""
    notes = block.notes
    match block:
        case Table():
            notes = (block.foot, *notes) if block.foot else notes
            if block.columns:
                yield _scrolling(grouped(block, prose), block.title or "table")
            elif len(notes) > 1:
                yield tag("ul", *(tag("li", prose(note)) for note in notes), class_="notes")
                notes = ()
        case Formulas():
            yield from _equations(block)
        case Drawing():
            yield _scrolling(tag("pre", _lines(block.lines), class_="drawing"), block.title)
        case Code():
            yield _copied(tag("pre", tag("code", _lines(block.lines))), "copy")
        case Picture():
            yield _scrolling(block.svg, block.title)
        case Chart():
            from rnninspect.formats.svg_chart import draw  # why here: most pages have none

            yield _scrolling(draw(block, place.name(f"chart {block.title}")), block.title)
            notes = (block.about, *notes) if block.about else notes
    yield from (tag("p", *_marked(note, prose), class_="note") for note in notes)


def _marked(note: str, prose: Prose) -> list[Markup]:
    """A sentence, with its first word marked where that says what it is: `warning: ...`."""
    word, colon, rest = note.partition(": ")
    if not colon or word not in MARKS:
        return [prose(note)]
    return [tag("strong", word, class_=VERDICTS.get(verdict_style(word))), prose(f": {rest}")]


def _equations(block: Formulas) -> Iterator[Markup]:
    from rnninspect.formats.latex import align  # why here: few pages have equations

    if not all(item.mathml for item in block.items):
        yield _scrolling(tag("pre", _lines([item.text for item in block.items])), block.title)
        return
    latex = joined(align(item.latex for item in block.items).split("\n"), Markup("&#10;"))
    yield _copied(_math([item.mathml for item in block.items], block.title), "copy LaTeX", latex)
    if all(item.mathml_sizes for item in block.items):
        sizes = _math([item.mathml_sizes for item in block.items], f"{block.title}, with sizes")
        yield tag("details", tag("summary", "with the size of every term"), sizes)


def _math(rows: Sequence[Markup | None], title: str) -> Markup:
    return _scrolling(
        tag("math", tag("mtable", *rows, displaystyle="true"), display="block", class_="equations"), title
    )


def _copied(shown: Markup, words: str, copied: Markup | None = None) -> Markup:
    """What can be copied with a click. copied: what is put there where it is not what is shown."""
    button = tag("button", words, type="button", class_="copy", hidden=True, data_copy=copied)
    return tag("div", button, shown, class_="copied")


def _scrolling(shown: Markup, title: str) -> Markup:
    """What may be wider than a phone, and then is moved by itself; the keyboard can, too."""
    return tag("div", shown, class_="scroll", role="region", aria_label=title, tabindex=0)


def _lines(lines: Sequence[str]) -> Markup:
    return joined(map(text, lines), _NEW_LINE)
