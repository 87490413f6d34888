"""The line of a document that an error is about, with a caret under what is wrong, for a terminal."""

from __future__ import annotations

from rnninspect.errors import Excerpt, printable
from rnninspect.formats.page import BAD, Page

_CUT = "..."
_TAB = "    "


def render(excerpt: Excerpt, width: int, *, colour: bool) -> str:
    """Three lines, none of them wider than `width`: a line that is too long is cut around the caret."""
    from rich.cells import cell_len  # why here: only an error in a terminal needs it

    start, stop = excerpt.start, excerpt.start + excerpt.length
    before, marked, after = (
        _shown(part) for part in (excerpt.text[:start], excerpt.text[start:stop], excerpt.text[stop:])
    )
    margin = " " * len(str(excerpt.line))
    room = max(width - len(margin) - len(" | "), 2 * len(_CUT) + 2)
    marked = _head(marked, room // 2)
    before = _head(before[::-1], room - max(cell_len(marked), 1) - len(_CUT), cut=_CUT[::-1])[::-1]
    after = _head(after, room - cell_len(before + marked))
    carets = "^" * max(cell_len(marked), 1)
    carets = Page(width, colour, ascii=False).paint(carets, BAD)
    return (
        f"{margin} |\n{excerpt.line} | {before}{marked}{after}".rstrip()
        + f"\n{margin} | {' ' * cell_len(before)}{carets}"
    )


def _shown(text: str) -> str:
    return "".join(_TAB if char == "\t" else printable(char) for char in text)


def _head(text: str, room: int, cut: str = _CUT) -> str:
    """As much of `text` as there is room for, and a mark where that is not all of it."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= room:
        return text
    return set_cell_size(text, max(room - len(cut), 0)) + cut[: max(room, 0)]
