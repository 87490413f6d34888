"""A place inside a text of several lines: from a line and a column of the text to those of the document."""

from __future__ import annotations

import re

from rnninspect.cells.tree import CellError
from rnninspect.document.paths import Path
from rnninspect.document.source import index_of, place_at
from rnninspect.document.tree import Tree
from rnninspect.errors import Place

# As Python ends a line, which parses the texts: a carriage return alone does too.
_LINE_BREAK = re.compile("\r\n|[\r\n]")
# What stands before a value's first character: an anchor, and the head of a block or a quote.
_HEAD = re.compile(r"(&[^\s,\[\]{}]+\s+)?([|>][^\n\r]*|[\"'])?")


def place_inside(path: Path, tree: Tree, error: CellError) -> tuple[Place, str]:
    """Where in the document a fault in the text at `path` is, and what to say of it.

    Where its place cannot be found, as in what an option gives, the text's own line and column are told.
    """
    place, text = tree.place(path), tree.at(path)
    if error.line is None or not isinstance(text, str):
        return place, error.message
    found = None
    if place.source == tree.source and place.line is not None:
        offset = _offset(text, error.line, error.column or 1)
        found = None if offset is None else _index(tree.text, index_of(place, tree.text), text, offset)
    if found is not None:
        return place_at(tree.text, found, tree.source), error.message
    column = "" if error.column is None else f", column {error.column}"
    return place, f"line {error.line}{column}: {error.message}"


def _offset(text: str, line: int, column: int) -> int | None:
    """Where in the text a line and a column are; None where its lines are counted otherwise and there are fewer."""
    starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]
    if line > len(starts):
        return None
    end = starts[line] - 1 if line < len(starts) else len(text)
    return min(starts[line - 1] + column - 1, end)


def _index(source: str, start: int, text: str, offset: int) -> int | None:
    """Where in the source the character of `text` at `offset` is; None where they do not say the same.

    why without white space: that is what the ways of writing a text in YAML change.
    """
    head = _HEAD.match(source, start)
    assert head is not None
    at = head.end()
    last = at
    for k, sign in enumerate(text):
        if k >= offset and not sign.isspace():
            break
        if sign.isspace():
            continue
        while at < len(source) and source[at].isspace():
            at += 1
        if at >= len(source) or source[at] != sign:
            return None
        at += 1
        last = at
    else:
        return last if text.strip() else None
    while at < len(source) and source[at].isspace():
        at += 1
    index = at if at < len(source) and source[at] == text[k] else None
    # why: at white space, what stands before it is what a reader looks at.
    return index if text[offset : offset + 1].strip() else last
