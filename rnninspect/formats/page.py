"""What everything on a terminal is printed on: its width, its colours, its characters, and text in lines of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# why: this and `rich.style` import in 10 ms; rich's Console and Table take 25 ms and would add nothing here.
from rich.cells import cell_len, chop_cells

from rnninspect.errors import printable
from rnninspect.output import IN_ASCII

_AFTER_SPACE = re.compile(r"(?<= )")
_AFTER_JOINT = re.compile(r"(?<=[_./])(?=[^\W\d])")  # a letter follows, so `0.5` stays whole

# why of the 256 and not the first 16: those are the terminal's own, whose yellow is not to be read on white in many.
GOOD, BAD, DOUBTFUL = "color(28)", "color(160)", "color(136)"  # green, red, a dark yellow
_VERDICTS = {
    GOOD: ("ok", "agree", "FASTER", "steady"),
    BAD: ("error", "FAILED", "OVER", "SLOWER", "DIFFERS", "differ", "failed", "crashed", "damaged"),
    DOUBTFUL: (
        "warning",
        "note",
        "checked",
        "UNCLEAR",
        "drifting",
        "disturbed",
        "timeout",
        "memory",
        "usable",
        "undecided",
    ),
}
# What a line begins with that says what it is.
MARKS = ("error", "warning", "note", "undecided", "damaged")
_STYLES = {word: style for style, words in _VERDICTS.items() for word in words}


def verdict_style(text: str) -> str:
    """The colour of a verdict, by its first word that has one: `disturbed (...)`, `no usable figure`; "" for none."""
    return next((_STYLES[word] for word in re.findall(r"\w+", text) if word in _STYLES), "")


class Page(NamedTuple):
    """What the blocks are printed on."""

    width: int
    colour: bool
    ascii: bool

    def plain(self, text: str) -> str:
        """`text` in characters that the page can show."""
        text = printable(text)
        return text.translate(IN_ASCII).encode("ascii", "backslashreplace").decode() if self.ascii else text

    def paint(self, text: str, style: str) -> str:
        """`text` in a style of rich's, such as "bold"."""
        if not self.colour or not style:
            return text
        from rich.color import ColorSystem
        from rich.style import Style

        return Style.parse(style).render(text, color_system=ColorSystem.EIGHT_BIT)

    def marked(self, line: str) -> str:
        """`line` with its first word painted where that says what it is: `error: ...`, `warning: ...`."""
        word, colon, rest = line.partition(": ")
        return self.paint(word, verdict_style(word)) + colon + rest if word in MARKS else line

    def joined(self, texts: Iterable[str]) -> str:
        """The parts of a title."""
        return self.plain(" · ").join(text for text in texts if text)

    def rule(self, width: int) -> str:
        """A line below a heading."""
        return self.paint(self.plain("─") * width, "dim")

    def title(self, *parts: str) -> list[str]:
        """What stands over a block: the model, what is shown of it."""
        return [self.paint(line, "bold") for line in wrapped(self.joined(map(self.plain, parts)), self.width)]

    def notes(self, notes: Iterable[str]) -> list[str]:
        """The sentences under a block."""
        return [self.marked(line) for note in notes for line in wrapped(self.plain(note), self.width, hang="  ")]


def wrapped(text: str, width: int, hang: str = "") -> list[str]:
    """`text` in lines of `width`, broken at the gentlest places that will do.

    Lines after the first are indented as the first is, and by `hang`.
    """
    if cell_len(text) <= width:
        return [text]
    body = text.lstrip()
    indent = (text[: len(text) - len(body)] + hang)[: max(0, width - 1)]
    lines = [indent.removesuffix(hang)]
    room = max(1, width - len(indent))
    for piece in _pieces(body, room):
        if cell_len((lines[-1] + piece).rstrip()) <= width:
            lines[-1] += piece
        else:
            lines.append(indent + piece)
    return [line.rstrip() for line in lines if line.strip()]


def at_spaces(text: str) -> list[str]:
    """The pieces of a text that wraps at spaces."""
    return [word.rstrip() for word in _AFTER_SPACE.split(text)]


def _pieces(text: str, width: int) -> Iterator[str]:
    for word in _AFTER_SPACE.split(text):
        if cell_len(word.rstrip()) <= width:
            yield word
            continue
        for piece in _AFTER_JOINT.split(word):
            yield from [piece] if cell_len(piece.rstrip()) <= width else chop_cells(piece, width)
