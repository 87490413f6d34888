"""A page in HTML: one file that needs no script, fetches nothing, and reads on a phone, in the dark and on paper.

Its policy lets in the one style sheet and the one script that stand in it, and nothing else: no text of a document
could run, even if it became a tag.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rnninspect.formats.html_block import Place, body
from rnninspect.formats.html_symbols import prose, symbols_in
from rnninspect.formats.html_table import VERDICTS
from rnninspect.formats.page import verdict_style
from rnninspect.markup import Markup, joined, tag
from rnninspect.results.table import SEVERAL, Answer, Block, Picture

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
