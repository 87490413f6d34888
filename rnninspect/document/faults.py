"""The faults of a document, gathered so that all of them are told at once, in the order of the document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rnninspect.document.source import LINE_BREAK, line_starts
from rnninspect.errors import MOST_TOLD, DocumentError, Excerpt, Place, RnnInspectError

# How much of a line is kept on each side of what is wrong: more than a terminal is wide.
_MOST_KEPT = 400
# What stands at a place: a text in quotes, or a word.
_VALUE = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'|[^\s,\[\]{}:#"']+""")


class Faults:
    """What is wrong with a document, as far as it has been looked through."""

    def __init__(self, found: Iterable[DocumentError] = ()) -> None:
        self._found = list(found)
        self._places: set[tuple[Place, str]] = set()

    def __len__(self) -> int:
        return len(self._found)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """A block whose faults are kept for later."""
        try:
            yield
        except DocumentError as error:
            self._found += error.faults

    def add(self, *found: DocumentError) -> None:
        """Keep what was found otherwise."""
        self._found += found

    def add_once(self, found: DocumentError) -> None:
        """Keep what was found, unless something was at the same place: the copies of a repeated layer have one."""
        if (found.place, found.path) not in self._places:
            self._places.add((found.place, found.path))
            self.add(found)

    def tell(self) -> None:
        """Raise DocumentError with all that was found, if anything was."""
        if self._found:
            raise together(self._found)


def together(found: Iterable[DocumentError]) -> DocumentError:
    """The first of several faults in the order of the document, which has the others with it."""
    once: dict[tuple[Place, str], DocumentError] = {}
    for fault in found:
        # why: what stands at an anchor is wrong under every alias too, and is mended there.
        once.setdefault((fault.place, fault.message), fault)
    # why options last: they stand on no line.
    first, *others = sorted(
        once.values(), key=lambda fault: (not fault.place.line, fault.place.line or 0, fault.place.column or 0)
    )
    first.also = tuple(others)
    return first


@contextmanager
def with_excerpts(text: str, source: str) -> Iterator[None]:
    """A block whose errors get the line of `text` that they are about."""
    try:
        yield
    except DocumentError as error:
        add_excerpts(error, text, source)
        raise


def add_excerpts(error: RnnInspectError, text: str, source: str) -> None:
    """Give the faults that are told the line of `text` that they are about, where their place is in `source`."""
    starts = line_starts(text)
    for fault in error.faults[:MOST_TOLD]:
        place = fault.place
        if place is not None and place.source == source and place.line is not None and place.column is not None:
            fault.excerpt = _excerpt(text, starts, place.line, place.column)


def _excerpt(text: str, starts: list[int], line: int, column: int) -> Excerpt:
    start, end = starts[line - 1], starts[line] if line < len(starts) else len(text)
    at = start + column - 1
    first, last = max(start, at - _MOST_KEPT), min(end, at + _MOST_KEPT)
    value = _VALUE.match(text, at, last)
    shown = LINE_BREAK.sub("", text[first:last])
    return Excerpt(line=line, text=shown, start=at - first, length=value.end() - at if value else 1)
