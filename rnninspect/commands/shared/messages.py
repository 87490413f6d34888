"""What is not a result goes to stderr, one line each; in a terminal what an error is about stands under it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from rnninspect.errors import MOST_TOLD, Excerpt, OutputFailed, RnnInspectError, printable
from rnninspect.output import terminal_width, wants_colour, write_stderr


def say(line: str) -> None:
    """Print one line to stderr, in a terminal wrapped between words; where there is none, nothing."""
    width = terminal_width(sys.stderr)
    if width is not None and len(line) > width:
        from textwrap import fill  # why here: only a long line in a terminal needs it

        # why no word is broken: a path is to be copied whole.
        line = fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    _write(line)


def _write(text: str) -> None:
    if os.environ.get("GITHUB_ACTIONS"):
        # why: a value that an error repeats could hold it, and the runner would take it for a command
        text = text.replace("##[", "## [")
    if wants_colour(sys.stderr):
        from rnninspect.formats.page import Page  # why here: where there are no colours nothing of it is needed

        text = Page(0, colour=True, ascii=False).marked(text)
    write_stderr(f"{text}\n")


def say_notes(notes: Iterable[str]) -> None:
    """Print remarks, a line each."""
    for note in notes:
        say(f"note: {note}")


def say_wrote(path: Path, more: str = "") -> None:
    """Say that a file was written beside the result."""
    say(f"note: wrote {printable(str(path))}{more}")


def could_print(print_page: Callable[[], None]) -> bool:
    """Print what there is when a run is ended; whether that went, and else why not is said.

    why no other end then: SIGHUP comes because the terminal is gone.
    """
    try:
        print_page()
    except OutputFailed as error:
        complain(error)
        return False
    return True


def complain(error: RnnInspectError, source: str = "") -> int:
    """Print an error's lines, one for each fault, and return its exit code.

    source: of several documents the one that it is about, as a complaint about an option does not say.
    """
    for fault in error.faults[:MOST_TOLD]:
        about = f"{printable(source)}: " if source and source not in str(fault) else ""
        say(f"error: {about}{fault}")
        if fault.excerpt is not None:
            _show(fault.excerpt)
    untold = len(error.faults) - MOST_TOLD
    if untold > 0:
        say(f"note: {untold:,} more errors in {printable(error.place.source) if error.place else 'it'} are not told")
    return error.exit_code


def say_count(errors: int) -> None:
    """Print how many errors there were, where there was more than one."""
    if errors > 1:
        say(f"{errors:,} errors")


def _show(excerpt: Excerpt) -> None:
    width = terminal_width(sys.stderr)
    if width is not None:
        from rnninspect.formats import excerpt as drawn  # why here: only an error in a terminal needs it

        _write(drawn.render(excerpt, width, colour=wants_colour(sys.stderr)))
