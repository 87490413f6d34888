"""A page in HTML: one file that needs no script, fetches nothing, and reads on a phone, in the dark and on paper.

Its policy lets in the one style sheet and the one script that stand in it, and nothing else: no text of a document
could run, even if it became a tag.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rnninspect.formats.html_symbols import prose, symbols_in
from rnninspect.formats.html_table import VERDICTS, Prose, grouped
from rnninspect.formats.page import MARKS, verdict_style
from rnninspect.markup import Markup, joined, tag, text
from rnninspect.results.table import SEVERAL, Answer, Block, Chart, Code, Drawing, Formulas, Picture, Table

_STYLE = Path(__file__).with_name("page.css")
# Copying is all that needs one; its buttons are hidden where it does not run.
_SCRIPT = """if (navigator.clipboard) for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.onclick = () => navigator.clipboard.writeText(button.dataset.copy ?? button.nextElementSibling.textContent)
    .then(() => { button.textContent = "copied"; });
}"""
_NEW_LINE = Markup("\n")


class Made(NamedTuple):
    """What made a page: the command's name, the command line as it can be typed, and the versions of what ran."""

    name: str
    line: str
    versions: str


class _Part(NamedTuple):
    """Blocks under one heading, "" for none, each with its own title below that."""

    heading: str
    blocks: tuple[tuple[str, Block], ...]


def render(blocks: Sequence[Block], caption: str, *, made: Made, answer: Answer | None = None) -> str:
    """`blocks` one under the other, what they come to and the caption over them, and below what made the page."""
    subjects = list(dict.fromkeys(block.subject for block in blocks))
    title = subjects[0] if len(subjects) == 1 and subjects[0] not in ("", SEVERAL) else made.name
    place = Place()
    sections, entries = [], []
    for part in _parts(blocks, several=len(subjects) > 1):
        section, entry = _section(part, place)
        sections.append(section)
        entries.append(entry)
    main = [
        tag("header", *_head(title, caption, made, answer)),
        _contents(entries),
        tag("main", *sections),
        tag("footer", tag("p", "Made by ", tag("code", made.line)), tag("p", made.versions)),
    ]
    styles = dict.fromkeys(block.style for block in blocks if isinstance(block, Picture))
    style = "".join([_STYLE.read_text(encoding="utf-8"), *styles])
    return _document(f"{title} · {made.name}" if title != made.name else title, main, style, made)


def _document(title: str, main: Sequence[Markup | None], style: str, made: Made) -> str:
    allowed = {"style-src": _hash(style), "script-src": _hash(_SCRIPT), "base-uri": "'none'", "form-action": "'none'"}
    policy = "; ".join(["default-src 'none'", *(f"{what} {where}" for what, where in allowed.items())])
    head = [
        tag("meta", charset="utf-8"),
        # why before the style: it holds for what stands below it.
        Markup('<meta http-equiv="Content-Security-Policy"') + Markup(f' content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content=made.versions),
        tag("title", title),
        tag("style", Markup(style)),
    ]
    lines = [tag("head", joined(map(Markup, head), _NEW_LINE)), tag("body", *main, tag("script", Markup(_SCRIPT)))]
    return f"<!doctype html>\n{tag('html', *lines, lang='en')}\n"


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _head(title: str, caption: str, made: Made, answer: Answer | None) -> Iterator[Markup]:
    """What the page is, and what it comes to."""
    yield tag("p", f"rnninspect {made.name if title != made.name else ''}", class_="kicker")
    yield tag("h1", title)
    if answer is not None:
        command = tag("code", answer.command) if answer.command else None
        verdict = VERDICTS.get(verdict_style(answer.verdict))
        yield tag("p", answer.sentence, " " if command else None, command, class_=joined(["answer ", verdict]))
    if caption:
        yield tag("p", caption, class_="caption")


def _parts(blocks: Sequence[Block], *, several: bool) -> Iterator[_Part]:
    """Under one heading what is of one layer, or of one subject where the page has several."""
    for (subject, section), group in groupby(blocks, lambda block: (block.subject if several else "", block.section)):
        members = tuple((block.title.removeprefix(f"{section}: "), block) for block in group)
        heading = " · ".join(filter(None, (subject if subject != SEVERAL else "", section)))
        if heading and (section or len(members) > 1):
            yield _Part(heading, members)
        else:
            yield from (_Part(" · ".join(filter(None, (heading, own))), (("", block),)) for own, block in members)


def _section(part: _Part, place: Place) -> tuple[Markup, Markup | None]:
    """A part of the page, and its entry in the contents."""
    written = prose(symbols_in(block for _, block in part.blocks))
    name = place.name(part.heading or "result")
    shown, below = [], []
    # why: where there is but one thing under a heading, another over it would say the same.
    alone = len(part.blocks) == 1
    for title, block in part.blocks:
        title = "" if alone else title
        own = place.name(f"{part.heading} {title}") if title else ""
        heading = tag("h3", _linked(title, own)) if title else None
        shown.append(tag("section", heading, *body(block, written, place), id=own or None, class_="block"))
        below += [tag("li", tag("a", title, href=f"#{own}"))] if title else []
    heading = tag("h2", _linked(part.heading, name)) if part.heading else None
    entry = tag("li", tag("a", part.heading, href=f"#{name}"), tag("ul", *below) if below else None)
    return tag("section", heading, *shown, id=name), entry if part.heading else None


def _linked(title: str, name: str) -> Markup:
    return tag("a", title, href=f"#{name}")


def _contents(entries: Sequence[Markup | None]) -> Markup | None:
    """The table of contents, where there is more than one thing to find."""
    told = [entry for entry in entries if entry is not None]
    if len(told) < 2:
        return None
    return tag("nav", tag("ul", *told), aria_label="Contents")


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
