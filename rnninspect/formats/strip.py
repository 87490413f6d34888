"""One column of a table as text, and the widths that it can have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from rich.cells import cell_len

from rnninspect.formats.page import at_spaces
from rnninspect.results.table import Kind

# How a column gives way, each more than the one before.
AS_IT_LIKES, HEADING_WRAPPED, PROSE_WRAPPED, NAMES_BROKEN = range(4)
_GAP = 2
_PROSE = 24  # a text wider than this is prose, which wraps, but not to less than this
_STUB = 3  # the least of a name to leave on a line


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One column as text.

    key: says what a row is about, so it leads every piece.
    group, verdict: see Column.
    """

    heading: str
    cells: tuple[str, ...]
    total: str
    kind: Kind
    key: bool
    group: str
    verdict: bool

    @cached_property
    def widths(self) -> tuple[int, int, int, int]:
        """The least it needs at each step of giving way."""
        texts = [*self.cells, self.total]
        words = at_spaces(self.heading)
        wide, narrow = _widest([self.heading, *texts]), _widest([*words, *texts])
        if self.kind is not Kind.TEXT:
            return wide, narrow, narrow, narrow
        prose = max(_PROSE, _widest(words), _widest(word for text in texts for word in at_spaces(text)))
        return wide, narrow, min(narrow, prose), min(narrow, _STUB)

    def wraps(self, step: int) -> bool:
        """Whether its cells take several lines at a step of giving way: prose, and at the last any text."""
        prose, text = self.widths[PROSE_WRAPPED] < self.widths[HEADING_WRAPPED], self.kind is Kind.TEXT
        return prose if step == PROSE_WRAPPED else text and step == NAMES_BROKEN


def total_width(widths: Iterable[int]) -> int:
    """The width of a table of such columns."""
    return max(0, sum(width + _GAP for width in widths) - _GAP)


def _widest(texts: Iterable[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)
