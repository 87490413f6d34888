"""A page whose last line waits for torch: written at once, and only that line is written again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rnninspect.commands.shared.options import DocumentOptions
from rnninspect.commands.shared.rendering import last_line
from rnninspect.errors import RnnInspectError
from rnninspect.formats import Format
from rnninspect.output import terminal_width, write_text
from rnninspect.stop import INTERRUPTS, words

_ERASE = "\r\x1b[K"


def can_wait(options: DocumentOptions) -> bool:
    """Whether a page may stand before its proof: only where somebody sees its last line change."""
    can_change = terminal_width() is not None and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
    return can_change and options.format == Format.TABLE and options.output is None


class Pending:
    """The last line of a page."""

    def end(self, text: str) -> None:
        """Write `text` in the line's place."""
        write_text(f"{_ERASE}{last_line(text)}\n", None)

    def fail(self, reason: str) -> None:
        """Write there why torch has not answered."""
        write_text(f"{_ERASE}{last_line(f'plan · not proven: {reason}', doubtful=True)}\n", None)


@contextmanager
def pending(page: str) -> Iterator[Pending]:
    """Write a page, and under it that torch is still to answer; what ends the block too early ends the line."""
    line = Pending()
    write_text(f"{page}\n{last_line('plan · proving on torch ...')}", None)
    try:
        yield line
    except (*INTERRUPTS, Exception) as reason:
        line.fail(_words(reason))
        raise


def _words(reason: BaseException) -> str:
    if isinstance(reason, INTERRUPTS):
        return words(reason)
    return str(reason) if isinstance(reason, RnnInspectError) else type(reason).__name__
